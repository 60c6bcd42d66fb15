// Where the kernels for a tensor on a GPU are launched.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>

#include <cstdint>

namespace sample_library::pytorch::cuda {

// The device of a tensor, current in this thread as long as this lives, and PyTorch's current
// stream of it.
class Target {
public:
    // `op` is named in errors.
    Target(const char* op, const at::Tensor& x);

    // CUDA's handle of the stream.
    void* stream() const { return stream_; }

    // Throws what a launch returned, unless that is success.
    void check(std::int32_t code) const;

private:
    const char* op_;
    c10::Device device_;
    c10::DeviceGuard guard_;
    void* stream_ = nullptr;
};

}  // namespace sample_library::pytorch::cuda
