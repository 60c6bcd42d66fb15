// The sample operators for tensors in the memory of the CPU.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace sample_library {

// Where a kernel of TensorFlow computes; that on a GPU has the same functions. Elements are of the
// kernels' types, and errors are thrown.
class OnCpu {
   public:
    static const char* device_type() { return tensorflow::DEVICE_CPU; }

    explicit OnCpu(tensorflow::OpKernelContext*) {}

    template <typename T>
    void bias_gelu(const T* x, std::size_t rows, std::size_t columns, const T* bias,
                   op_kernels_approximation approximation, T* y) const {
        sample_library::bias_gelu(x, rows, columns, bias, approximation, y);
    }

    template <typename T>
    void gelu(const T* x, std::size_t rows, std::size_t columns,
              op_kernels_approximation approximation, T* y) const {
        const std::vector<T> bias(columns);
        bias_gelu(x, rows, columns, bias.data(), approximation, y);
    }

    template <typename T>
    void rms_norm(const T* x, std::size_t rows, std::size_t columns, const T* weight,
                  float epsilon, T* y) const {
        sample_library::rms_norm(x, rows, columns, weight, epsilon, y);
    }

    template <typename T>
    void modulo(const T* a, std::size_t elements, const T* b, std::size_t divisors, T* y) const {
        sample_library::modulo(a, elements, b, divisors, y);
    }

    // `allocate` takes the number of elements and returns memory for them, or null.
    template <typename T, typename Allocate>
    void select_above(const T* x, std::size_t elements, const T* threshold,
                      Allocate allocate) const {
        const std::size_t count = count_above(x, elements, threshold);
        T* const y = allocate(count);
        if (y != nullptr) sample_library::select_above(x, elements, threshold, y, count);
    }
};

}  // namespace sample_library
