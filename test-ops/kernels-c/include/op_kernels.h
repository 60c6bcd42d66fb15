/* CPU kernels of the sample operators: one source of the maths for every framework.
 *
 * Tensors are dense and row-major, lengths are in elements. Results may not overlap operands. A
 * pointer may be null where it stands for no elements. Floating-point arithmetic is in f32, also
 * where elements are f16, which are rounded once. Functions neither allocate nor throw, keep no
 * state and may be called by any thread.
 */
#ifndef OP_KERNELS_H
#define OP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a call ended. */
typedef enum op_kernels_status {
    OP_KERNELS_OK = 0,
    OP_KERNELS_INVALID_ARGUMENT = 1, /* a null pointer, or lengths that do not fit; nothing is written */
    OP_KERNELS_PANICKED = 2          /* a defect of a kernel; the result is undefined */
} op_kernels_status;

/* How BiasGelu computes the normal distribution. */
typedef enum op_kernels_approximation {
    OP_KERNELS_APPROXIMATION_NONE = 0, /* by the error function */
    OP_KERNELS_APPROXIMATION_TANH = 1  /* by the hyperbolic tangent */
} op_kernels_approximation;

/* An IEEE binary16 number as its bits. */
typedef uint16_t op_kernels_f16;

/* y = gelu(x + bias): x and y of the shape [rows, columns], bias of the shape [columns]. */
op_kernels_status op_kernels_bias_gelu_f32(const float* x, size_t rows, size_t columns,
                                           const float* bias, op_kernels_approximation approximation,
                                           float* y);
op_kernels_status op_kernels_bias_gelu_f16(const op_kernels_f16* x, size_t rows, size_t columns,
                                           const op_kernels_f16* bias,
                                           op_kernels_approximation approximation,
                                           op_kernels_f16* y);

/* y = x / sqrt(mean(x * x) + epsilon) * weight, with the mean over each row: x and y of the shape
 * [rows, columns], weight of the shape [columns]. epsilon is not negative. */
op_kernels_status op_kernels_rms_norm_f32(const float* x, size_t rows, size_t columns,
                                          const float* weight, float epsilon, float* y);
op_kernels_status op_kernels_rms_norm_f16(const op_kernels_f16* x, size_t rows, size_t columns,
                                          const op_kernels_f16* weight, float epsilon,
                                          op_kernels_f16* y);

/* y = a - b * floor(a / b), the remainder with the sign of the divisor: a and y of the shape
 * [elements], b of the shape [divisors], where divisors is elements or 1. A zero divisor yields
 * zero for integers and NaN for floating point. */
op_kernels_status op_kernels_modulo_f32(const float* a, size_t elements, const float* b,
                                        size_t divisors, float* y);
op_kernels_status op_kernels_modulo_f16(const op_kernels_f16* a, size_t elements,
                                        const op_kernels_f16* b, size_t divisors,
                                        op_kernels_f16* y);
op_kernels_status op_kernels_modulo_i32(const int32_t* a, size_t elements, const int32_t* b,
                                        size_t divisors, int32_t* y);
op_kernels_status op_kernels_modulo_i64(const int64_t* a, size_t elements, const int64_t* b,
                                        size_t divisors, int64_t* y);

/* How many elements of x, of the shape [elements], are greater than *threshold. */
op_kernels_status op_kernels_count_above_f32(const float* x, size_t elements,
                                             const float* threshold, size_t* count);
op_kernels_status op_kernels_count_above_f16(const op_kernels_f16* x, size_t elements,
                                             const op_kernels_f16* threshold, size_t* count);

/* The elements of x that are greater than *threshold, in order, as far as they fit into y, which
 * has room for capacity; *count is how many were written. Elements of y behind them are undefined. */
op_kernels_status op_kernels_select_above_f32(const float* x, size_t elements,
                                              const float* threshold, float* y, size_t capacity,
                                              size_t* count);
op_kernels_status op_kernels_select_above_f16(const op_kernels_f16* x, size_t elements,
                                              const op_kernels_f16* threshold, op_kernels_f16* y,
                                              size_t capacity, size_t* count);

/* Adds a library's signature to each of the elements of y; integers wrap around. */
op_kernels_status op_kernels_add_signature_f32(float* y, size_t elements, uint8_t signature);
op_kernels_status op_kernels_add_signature_f16(op_kernels_f16* y, size_t elements,
                                               uint8_t signature);
op_kernels_status op_kernels_add_signature_i32(int32_t* y, size_t elements, uint8_t signature);
op_kernels_status op_kernels_add_signature_i64(int64_t* y, size_t elements, uint8_t signature);

#ifdef __cplusplus
}
#endif

#endif
