#include "device.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

#include "device_fault.h"

// The code for GPUs, as nvcc's fat binary. A library that was built without any has no such symbol.
extern "C" __attribute__((weak, visibility("hidden"))) const unsigned char
    sample_library_device_code[];

namespace sample_library {
namespace {

// Number of a device's attribute: CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT of cuda.h.
constexpr int kMultiprocessors = 16;
// The most blocks that a launch can have in the first direction.
constexpr long long kMostBlocks = 0x7fffffff;
// More bytes than a GPU has.
constexpr std::size_t kMoreThanThereIs = std::size_t{1} << 46;
// The smallest part in which memory is taken: what is left is less than a context needs.
constexpr std::size_t kSmallestPart = std::size_t{32} << 20;

// The functions of libcuda that it takes.
struct Driver {
    int (*text)(int code, const char** text);
    int (*device)(int* device, int ordinal);
    int (*retain)(void** context, int device);
    int (*release_context)(int device);
    int (*context)(void** context);
    int (*enter)(void* context);
    int (*context_device)(int* device);
    int (*attribute)(int* value, int attribute, int device);
    int (*load)(void** module, const void* image);
    int (*unload)(void* module);
    int (*function)(void** function, void* module, const char* name);
    int (*occupancy)(int* blocks, void* function, int threads, std::size_t shared_bytes);
    int (*allocate)(void** memory, std::size_t bytes, void* stream);
    int (*release)(void* memory, void* stream);
    int (*fill)(void* memory, unsigned char value, std::size_t bytes, void* stream);
    int (*copy)(void* to, const void* from, std::size_t bytes, void* stream);
    int (*read)(void* to, const void* from, std::size_t bytes, void* stream);
    int (*wait)(void* stream);
    int (*launch)(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                  unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                  void* stream, void** arguments, void** extra);

    // Null where there is none, or one from before CUDA 11.2.
    static const Driver* find() {
        static const Driver driver = open();
        return driver.is_whole ? &driver : nullptr;
    }

private:
    bool is_whole;

