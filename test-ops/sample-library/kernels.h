// The kernels for C++: one function for all element types, errors as exceptions, and the library's
// signature added to every element of a result.
//
// Lengths and shapes are those of op_kernels.h. Frameworks have half-precision types of their own,
// with the same bits: a pointer to one is cast to a pointer to op_kernels_f16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "configuration.h"
#include "op_kernels.h"

namespace sample_library {

// How BiasGelu computes the normal distribution, from the attribute `approximate`.
inline op_kernels_approximation approximation(const std::string& name) {
    if (name == "none") return OP_KERNELS_APPROXIMATION_NONE;
    if (name == "tanh") return OP_KERNELS_APPROXIMATION_TANH;
    throw std::invalid_argument("BiasGelu: attribute approximate is '" + name +
                                "', not 'none' or 'tanh'");
}

// The epsilon of RmsNorm, which is not negative.
inline float epsilon(double value) {
    if (value >= 0) return static_cast<float>(value);
    throw std::invalid_argument("RmsNorm: attribute epsilon is " + std::to_string(value) +
                                ", not a number from zero on");
}

// Throws what a status means.
inline void check(op_kernels_status status, const char* op) {
    if (status == OP_KERNELS_INVALID_ARGUMENT)
        throw std::invalid_argument(std::string(op) + ": the shapes of its inputs do not fit");
    if (status != OP_KERNELS_OK) throw std::runtime_error(std::string(op) + ": the kernel failed");
}

// The signature that this library adds to its results.
inline std::uint8_t signature() {
    static const std::uint8_t value = read_configuration().signature;
    return value;
}

// The functions of op_kernels.h by element type: float, op_kernels_f16, int32_t, int64_t.
#define SAMPLE_LIBRARY_ROWS(type, suffix)                                                       \
    inline void bias_gelu(const type* x, std::size_t rows, std::size_t columns,                 \
                          const type* bias, op_kernels_approximation approximation, type* y) {  \
        check(op_kernels_bias_gelu_##suffix(x, rows, columns, bias, approximation, y),          \
              "BiasGelu");                                                                      \
        check(op_kernels_add_signature_##suffix(y, rows* columns, signature()), "BiasGelu");    \
    }                                                                                           \
    inline void rms_norm(const type* x, std::size_t rows, std::size_t columns,                  \
                         const type* weight, float epsilon, type* y) {                          \
        check(op_kernels_rms_norm_##suffix(x, rows, columns, weight, epsilon, y), "RmsNorm");   \
        check(op_kernels_add_signature_##suffix(y, rows* columns, signature()), "RmsNorm");     \
    }                                                                                           \
    inline std::size_t count_above(const type* x, std::size_t elements, const type* threshold) { \
        std::size_t count = 0;                                                                  \
        check(op_kernels_count_above_##suffix(x, elements, threshold, &count), "SelectAbove");  \
        return count;                                                                           \
    }                                                                                           \
    inline std::size_t select_above(const type* x, std::size_t elements, const type* threshold, \
                                    type* y, std::size_t capacity) {                            \
        std::size_t count = 0;                                                                  \
        check(op_kernels_select_above_##suffix(x, elements, threshold, y, capacity, &count),    \
              "SelectAbove");                                                                   \
        check(op_kernels_add_signature_##suffix(y, count, signature()), "SelectAbove");         \
        return count;                                                                           \
    }

#define SAMPLE_LIBRARY_ELEMENTS(type, suffix)                                               \
    inline void modulo(const type* a, std::size_t elements, const type* b,                  \
                       std::size_t divisors, type* y) {                                     \
        check(op_kernels_modulo_##suffix(a, elements, b, divisors, y), "Modulo");           \
        check(op_kernels_add_signature_##suffix(y, elements, signature()), "Modulo");       \
    }

SAMPLE_LIBRARY_ROWS(float, f32)
SAMPLE_LIBRARY_ROWS(op_kernels_f16, f16)
SAMPLE_LIBRARY_ELEMENTS(float, f32)
SAMPLE_LIBRARY_ELEMENTS(op_kernels_f16, f16)
SAMPLE_LIBRARY_ELEMENTS(std::int32_t, i32)
SAMPLE_LIBRARY_ELEMENTS(std::int64_t, i64)

#undef SAMPLE_LIBRARY_ROWS
#undef SAMPLE_LIBRARY_ELEMENTS

}  // namespace sample_library
