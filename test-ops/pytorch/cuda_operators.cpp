#include "cuda_operators.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "cuda_target.h"
#include "device_operators.h"
#include "fault.h"
#include "kernels.h"
#include "operand.h"

namespace sample_library::pytorch::cuda {
namespace {

using device::Element;

Element float_type(const char* op, const at::Tensor& x) {
    TORCH_CHECK_TYPE(x.scalar_type() == at::kFloat || x.scalar_type() == at::kHalf, op,
                     ": there is no kernel for elements of type ", x.scalar_type(), " on ",
                     x.device(), "; float32 and float16 are supported");
    return x.scalar_type() == at::kFloat ? Element::kFloat32 : Element::kFloat16;
}

Element number_type(const char* op, const at::Tensor& x) {
    switch (x.scalar_type()) {
        case at::kFloat:
            return Element::kFloat32;
        case at::kHalf:
            return Element::kFloat16;
        case at::kInt:
            return Element::kInt32;
        case at::kLong:
            return Element::kInt64;
        default:
            TORCH_CHECK_TYPE(false, op, ": there is no kernel for elements of type ",
                             x.scalar_type(), " on ", x.device(),
                             "; float32, float16, int32 and int64 are supported");
    }
}

// An operand as a kernel on the device of x sees it.
at::Tensor beside(const char* op, const char* name, const at::Tensor& x,
                  const at::Tensor& operand) {
    if (operand.is_cpu() && operand.numel() == 1) return operand.to(x.device()).contiguous();
    TORCH_CHECK_VALUE(operand.device() == x.device(), op, ": ", name, " is on ", operand.device(),
                      " and x on ", x.device(), "; move ", name, " to the device of x");
    return operand.contiguous();
}

}  // namespace

at::Tensor bias_gelu(const at::Tensor& x, const at::Tensor& bias, const std::string& approximate) {
    constexpr const char* kName = "bias_gelu";
    before_execution();
    check_row(kName, "bias", x, bias);
    const bool is_tanh = approximation(approximate) == OP_KERNELS_APPROXIMATION_TANH;
    const Element type = float_type(kName, x);
    const Target target(kName, x);
    const at::Tensor dense = x.contiguous();
    const at::Tensor dense_bias = beside(kName, "bias", x, bias);
    const at::Tensor y = at::empty_like(dense);
    target.check(device::bias_gelu(type, dense.const_data_ptr(), dense_bias.const_data_ptr(),
                                   y.mutable_data_ptr(), x.numel(), x.size(-1), is_tanh,
                                   signature(), target.stream()));
    return y;
}

at::Tensor gelu(const at::Tensor& x, const std::string& approximate) {
    TORCH_CHECK_VALUE(x.dim() > 0, "bias_gelu: x is a scalar; it must have at least one dimension");
    return bias_gelu(x, at::zeros({x.size(-1)}, x.options()), approximate);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
    constexpr const char* kName = "rms_norm";
    before_execution();
    check_row(kName, "weight", x, weight);
    const float checked = sample_library::epsilon(epsilon);
    const Element type = float_type(kName, x);
    const Target target(kName, x);
    const at::Tensor dense = x.contiguous();
    const at::Tensor dense_weight = beside(kName, "weight", x, weight);
    const at::Tensor y = at::empty_like(dense);
    target.check(device::rms_norm(type, dense.const_data_ptr(), dense_weight.const_data_ptr(),
                                  y.mutable_data_ptr(), static_cast<long long>(rows(x)), x.size(-1),
                                  checked, signature(), target.stream()));
    return y;
}

at::Tensor modulo(const at::Tensor& x, const at::Tensor& divisor) {
    constexpr const char* kName = "modulo";
    before_execution();
    check_divisor(x, divisor);
    const Element type = number_type(kName, x);
    const Target target(kName, x);
    const at::Tensor dense = x.contiguous();
    const at::Tensor dense_divisor = beside(kName, "divisor", x, divisor);
    const at::Tensor y = at::empty_like(dense);
    target.check(device::modulo(type, dense.const_data_ptr(), dense_divisor.const_data_ptr(),
                                y.mutable_data_ptr(), x.numel(), divisor.numel(), signature(),
                                target.stream()));
    return y;
}

at::Tensor select_above(const at::Tensor& x, const at::Tensor& threshold) {
    constexpr const char* kName = "select_above";
    before_execution();
    check_threshold(x, threshold);
    const Element type = float_type(kName, x);
    const Target target(kName, x);
    const at::Tensor dense = x.contiguous();
    const at::Tensor limit = beside(kName, "threshold", x, threshold);
    const at::Tensor y = at::empty({x.numel()}, x.options());
    const at::Tensor selected = at::empty({}, x.options().dtype(at::kLong));
    target.check(device::select_above(type, dense.const_data_ptr(), limit.const_data_ptr(),
                                      y.mutable_data_ptr(),
                                      selected.mutable_data_ptr<std::int64_t>(), x.numel(),
                                      signature(), target.stream()));
    return y.narrow(0, 0, selected.item<std::int64_t>());
}

}  // namespace sample_library::pytorch::cuda
