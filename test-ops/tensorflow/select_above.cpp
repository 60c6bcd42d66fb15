// The elements that are greater than a threshold: how many there are depends on the data.
#include <stdexcept>
#include <string>

#include "kernels.h"
#include "registration.h"

namespace sample_library {
namespace {

const char* const kSelectAbove = registered_name(SAMPLE_LIBRARY_PREFIX "SelectAbove");

template <typename At, typename T>
class SelectAbove {
   public:
    using Place = At;

    void construct(tensorflow::OpKernelConstruction*) {}

    void compute(tensorflow::OpKernelContext* context) {
        const tensorflow::Tensor& x = context->input(0);
        const tensorflow::Tensor& threshold = context->input(1);
        if (threshold.NumElements() != 1)
            throw std::invalid_argument("SelectAbove: threshold has " +
                                        std::to_string(threshold.NumElements()) +
                                        " elements instead of one");
        const auto allocate = [&](std::size_t count) -> typename Element<T>::type* {
            tensorflow::Tensor* y = nullptr;
            const tensorflow::TensorShape shape({static_cast<std::int64_t>(count)});
            const absl::Status status = context->allocate_output(0, shape, &y);
            if (status.ok()) return elements<T>(y);
            context->CtxFailure(status);
            return nullptr;
        };
        Place(context).select_above(elements<T>(x), static_cast<std::size_t>(x.NumElements()),
                                    elements<T>(threshold), allocate);
    }
};

[[maybe_unused]] const bool select_above_registered =
    register_op(Op::kSelectAbove,
                [] {
                    return tensorflow::register_op::OpDefBuilderWrapper(kSelectAbove)
                        .Input("x: T")
                        .Input("threshold: T")
                        .Output("y: T")
                        .Attr("T: {float, half}")
                        .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
                            context->set_output(0, context->Vector(context->UnknownDim()));
                            return absl::OkStatus();
                        });
                }) &&
    register_kernels<SelectAbove, float, Eigen::half>(Op::kSelectAbove, kSelectAbove);

}  // namespace
}  // namespace sample_library
