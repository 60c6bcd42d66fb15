#include "device.h"

#include <dlfcn.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace sample_library {
namespace {

// The driver compiles this for the GPU that it finds.
constexpr const char* kKernels =
#include "device/kernels.ptx.h"
    ;

// The functions of libcuda that a launch takes.
struct Driver {
    int (*context)(void** context);
    int (*enter)(void* context);
    int (*load)(void** module, const void* image);
    int (*unload)(void* module);
    int (*function)(void** function, void* module, const char* name);
    int (*launch)(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                  unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                  void* stream, void** arguments, void** extra);

    static const Driver* find() {
        static const Driver driver = open();
        return driver.launch == nullptr ? nullptr : &driver;
    }

private:
    static Driver open() {
        Driver driver{};
        // TensorRT has it mapped wherever this is called.
        void* const library = dlopen("libcuda.so.1", RTLD_NOW);
        if (library == nullptr) return driver;
        take(library, "cuCtxGetCurrent", driver.context);
        take(library, "cuCtxSetCurrent", driver.enter);
        take(library, "cuModuleLoadData", driver.load);
        take(library, "cuModuleUnload", driver.unload);
        take(library, "cuModuleGetFunction", driver.function);
        take(library, "cuLaunchKernel", driver.launch);
        return driver;
    }

    template <typename Function>
    static void take(void* library, const char* name, Function& function) {
        function = reinterpret_cast<Function>(dlsym(library, name));
    }
};

// The compiled kernels of each context, which go with this library.
struct Modules {
    const Driver& driver;
    std::map<void*, void*> of_context;

    ~Modules() {
        void* current = nullptr;
        // It also fails where the driver went first, as it does when the process ends.
        if (driver.context(&current) != 0) return;
        for (const auto& [context, module] : of_context) {
            if (module != nullptr && driver.enter(context) == 0) driver.unload(module);
        }
        driver.enter(current);
    }
};

// A kernel in a context; compiled at its first use there.
int kernel(const Driver& driver, const char* name, void** function) {
    static std::mutex mutex;
    static Modules modules{driver, {}};
    static std::map<std::pair<void*, std::string>, void*> kernels;
    void* context = nullptr;
    if (int code = driver.context(&context)) return code;
    std::lock_guard<std::mutex> lock(mutex);
    const auto known = kernels.find({context, name});
    if (known != kernels.end()) {
        *function = known->second;
        return 0;
    }
    void*& module = modules.of_context[context];
    if (module == nullptr) {
        if (int code = driver.load(&module, kKernels)) return code;
    }
    if (int code = driver.function(function, module, name)) return code;
    kernels[{context, name}] = *function;
    return 0;
}

}  // namespace

std::int32_t launch(const char* name, Grid grid, void* stream, void** arguments) noexcept {
    const Driver* const driver = Driver::find();
    if (driver == nullptr) return -1;
    void* function = nullptr;
    if (int code = kernel(*driver, name, &function)) return code;
    return driver->launch(function, grid.blocks, 1, 1, grid.threads, 1, 1, 0, stream, arguments,
                          nullptr);
}

}  // namespace sample_library
