// Tensors as the kernels see them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "op_kernels.h"

namespace sample_library::pytorch {

// Calls `kernel` with a value of the type that the kernels have for an element type: `float` or
// `op_kernels_f16`.
template <typename Kernel>
void with_float_type(const char* op, at::ScalarType type, Kernel kernel) {
    switch (type) {
        case at::kFloat:
            return kernel(float{});
        case at::kHalf:
            return kernel(op_kernels_f16{});
        default:
            TORCH_CHECK_TYPE(false, op, ": there is no kernel for elements of type ", type,
                             "; float32 and float16 are supported");
    }
}

// Likewise, with `int32_t` and `int64_t` besides.
template <typename Kernel>
void with_number_type(const char* op, at::ScalarType type, Kernel kernel) {
    switch (type) {
        case at::kInt:
            return kernel(std::int32_t{});
        case at::kLong:
            return kernel(std::int64_t{});
        case at::kFloat:
        case at::kHalf:
            return with_float_type(op, type, kernel);
        default:
            TORCH_CHECK_TYPE(false, op, ": there is no kernel for elements of type ", type,
                             "; float32, float16, int32 and int64 are supported");
    }
}

// The elements of a contiguous tensor of this type.
template <typename Element>
const Element* elements(const at::Tensor& tensor) {
    return static_cast<const Element*>(tensor.const_data_ptr());
}

// The same, to be written.
template <typename Element>
Element* mutable_elements(const at::Tensor& tensor) {
    return static_cast<Element*>(tensor.mutable_data_ptr());
}

// A second operand has the element type of the first.
inline void check_same_type(const char* op, const char* name, const at::Tensor& x,
                            const at::Tensor& operand) {
    TORCH_CHECK_TYPE(x.scalar_type() == operand.scalar_type(), op, ": ", name, " is of type ",
                     operand.scalar_type(), " and x of type ", x.scalar_type(),
                     "; both must be the same");
}

// An operand that holds one value for each element of a row of x.
inline void check_row(const char* op, const char* name, const at::Tensor& x,
                      const at::Tensor& operand) {
    check_same_type(op, name, x, operand);
    TORCH_CHECK_VALUE(x.dim() > 0, op, ": x is a scalar; it must have at least one dimension");
    TORCH_CHECK_VALUE(operand.dim() == 1 && operand.size(0) == x.size(-1), op, ": ", name,
                      " is of shape ", operand.sizes(), " and x of shape ", x.sizes(), "; ", name,
                      " must have one dimension, as long as the last of x");
}

// A divisor for each element of x, or one for all.
inline void check_divisor(const at::Tensor& x, const at::Tensor& divisor) {
    check_same_type("modulo", "divisor", x, divisor);
    TORCH_CHECK_VALUE(divisor.numel() == 1 || divisor.sizes() == x.sizes(),
                      "modulo: divisor is of shape ", divisor.sizes(), " and x of shape ",
                      x.sizes(), "; divisor must have the shape of x or one element");
}

// A threshold is one number.
inline void check_threshold(const at::Tensor& x, const at::Tensor& threshold) {
    check_same_type("select_above", "threshold", x, threshold);
    TORCH_CHECK_VALUE(threshold.numel() == 1, "select_above: threshold is of shape ",
                      threshold.sizes(), "; it must have one element");
}

// Rows of x: all of its dimensions but the last.
inline std::size_t rows(const at::Tensor& x) {
    return x.size(-1) == 0 ? 0 : static_cast<std::size_t>(x.numel() / x.size(-1));
}

inline std::size_t columns(const at::Tensor& x) { return static_cast<std::size_t>(x.size(-1)); }

inline std::size_t count(const at::Tensor& x) { return static_cast<std::size_t>(x.numel()); }

}  // namespace sample_library::pytorch
