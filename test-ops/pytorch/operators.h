// The sample operators as PyTorch calls them.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace sample_library::pytorch {

// gelu(x + bias), bias over the last dimension of x; `approximate` is 'none' or 'tanh'.
at::Tensor bias_gelu(const at::Tensor& x, const at::Tensor& bias, const std::string& approximate);

// gelu(x): bias_gelu without the bias.
at::Tensor gelu(const at::Tensor& x, const std::string& approximate);

// x / sqrt(mean(x * x) + epsilon) * weight over the last dimension of x.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// The remainder of a floored division; divisor has the shape of x or one element.
at::Tensor modulo(const at::Tensor& x, const at::Tensor& divisor);

// The elements of x that are greater than threshold, which has one element, in order.
at::Tensor select_above(const at::Tensor& x, const at::Tensor& threshold);

}  // namespace sample_library::pytorch
