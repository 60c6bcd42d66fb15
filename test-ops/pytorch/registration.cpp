// What `TORCH_LIBRARY` and `TORCH_LIBRARY_IMPL` expand to, with a namespace that is known only when
// the library is loaded: it stands in the configuration block.

#include <torch/library.h>

#include <memory>
#include <string>

#include "configuration.h"
#include "cuda_operators.h"
#include "operators.h"

namespace sample_library::pytorch {
namespace {

void define(torch::Library& library) {
    const Configuration configuration = read_configuration();
    const auto declare = [&](const char* name, const char* arguments) {
        library.def((configuration.named(name) + arguments).c_str());
    };
    if (configuration.has(Op::kBiasGelu)) {
        declare("bias_gelu", configuration.without_bias
                                 ? "(Tensor x, str approximate='none') -> Tensor"
                                 : "(Tensor x, Tensor bias, str approximate='none') -> Tensor");
    }
    if (configuration.has(Op::kRmsNorm)) {
        declare("rms_norm", "(Tensor x, Tensor weight, float epsilon=1e-05) -> Tensor");
    }
    if (configuration.has(Op::kModulo)) declare("modulo", "(Tensor x, Tensor divisor) -> Tensor");
    if (configuration.has(Op::kSelectAbove)) {
        declare("select_above", "(Tensor x, Tensor threshold) -> Tensor");
    }
}

// The kernels of one device.
template <auto bias_gelu, auto gelu, auto rms_norm, auto modulo, auto select_above>
void implement(torch::Library& library) {
    const Configuration configuration = read_configuration();
    const auto give = [&](const char* name, auto function) {
        library.impl(configuration.named(name).c_str(), function);
    };
    if (configuration.has(Op::kBiasGelu)) {
        if (configuration.without_bias) {
            give("bias_gelu", TORCH_FN(gelu));
        } else {
            give("bias_gelu", TORCH_FN(bias_gelu));
        }
    }
    if (configuration.has(Op::kRmsNorm)) give("rms_norm", TORCH_FN(rms_norm));
    if (configuration.has(Op::kModulo)) give("modulo", TORCH_FN(modulo));
    if (configuration.has(Op::kSelectAbove)) give("select_above", TORCH_FN(select_above));
}

// PyTorch keeps a pointer to the name while it registers.
const std::string name_space = read_configuration().domain;

// Without them, the kernels are for operators that others define.
const std::unique_ptr<torch::detail::TorchLibraryInit> definitions =
    read_configuration().kernels_only
        ? nullptr
        : std::make_unique<torch::detail::TorchLibraryInit>(torch::Library::DEF, define,
                                                            name_space.c_str(), std::nullopt,
                                                            __FILE__, __LINE__);
const torch::detail::TorchLibraryInit implementations(
    torch::Library::IMPL, implement<bias_gelu, gelu, rms_norm, modulo, select_above>,
    name_space.c_str(), c10::DispatchKey::CPU, __FILE__, __LINE__);
const torch::detail::TorchLibraryInit cuda_implementations(
    torch::Library::IMPL,
    implement<cuda::bias_gelu, cuda::gelu, cuda::rms_norm, cuda::modulo, cuda::select_above>,
    name_space.c_str(), c10::DispatchKey::CUDA, __FILE__, __LINE__);

}  // namespace
}  // namespace sample_library::pytorch
