#include "on_gpu.h"

namespace sample_library {

// The beginnings of Eigen::StreamInterface and Eigen::GpuDevice, through which TensorFlow tells the
// stream of a kernel: `context->eigen_gpu_device().stream()` in code that CUDA's compiler compiles.
// Eigen declares them where CUDA's headers are only, and TensorFlow's wheels have none. They are the
// same in all releases; TF_GetStream is for the devices of plugins, and takes a CUDA stream for one.
// In an unnamed namespace a compiler would know that nothing implements the stream, and not look for
// the function that does.
class EigenStream {
   public:
    virtual ~EigenStream() = default;
    virtual void* const& stream() const = 0;
};
struct EigenDevice {
    const EigenStream* stream;
};

OnGpu::OnGpu(tensorflow::OpKernelContext* context)
    : stream_(reinterpret_cast<const EigenDevice&>(context->eigen_gpu_device()).stream->stream()) {}

}  // namespace sample_library
