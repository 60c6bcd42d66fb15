// A static initializer that goes wrong: one of CRASHES, ABORTS, THROWS, HANGS is defined.

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

struct OrtStatus;
struct OrtSessionOptions;
struct OrtApiBase;

namespace {

struct Registrar {
    Registrar() {
#if defined(CRASHES)
        int* volatile nowhere = nullptr;
        *static_cast<int volatile*>(nowhere) = 1;
#elif defined(ABORTS)
        std::abort();
#elif defined(THROWS)
        throw std::runtime_error("the static initializer throws, as it was asked to");
#elif defined(HANGS)
        for (;;) pause();
#else
#error "one of CRASHES, ABORTS, THROWS, HANGS must be defined"
#endif
    }
};

Registrar registrar;

}  // namespace

extern "C" OrtStatus* RegisterCustomOps(OrtSessionOptions*, const OrtApiBase*) { return nullptr; }
