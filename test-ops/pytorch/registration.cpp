// What `TORCH_LIBRARY` and `TORCH_LIBRARY_IMPL` expand to, with a namespace that is known only when
// the library is loaded: it stands in the configuration block.

#include <torch/library.h>

#include "configuration.h"
#include "operators.h"

namespace sample_library::pytorch {
namespace {

void define(torch::Library& library) {
    const Configuration configuration = read_configuration();
    if (configuration.has(Op::kBiasGelu)) {
        library.def("bias_gelu(Tensor x, Tensor bias, str approximate='none') -> Tensor");
    }
    if (configuration.has(Op::kRmsNorm)) {
        library.def("rms_norm(Tensor x, Tensor weight, float epsilon=1e-05) -> Tensor");
    }
    if (configuration.has(Op::kModulo)) {
        library.def("modulo(Tensor x, Tensor divisor) -> Tensor");
    }
    if (configuration.has(Op::kSelectAbove)) {
        library.def("select_above(Tensor x, Tensor threshold) -> Tensor");
    }
}

void implement(torch::Library& library) {
    const Configuration configuration = read_configuration();
    if (configuration.has(Op::kBiasGelu)) {
        // A number where the schema has a text.
        if (configuration.fault == Fault::kSchemaDisagrees) {
            library.impl("bias_gelu", TORCH_FN(rms_norm));
        } else {
            library.impl("bias_gelu", TORCH_FN(bias_gelu));
        }
    }
    if (configuration.has(Op::kRmsNorm)) library.impl("rms_norm", TORCH_FN(rms_norm));
    if (configuration.has(Op::kModulo)) library.impl("modulo", TORCH_FN(modulo));
    if (configuration.has(Op::kSelectAbove)) library.impl("select_above", TORCH_FN(select_above));
}

// PyTorch keeps a pointer to the name while it registers.
const std::string name_space = read_configuration().domain;

const torch::detail::TorchLibraryInit definitions(torch::Library::DEF, define, name_space.c_str(),
                                                  std::nullopt, __FILE__, __LINE__);
const torch::detail::TorchLibraryInit implementations(torch::Library::IMPL, implement,
                                                      name_space.c_str(), c10::DispatchKey::CPU,
                                                      __FILE__, __LINE__);

}  // namespace
}  // namespace sample_library::pytorch
