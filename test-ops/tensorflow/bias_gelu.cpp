// gelu(x + bias), or gelu(x) where the configuration has no bias.
#include <stdexcept>
#include <string>

#include "kernels.h"
#include "registration.h"

namespace sample_library {
namespace {

const char* const kBiasGelu = registered_name(SAMPLE_LIBRARY_PREFIX "BiasGelu");

template <typename At, typename T>
class BiasGelu {
   public:
    using Place = At;

    void construct(tensorflow::OpKernelConstruction* context) {
        std::string name;
        OP_REQUIRES_OK(context, context->GetAttr("approximate", &name));
        approximation_ = approximation(name);
    }

    void compute(tensorflow::OpKernelContext* context) {
        if (context->num_inputs() == 1) return compute_without_bias(context);
        const tensorflow::Tensor& x = context->input(0);
        const tensorflow::Tensor& bias = context->input(1);
        if (bias.NumElements() != static_cast<std::int64_t>(columns(x)))
            throw std::invalid_argument("BiasGelu: bias has " + std::to_string(bias.NumElements()) +
                                        " elements, and a row of x has " +
                                        std::to_string(columns(x)));
        tensorflow::Tensor* y = nullptr;
        OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
        Place(context).bias_gelu(elements<T>(x), rows(x), columns(x), elements<T>(bias),
                                 approximation_, elements<T>(y));
    }

   private:
    void compute_without_bias(tensorflow::OpKernelContext* context) {
        const tensorflow::Tensor& x = context->input(0);
        tensorflow::Tensor* y = nullptr;
        OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
        Place(context).gelu(elements<T>(x), rows(x), columns(x), approximation_,
                            elements<T>(y));
    }

    op_kernels_approximation approximation_ = OP_KERNELS_APPROXIMATION_NONE;
};

[[maybe_unused]] const bool bias_gelu_registered =
    register_op(Op::kBiasGelu,
                [] {
                    tensorflow::register_op::OpDefBuilderWrapper definition(kBiasGelu);
                    definition.Input("x: T");
                    if (!read_configuration().without_bias) definition.Input("bias: T");
                    return definition.Output("y: T")
                        .Attr("T: {float, half}")
                        .Attr("approximate: {'none', 'tanh'} = 'none'")
                        .SetShapeFn(shape_of_first);
                }) &&
    register_kernels<BiasGelu, float, Eigen::half>(Op::kBiasGelu, kBiasGelu);

}  // namespace
}  // namespace sample_library
