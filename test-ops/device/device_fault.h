// What goes wrong on a GPU on request, so that a server can be seen to cope.
#pragma once

#include <cstdint>

namespace sample_library {

// The fault of that number in the configuration, as a kernel of kernels.cu: it is put on the stream
// before the first kernel. Null where the fault is another one.
inline const char* kernel_of_fault(std::uint8_t fault) noexcept {
    switch (fault) {
        case 12:
            return "write_astray";
        case 13:
            return "never_end";
        default:
            return nullptr;
    }
}

// The kernel of this library's fault, or null. Implemented where the configuration is known.
const char* faulty_kernel() noexcept;

}  // namespace sample_library
