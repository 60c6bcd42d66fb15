#include "device_fault.h"

#include "configuration.h"

namespace sample_library {

DeviceFault device_fault() noexcept {
    return static_cast<DeviceFault>(read_configuration().fault);
}

}  // namespace sample_library
