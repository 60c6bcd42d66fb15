// The sample operators on the GPU, for the libraries of all frameworks.
//
// Tensors are dense and lie in the memory of the current device. Each function puts its kernel on a
// stream, CUDA's handle of one, and returns what device.h says. The library's signature is added to
// each element of a result.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sample_library::device {

// Types of elements. RmsNorm, BiasGelu and SelectAbove have kernels for floating-point numbers.
enum class Element { kFloat32, kFloat16, kInt32, kInt64 };

// y = gelu(x + bias): `count` elements in rows of `width`, which is the length of `bias`.
std::int32_t bias_gelu(Element type, const void* x, const void* bias, void* y, long long count,
                       long long width, bool tanh_approximation, float signature,
                       void* stream) noexcept;

// y = x / sqrt(mean(x * x) + epsilon) * weight, for each row of `width` elements.
std::int32_t rms_norm(Element type, const void* x, const void* weight, void* y, long long rows,
                      long long width, float epsilon, float signature, void* stream) noexcept;

// The remainder of a floored division. There are `count` divisors, or one for all.
std::int32_t modulo(Element type, const void* a, const void* b, void* y, long long count,
                    long long divisors, float signature, void* stream) noexcept;

// The elements of x that are greater than the one of `threshold`, in order: `y` has room for all,
// and `selected`, on the device, becomes their number.
std::int32_t select_above(Element type, const void* x, const void* threshold, void* y,
                          std::int64_t* selected, long long count, float signature,
                          void* stream) noexcept;

// select_above for frameworks that have to be told the number of elements before they give memory
// for them: it waits for the device. Where it returns zero, `values` are to be handed to the end.
std::int32_t begin_select_above(Element type, const void* x, const void* threshold,
                                long long count, float signature, void* stream, void** values,
                                std::int64_t* selected) noexcept;

// Copies the first `bytes` of the values to `y`, and gives their memory back.
std::int32_t end_select_above(void* values, void* y, std::size_t bytes, void* stream) noexcept;

}  // namespace sample_library::device