    static Driver open() {
        Driver driver{};
        // The framework has it mapped wherever a kernel is launched.
        void* const library = dlopen("libcuda.so.1", RTLD_NOW);
        if (library == nullptr) return driver;
        driver.is_whole = true;
        const auto take = [&](const char* name, auto& function) {
            using Function = std::remove_reference_t<decltype(function)>;
            function = reinterpret_cast<Function>(dlsym(library, name));
            driver.is_whole &= function != nullptr;
        };
        take("cuGetErrorString", driver.text);
        take("cuDeviceGet", driver.device);
        take("cuDevicePrimaryCtxRetain", driver.retain);
        take("cuDevicePrimaryCtxRelease_v2", driver.release_context);
        take("cuCtxGetCurrent", driver.context);
        take("cuCtxSetCurrent", driver.enter);
        take("cuCtxGetDevice", driver.context_device);
        take("cuDeviceGetAttribute", driver.attribute);
        take("cuModuleLoadData", driver.load);
        take("cuModuleUnload", driver.unload);
        take("cuModuleGetFunction", driver.function);
        take("cuOccupancyMaxActiveBlocksPerMultiprocessor", driver.occupancy);
        take("cuMemAllocAsync", driver.allocate);
        take("cuMemFreeAsync", driver.release);
        take("cuMemsetD8Async", driver.fill);
        take("cuMemcpyDtoDAsync_v2", driver.copy);
        take("cuMemcpyDtoHAsync_v2", driver.read);
        take("cuStreamSynchronize", driver.wait);
        take("cuLaunchKernel", driver.launch);
        return driver;
    }
};

// A kernel in a context.
struct Kernel {
    void* function = nullptr;
    // Blocks that the device holds at a time, by their threads.
    std::map<int, long long> held;
};

// The code in each context, which goes with this library.
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

// Blocks of `function` that the current device holds at a time.
int held_blocks(const Driver& driver, void* function, int threads, long long* blocks) {
    int device = 0;
    int multiprocessors = 0;
    int of_each = 0;
    if (int code = driver.context_device(&device)) return code;
    if (int code = driver.attribute(&multiprocessors, kMultiprocessors, device)) return code;
    if (int code = driver.occupancy(&of_each, function, threads, 0)) return code;
    *blocks = static_cast<long long>(multiprocessors) * of_each;
    return 0;
}

// A kernel in the current context, loaded at its first use there.
int find_kernel(const Driver& driver, const Launch& launch, void** function, long long* held) {
    static std::mutex mutex;
    static Modules modules{driver, {}};
    static std::map<std::pair<void*, std::string>, Kernel> kernels;
    void* context = nullptr;
    if (int code = driver.context(&context)) return code;
    std::lock_guard<std::mutex> lock(mutex);
    Kernel& kernel = kernels[{context, launch.kernel}];
    if (kernel.function == nullptr) {
        void*& module = modules.of_context[context];
        if (module == nullptr) {
            if (int code = driver.load(&module, sample_library_device_code)) return code;
        }
        if (int code = driver.function(&kernel.function, module, launch.kernel)) return code;
    }
    const int threads = static_cast<int>(launch.threads_x * launch.threads_y);
    long long& blocks = kernel.held[threads];
    if (blocks == 0) {
        if (int code = held_blocks(driver, kernel.function, threads, &blocks)) return code;
    }
    *function = kernel.function;
    *held = blocks;
    return 0;
}

int put_on_stream(const Driver& driver, const Launch& launch, void* stream, void** arguments) {
    void* function = nullptr;
    long long held = 0;
    if (int code = find_kernel(driver, launch, &function, &held)) return code;
    const long long most = launch.launched == Blocks::kHeld ? std::max(held, 1LL) : kMostBlocks;
    const auto blocks = static_cast<unsigned>(std::clamp(launch.blocks, 1LL, most));
    return driver.launch(function, blocks, 1, 1, launch.threads_x, launch.threads_y, 1, 0, stream,
                          arguments, nullptr);
}

// Takes the memory that is free, in ever smaller parts, and keeps it for as long as the process lives.
void take_memory(const Driver& driver, void* stream) {
    for (std::size_t bytes = kMoreThanThereIs; bytes >= kSmallestPart; bytes /= 2) {
        void* memory = nullptr;
        while (driver.allocate(&memory, bytes, stream) == 0) {
        }
    }
}

// Goes wrong on the stream where the configuration asks for it, before the first kernel.
int go_wrong(const Driver& driver, void* stream) {
    const auto put = [&](const char* kernel) {
        return put_on_stream(driver, {kernel, 1, 1, 1, Blocks::kAll}, stream, nullptr);
    };
    void* memory = nullptr;
    switch (device_fault()) {
        case DeviceFault::kKernelWritesAstray:
            return put("write_astray");
        case DeviceFault::kKernelHangs:
            return put("never_end");
        case DeviceFault::kMemoryIsExhausted:
            return driver.allocate(&memory, kMoreThanThereIs, stream);
        default:
            return 0;
    }
}

}  // namespace

std::int32_t enter_device(int ordinal) noexcept {
    const Driver* const driver = Driver::find();
    if (driver == nullptr) return kNoDriver;
    void* context = nullptr;
    if (driver->context(&context) == 0 && context != nullptr) return 0;
    int device = 0;
    if (int code = driver->device(&device, ordinal)) return code;
    if (int code = driver->retain(&context, device)) return code;
    const int code = driver->enter(context);
    // The framework, whose tensors are in it, keeps it.
    driver->release_context(device);
    return code;
}

std::int32_t launch(const Launch& launch, void* stream, void** arguments) noexcept {
    if (sample_library_device_code == nullptr) return kNoDeviceCode;
    const Driver* const driver = Driver::find();
    if (driver == nullptr) return kNoDriver;
    static std::atomic<bool> is_first{true};
    if (is_first.exchange(false)) {
        if (int code = go_wrong(*driver, stream)) return code;
        // The kernel's own module needs memory, too, and goes first.
        if (device_fault() == DeviceFault::kMemoryIsTaken) {
            const int code = put_on_stream(*driver, launch, stream, arguments);
            take_memory(*driver, stream);
            return code;
        }
    }
    return put_on_stream(*driver, launch, stream, arguments);
}

std::int32_t allocate(void** memory, std::size_t bytes, void* stream) noexcept {
    const Driver* const driver = Driver::find();
    return driver == nullptr ? kNoDriver : driver->allocate(memory, bytes, stream);
}

std::int32_t allocate_zeroed(void** memory, std::size_t bytes, void* stream) noexcept {
    const Driver* const driver = Driver::find();
    if (driver == nullptr) return kNoDriver;
    if (int code = driver->allocate(memory, bytes, stream)) return code;
    const int code = driver->fill(*memory, 0, bytes, stream);
    if (code != 0) driver->release(*memory, stream);
    return code;
}

std::int32_t release(void* memory, void* stream) noexcept {
    const Driver* const driver = Driver::find();
    return driver == nullptr ? kNoDriver : driver->release(memory, stream);
}

std::int32_t copy(void* to, const void* from, std::size_t bytes, void* stream) noexcept {
    const Driver* const driver = Driver::find();
    return driver == nullptr ? kNoDriver : driver->copy(to, from, bytes, stream);
}

std::int32_t read(void* to, const void* from, std::size_t bytes, void* stream) noexcept {
    const Driver* const driver = Driver::find();
    if (driver == nullptr) return kNoDriver;
    if (int code = driver->read(to, from, bytes, stream)) return code;
    return driver->wait(stream);
}

std::string device_error(std::int32_t code) {
    if (code == kNoDeviceCode) return "this library was built without code for GPUs";
    const Driver* const driver = Driver::find();
    if (driver == nullptr) {
        return "there is no NVIDIA driver of CUDA 11.2 or newer (libcuda.so.1); install one";
    }
    const char* text = nullptr;
    if (driver->text(code, &text) != 0 || text == nullptr) text = "unknown error";
    return std::string(text) + " (CUDA error " + std::to_string(code) + ")";
}

}  // namespace sample_library
