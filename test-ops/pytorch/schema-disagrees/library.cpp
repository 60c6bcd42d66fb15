// An op library whose author changed an argument in the schema and forgot the kernel, which takes a
// number where the schema has a text. It compiles: PyTorch compares the two when the library
// registers.

#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/gelu.h>
#include <torch/library.h>

namespace {

at::Tensor bias_gelu(const at::Tensor& x, const at::Tensor& bias, double approximate) {
    return at::gelu(at::add(x, bias), approximate > 0 ? "tanh" : "none");
}

}  // namespace

TORCH_LIBRARY(custom_ops, m) {
    m.def("bias_gelu(Tensor x, Tensor bias, str approximate='none') -> Tensor");
}

TORCH_LIBRARY_IMPL(custom_ops, CPU, m) { m.impl("bias_gelu", TORCH_FN(bias_gelu)); }
