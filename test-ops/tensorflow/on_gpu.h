// The sample operators for tensors in the memory of a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "device.h"
#include "device_operators.h"
#include "kernels.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace sample_library {

// Where a kernel of TensorFlow computes: as OnCpu, on TensorFlow's own stream of the GPU, whose
// context TensorFlow has made current.
class OnGpu {
   public:
    static const char* device_type() { return tensorflow::DEVICE_GPU; }

    explicit OnGpu(tensorflow::OpKernelContext* context);

    template <typename T>
    void bias_gelu(const T* x, std::size_t rows, std::size_t columns, const T* bias,
                   op_kernels_approximation approximation, T* y) const {
        check(device::bias_gelu(element<T>(), x, bias, y, length(rows * columns), length(columns),
                                approximation == OP_KERNELS_APPROXIMATION_TANH, signature(),
                                stream_));
    }

    template <typename T>
    void gelu(const T* x, std::size_t rows, std::size_t columns,
              op_kernels_approximation approximation, T* y) const {
        if (rows * columns == 0) return;
        void* bias = nullptr;
        check(allocate_zeroed(&bias, columns * sizeof(T), stream_));
        const std::int32_t launched = device::bias_gelu(
            element<T>(), x, bias, y, length(rows * columns), length(columns),
            approximation == OP_KERNELS_APPROXIMATION_TANH, signature(), stream_);
        const std::int32_t released = release(bias, stream_);
        check(launched != 0 ? launched : released);
    }

    template <typename T>
    void rms_norm(const T* x, std::size_t rows, std::size_t columns, const T* weight,
                  float epsilon, T* y) const {
        check(device::rms_norm(element<T>(), x, weight, y, length(rows), length(columns), epsilon,
                               signature(), stream_));
    }

    template <typename T>
    void modulo(const T* a, std::size_t elements, const T* b, std::size_t divisors, T* y) const {
        check(device::modulo(element<T>(), a, b, y, length(elements), length(divisors),
                             signature(), stream_));
    }

    // Waits for the device, because the number of elements is the shape of the result.
    template <typename T, typename Allocate>
    void select_above(const T* x, std::size_t elements, const T* threshold,
                      Allocate allocate) const {
        void* values = nullptr;
        std::int64_t selected = 0;
        check(device::begin_select_above(element<T>(), x, threshold, length(elements),
                                         signature(), stream_, &values, &selected));
        T* const y = allocate(static_cast<std::size_t>(selected));
        const std::size_t bytes =
            y == nullptr ? 0 : static_cast<std::size_t>(selected) * sizeof(T);
        check(device::end_select_above(values, y, bytes, stream_));
    }

   private:
    template <typename T>
    static constexpr device::Element element() {
        if constexpr (std::is_same_v<T, float>) return device::Element::kFloat32;
        if constexpr (std::is_same_v<T, op_kernels_f16>) return device::Element::kFloat16;
        if constexpr (std::is_same_v<T, std::int32_t>) return device::Element::kInt32;
        if constexpr (std::is_same_v<T, std::int64_t>) return device::Element::kInt64;
    }

    static long long length(std::size_t number) { return static_cast<long long>(number); }

    static void check(std::int32_t code) {
        if (code != 0)
            throw std::runtime_error("the kernel was not launched: " + device_error(code));
    }

    void* stream_;
};

}  // namespace sample_library
