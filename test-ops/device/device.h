// The GPU, through CUDA's driver: nothing of CUDA is linked, so that a library loads where there is
// none. The code for it lies in the library, in a section of its own, where the builder put any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sample_library {

// What the functions here return beside CUDA's error codes, of which zero is success.
constexpr std::int32_t kNoDriver = -1;
constexpr std::int32_t kNoDeviceCode = -2;

// How many blocks of a kernel are launched.
enum class Blocks {
    // As many as there are pieces of work, or as a launch can have.
    kAll,
    // At most those that the device holds at a time: each takes its next piece when it is ready.
    kHeld,
};

// One launch of a kernel of kernels.cu.
struct Launch {
    const char* kernel;
    // Threads of a block, in both directions.
    unsigned threads_x;
    unsigned threads_y;
    // Blocks that would each have one piece of work.
    long long blocks;
    // How many of them are launched.
    Blocks launched;
};

// Makes the device of that number current in this thread, where none is.
std::int32_t enter_device(int ordinal) noexcept;

// Puts the kernel on the stream, in the current context. Its arguments are those in kernels.cu.
std::int32_t launch(const Launch& launch, void* stream, void** arguments) noexcept;

// Memory of the device, for what is put on the stream before it is released.
std::int32_t allocate(void** memory, std::size_t bytes, void* stream) noexcept;
std::int32_t allocate_zeroed(void** memory, std::size_t bytes, void* stream) noexcept;
std::int32_t release(void* memory, void* stream) noexcept;

// Copies within the device.
std::int32_t copy(void* to, const void* from, std::size_t bytes, void* stream) noexcept;

// Copies from the device to the CPU, and waits for that and all that is before it on the stream.
std::int32_t read(void* to, const void* from, std::size_t bytes, void* stream) noexcept;

// What went wrong, completing "the kernel was not launched: …".
std::string device_error(std::int32_t code);

}  // namespace sample_library
