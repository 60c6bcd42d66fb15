#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "fault.h"
#include "kernels.h"
#include "operand.h"
#include "operators.h"

namespace sample_library::pytorch {

at::Tensor bias_gelu(const at::Tensor& x, const at::Tensor& bias, const std::string& approximate) {
    before_execution();
    check_row("bias_gelu", "bias", x, bias);
    const op_kernels_approximation how = approximation(approximate);
    const at::Tensor dense = x.contiguous();
    const at::Tensor dense_bias = bias.contiguous();
    const at::Tensor y = at::empty_like(dense);
    with_float_type("bias_gelu", x.scalar_type(), [&](auto element) {
        using Element = decltype(element);
        sample_library::bias_gelu(elements<Element>(dense), rows(x), columns(x),
                                  elements<Element>(dense_bias), how,
                                  mutable_elements<Element>(y));
    });
    return y;
}

at::Tensor gelu(const at::Tensor& x, const std::string& approximate) {
    TORCH_CHECK_VALUE(x.dim() > 0, "bias_gelu: x is a scalar; it must have at least one dimension");
    return bias_gelu(x, at::zeros({x.size(-1)}, x.options()), approximate);
}

}  // namespace sample_library::pytorch
