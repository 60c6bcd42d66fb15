// What goes wrong on a GPU on request, so that a server can be seen to cope.
#pragma once

#include <cstdint>

namespace sample_library {

// The faults that are about the GPU, by their numbers in the configuration.
enum class DeviceFault : std::uint8_t {
    kKernelWritesAstray = 12,
    kKernelHangs = 13,
    kMemoryIsExhausted = 14,
    kMemoryIsTaken = 15,
};

// The library's fault, which may be any other one. Implemented where the configuration is known.
DeviceFault device_fault() noexcept;

}  // namespace sample_library
