#include "fault.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "configuration.h"

namespace sample_library {
namespace {

void write_to_null() {
    volatile int* volatile nowhere = nullptr;
    *nowhere = 1;
}

[[noreturn]] void hang() {
    for (;;) pause();
}

// Goes wrong where the configuration asks for it. A library's shared sources come first in its
// one translation unit, so this runs before anything is registered.
struct Initializer {
    Initializer() {
        switch (read_configuration().fault) {
            case Fault::kInitializerCrashes:
                write_to_null();
                return;
            case Fault::kInitializerAborts:
                std::abort();
            case Fault::kInitializerThrows:
                throw std::runtime_error("the static initializer throws, as it was asked to");
            case Fault::kInitializerHangs:
                hang();
            default:
                return;
        }
    }
};

const Initializer initializer;

}  // namespace

void before_execution() {
    static const Fault fault = read_configuration().fault;
    static std::atomic<bool> first{true};
    switch (fault) {
        case Fault::kKernelCrashes:
            if (first.exchange(false)) write_to_null();
            return;
        case Fault::kKernelThrows:
            if (first.exchange(false))
                throw std::runtime_error("the kernel throws, as it was asked to");
            return;
        case Fault::kKernelHangs:
            if (first.exchange(false)) hang();
            return;
        default:
            return;
    }
}

bool registration_fails() { return read_configuration().fault == Fault::kRegistrationFails; }

}  // namespace sample_library
