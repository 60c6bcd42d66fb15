// Hands the launches of device_operators.h over to the library's Rust part, src/device.rs, when the
// library is mapped: before ONNX Runtime calls its entry point.

#include <cstddef>
#include <cstdint>
#include <string>

#include "device.h"
#include "device_fault.h"
#include "device_operators.h"

// The fault in the library's configuration, as src/device.rs reads it.
extern "C" std::uint8_t sample_ops_fault();

namespace sample_library {

const char* faulty_kernel() noexcept { return kernel_of_fault(sample_ops_fault()); }

namespace {

using device::Element;

// C functions, with the numbers of element types in the place of the types.
struct Launches {
    std::int32_t (*bias_gelu)(std::int32_t type, const void* x, const void* bias, void* y,
                              std::int64_t count, std::int64_t width, std::int32_t is_tanh,
                              float signature, void* stream);
    std::int32_t (*rms_norm)(std::int32_t type, const void* x, const void* weight, void* y,
                             std::int64_t rows, std::int64_t width, float epsilon, float signature,
                             void* stream);
    std::int32_t (*modulo)(std::int32_t type, const void* a, const void* b, void* y,
                           std::int64_t count, std::int64_t divisors, float signature,
                           void* stream);
    std::int32_t (*begin_select_above)(std::int32_t type, const void* x, const void* threshold,
                                       std::int64_t count, float signature, void* stream,
                                       void** values, std::int64_t* selected);
    std::int32_t (*end_select_above)(void* values, void* y, std::size_t bytes, void* stream);
    void (*error)(std::int32_t code, char* text, std::size_t capacity);
};

extern "C" void sample_ops_have_device(const Launches* launches);

const Launches kLaunches = {
    [](std::int32_t type, const void* x, const void* bias, void* y, std::int64_t count,
       std::int64_t width, std::int32_t is_tanh, float signature, void* stream) {
        return device::bias_gelu(static_cast<Element>(type), x, bias, y, count, width, is_tanh != 0,
                                 signature, stream);
    },
    [](std::int32_t type, const void* x, const void* weight, void* y, std::int64_t rows,
       std::int64_t width, float epsilon, float signature, void* stream) {
        return device::rms_norm(static_cast<Element>(type), x, weight, y, rows, width, epsilon,
                                signature, stream);
    },
    [](std::int32_t type, const void* a, const void* b, void* y, std::int64_t count,
       std::int64_t divisors, float signature, void* stream) {
        return device::modulo(static_cast<Element>(type), a, b, y, count, divisors, signature,
                              stream);
    },
    [](std::int32_t type, const void* x, const void* threshold, std::int64_t count, float signature,
       void* stream, void** values, std::int64_t* selected) {
        return device::begin_select_above(static_cast<Element>(type), x, threshold, count,
                                          signature, stream, values, selected);
    },
    device::end_select_above,
    [](std::int32_t code, char* text, std::size_t capacity) {
        const std::string message = device_error(code);
        const std::size_t length = message.copy(text, capacity - 1);
        text[length] = '\0';
    },
};

__attribute__((constructor)) void hand_over() { sample_ops_have_device(&kLaunches); }

}  // namespace
}  // namespace sample_library
