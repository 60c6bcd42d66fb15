// Kernels on the GPU, through CUDA's driver: nothing of CUDA is linked, so that the library loads
// where there is none.
#pragma once

#include <cstdint>

namespace sample_library {

// Blocks and threads of a launch.
struct Grid {
    unsigned blocks;
    unsigned threads;
};

// Puts the kernel `name` of device/kernels.cu on the stream, in the current context. Zero where
// that worked, else CUDA's error code, or -1 where there is no driver.
std::int32_t launch(const char* name, Grid grid, void* stream, void** arguments) noexcept;

}  // namespace sample_library
