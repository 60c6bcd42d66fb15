// The elements that are greater than a threshold: how many there are depends on the data.
#include <stdexcept>
#include <string>

#include "kernels.h"
#include "registration.h"

namespace sample_library {
namespace {

const char* const kSelectAbove = registered_name(SAMPLE_LIBRARY_PREFIX "SelectAbove");

template <typename T>
class SelectAbove {
   public:
    void construct(tensorflow::OpKernelConstruction*) {}

    void compute(tensorflow::OpKernelContext* context) {
        const tensorflow::Tensor& x = context->input(0);
        const tensorflow::Tensor& threshold = context->input(1);
        if (threshold.NumElements() != 1)
            throw std::invalid_argument("SelectAbove: threshold has " +
                                        std::to_string(threshold.NumElements()) +
                                        " elements instead of one");
        const std::size_t length = static_cast<std::size_t>(x.NumElements());
        const std::size_t count = count_above(elements<T>(x), length, elements<T>(threshold));
        tensorflow::Tensor* y = nullptr;
        const tensorflow::TensorShape shape({static_cast<std::int64_t>(count)});
        OP_REQUIRES_OK(context, context->allocate_output(0, shape, &y));
        select_above(elements<T>(x), length, elements<T>(threshold), elements<T>(y), count);
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
    register_kernel<float, SelectAbove<float>>(Op::kSelectAbove, kSelectAbove) &&
    register_kernel<Eigen::half, SelectAbove<Eigen::half>>(Op::kSelectAbove, kSelectAbove);

}  // namespace
}  // namespace sample_library
