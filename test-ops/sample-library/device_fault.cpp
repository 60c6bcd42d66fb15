#include "device_fault.h"

#include "configuration.h"

namespace sample_library {

const char* faulty_kernel() noexcept {
    return kernel_of_fault(static_cast<std::uint8_t>(read_configuration().fault));
}

}  // namespace sample_library
