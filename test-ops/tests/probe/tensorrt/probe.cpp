// Stands in for a framework's part of a sample library: hands the shared code to the test.

#include <cstdio>
#include <exception>

#include "fault.h"
#include "kernels.h"

#define PROBE extern "C" __attribute__((visibility("default")))

using namespace sample_library;

// y = a modulo b for one element; 0, or 1 with the text of an exception in `message`.
PROBE int probe_modulo(float a, float b, float* y, char* message, std::size_t capacity) {
    try {
        before_execution();
        modulo(&a, 1, &b, 1, y);
        return 0;
    } catch (const std::exception& error) {
        std::snprintf(message, capacity, "%s", error.what());
        return 1;
    }
}

// Which operators are to be registered, and whether that fails.
PROBE int probe_registers(int op) { return read_configuration().has(static_cast<Op>(op)); }
PROBE int probe_registration_fails() { return registration_fails(); }

// The entry style that was compiled in.
PROBE int probe_entry() {
#if defined(PLUGIN_ENTRY_CREATORS)
    return 0;
#elif defined(PLUGIN_ENTRY_REGISTRAR)
    return 1;
#elif defined(PLUGIN_ENTRY_NONE)
    return 2;
#elif defined(PLUGIN_ENTRY_MANGLED)
    return 3;
#endif
}
