// The sample operators for tensors on a GPU: those of operators.h, with the same arguments.
//
// Operands lie on the device of x; one with a single element may lie on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace sample_library::pytorch::cuda {

at::Tensor bias_gelu(const at::Tensor& x, const at::Tensor& bias, const std::string& approximate);

at::Tensor gelu(const at::Tensor& x, const std::string& approximate);

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

at::Tensor modulo(const at::Tensor& x, const at::Tensor& divisor);

// Waits for the device, because the number of elements is the shape of the result.
at::Tensor select_above(const at::Tensor& x, const at::Tensor& threshold);

}  // namespace sample_library::pytorch::cuda
