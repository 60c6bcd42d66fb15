// The operator Modulo on PyTorch's stable interface: C functions that every later release keeps, and
// headers that hold all the C++ there is. Nothing here is an object of libtorch's.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <stdexcept>
#include <string>

#include "configuration.h"
#include "fault.h"
#include "kernels.h"

namespace sample_library::pytorch {
namespace {

// PyTorch 2.9, which has no such header, has these in no namespace.
#if __has_include(<torch/csrc/stable/version.h>)
using torch::stable::detail::from;
using torch::stable::detail::StableLibrary;
using torch::stable::detail::StableTorchLibraryInit;
using torch::stable::detail::to;
#endif

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// The kernel takes this many values from the stack, whatever the schema says.
constexpr std::uint64_t kInputs = 2;

void check_operand(const char* name, const Tensor& tensor) {
    if (tensor.scalar_type() != ScalarType::Float || !tensor.is_contiguous())
        throw std::invalid_argument(std::string("modulo: ") + name +
                                    " must be a contiguous tensor of float32");
}

Tensor modulo(const Tensor& x, const Tensor& divisor) {
    check_operand("x", x);
    check_operand("divisor", divisor);
    const Tensor y = torch::stable::empty_like(x);
    sample_library::modulo(static_cast<const float*>(x.data_ptr()),
                           static_cast<std::size_t>(x.numel()),
                           static_cast<const float*>(divisor.data_ptr()),
                           static_cast<std::size_t>(divisor.numel()),
                           static_cast<float*>(y.data_ptr()));
    return y;
}

// The stack holds the inputs, which the kernel takes over, and then the output.
void boxed_modulo(StableIValue* stack, std::uint64_t inputs, std::uint64_t) {
    before_execution();
    if (inputs != kInputs)
        throw std::invalid_argument("modulo: the schema has " + std::to_string(inputs) +
                                    " inputs and the kernel takes " + std::to_string(kInputs));
    const Tensor x = to<Tensor>(stack[0]);
    const Tensor divisor = to<Tensor>(stack[1]);
    stack[0] = from(modulo(x, divisor));
}

void define(StableLibrary& library) {
    const Configuration configuration = read_configuration();
    if (!configuration.has(Op::kModulo)) return;
    library.def(configuration.fault == Fault::kSchemaDisagrees
                    ? "modulo(Tensor x, Tensor divisor, float offset=0.0) -> Tensor"
                    : "modulo(Tensor x, Tensor divisor) -> Tensor");
}

void implement(StableLibrary& library) {
    if (read_configuration().has(Op::kModulo)) library.impl("modulo", boxed_modulo);
}

// PyTorch keeps a pointer to the name while it registers.
const std::string name_space = read_configuration().domain;

const StableTorchLibraryInit definitions(StableLibrary::Kind::DEF, define, name_space.c_str(),
                                         nullptr, __FILE__, __LINE__);
const StableTorchLibraryInit implementations(StableLibrary::Kind::IMPL, implement,
                                             name_space.c_str(), "CPU", __FILE__, __LINE__);

}  // namespace
}  // namespace sample_library::pytorch
