// x / sqrt(mean(x * x) + epsilon) * weight
#include <stdexcept>
#include <string>

#include "kernels.h"
#include "registration.h"

namespace sample_library {
namespace {

const char* const kRmsNorm = registered_name(SAMPLE_LIBRARY_PREFIX "RmsNorm");

template <typename At, typename T>
class RmsNorm {
   public:
    using Place = At;

    void construct(tensorflow::OpKernelConstruction* context) {
        float value = 0;
        OP_REQUIRES_OK(context, context->GetAttr("epsilon", &value));
        epsilon_ = epsilon(value);
    }

    void compute(tensorflow::OpKernelContext* context) {
        const tensorflow::Tensor& x = context->input(0);
        const tensorflow::Tensor& weight = context->input(1);
        if (weight.NumElements() != static_cast<std::int64_t>(columns(x)))
            throw std::invalid_argument("RmsNorm: weight has " + std::to_string(weight.NumElements()) +
                                        " elements, and a row of x has " +
                                        std::to_string(columns(x)));
        tensorflow::Tensor* y = nullptr;
        OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
        Place(context).rms_norm(elements<T>(x), rows(x), columns(x), elements<T>(weight),
                                epsilon_, elements<T>(y));
    }

   private:
    float epsilon_ = 0;
};

[[maybe_unused]] const bool rms_norm_registered =
    register_op(Op::kRmsNorm,
                [] {
                    return tensorflow::register_op::OpDefBuilderWrapper(kRmsNorm)
                        .Input("x: T")
                        .Input("weight: T")
                        .Output("y: T")
                        .Attr("T: {float, half}")
                        .Attr("epsilon: float = 1e-5")
                        .SetShapeFn(shape_of_first);
                }) &&
    register_kernels<RmsNorm, float, Eigen::half>(Op::kRmsNorm, kRmsNorm);

}  // namespace
}  // namespace sample_library
