#include "cuda_target.h"

#include <dlfcn.h>

#include "device.h"

namespace sample_library::pytorch::cuda {
namespace {

// `aoti_torch_get_current_cuda_stream` of PyTorch's stable C interface: zero where it worked.
using CurrentStream = std::int32_t (*)(std::int32_t device, void** stream);

// It is looked up, because a library that links libtorch_cuda does not load without a full PyTorch.
// That is mapped where a tensor is on a GPU, though perhaps not where this library's symbols are
// looked for.
CurrentStream find_current_stream() {
    constexpr const char* kName = "aoti_torch_get_current_cuda_stream";
    void* const library = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
    return reinterpret_cast<CurrentStream>(
        dlsym(library == nullptr ? RTLD_DEFAULT : library, kName));
}

}  // namespace

Target::Target(const char* op, const at::Tensor& x)
    : op_(op), device_(x.device()), guard_(device_) {
    static const CurrentStream current_stream = find_current_stream();
    TORCH_CHECK(current_stream != nullptr, op_, ": this PyTorch does not tell its stream of ",
                device_, "; the operator needs PyTorch 2.2 or newer with its CUDA libraries");
    TORCH_CHECK(current_stream(device_.index(), &stream_) == 0, op_,
                ": PyTorch failed to tell its stream of ", device_);
    // The guard does not make a device current that is PyTorch's current one already.
    check(enter_device(device_.index()));
}

void Target::check(std::int32_t code) const {
    TORCH_CHECK(code == 0, op_, ": the kernel was not launched on ", device_, ": ",
                device_error(code));
}

}  // namespace sample_library::pytorch::cuda
