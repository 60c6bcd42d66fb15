#include "operator.h"

#include <cstring>
#include <stdexcept>

#include "device_operators.h"
#include "fault.h"

namespace sample_library {
namespace {

using nvinfer1::DataType;
using nvinfer1::PluginField;
using nvinfer1::PluginFieldCollection;
using nvinfer1::PluginFieldType;

const PluginField kApproximate{"approximate", nullptr, PluginFieldType::kCHAR, 1};
const PluginField kEpsilon{"epsilon", nullptr, PluginFieldType::kFLOAT32, 1};

device::Element element(DataType type) {
    switch (type) {
        case DataType::kFLOAT:
            return device::Element::kFloat32;
        case DataType::kHALF:
            return device::Element::kFloat16;
        default:
            return device::Element::kInt32;
    }
}

template <typename Extents>
long long product(const Extents& dims) {
    long long count = 1;
    for (int axis = 0; axis < dims.nbDims; ++axis) count *= dims.d[axis];
    return count;
}

}  // namespace

const char* name_of(Op op) {
    static const std::string name = read_configuration().name;
    if (!name.empty()) return name.c_str();
    switch (op) {
        case Op::kBiasGelu:
            return "BiasGelu";
        case Op::kRmsNorm:
            return "RmsNorm";
        case Op::kModulo:
            return "Modulo";
        default:
            return "SelectAbove";
    }
}

const char* plugin_version() {
    static const std::string version = read_configuration().version;
    return version.c_str();
}

const PluginFieldCollection& fields_of(Op op) {
    static const PluginFieldCollection approximate{1, &kApproximate};
    static const PluginFieldCollection epsilon{1, &kEpsilon};
    static const PluginFieldCollection none{0, nullptr};
    switch (op) {
        case Op::kBiasGelu:
            return approximate;
        case Op::kRmsNorm:
            return epsilon;
        default:
            return none;
    }
}

Attributes read_attributes(Op op, const PluginFieldCollection& fields) {
    Attributes attributes;
    for (int index = 0; index < fields.nbFields; ++index) {
        const PluginField& field = fields.fields[index];
        if (op == Op::kBiasGelu && std::strcmp(field.name, kApproximate.name) == 0) {
            const char* const text = static_cast<const char*>(field.data);
            const std::string value(text, strnlen(text, static_cast<size_t>(field.length)));
            if (value != "tanh" && value != "none") {
                throw std::invalid_argument("BiasGelu: attribute approximate is '" + value +
                                            "', not 'none' or 'tanh'");
            }
            attributes.tanh_approximation = value == "tanh";
        } else if (op == Op::kRmsNorm && std::strcmp(field.name, kEpsilon.name) == 0) {
            std::memcpy(&attributes.epsilon, field.data, sizeof attributes.epsilon);
            if (!(attributes.epsilon >= 0)) {
                throw std::invalid_argument("RmsNorm: attribute epsilon is not from zero on");
            }
        }
    }
    return attributes;
}

bool supports(Op op, DataType type) {
    return type == DataType::kFLOAT || type == DataType::kHALF ||
           (op == Op::kModulo && type == DataType::kINT32);
}

std::int32_t execute(Op op, const Attributes& attributes, const nvinfer1::PluginTensorDesc* tensors,
                     const void* const* inputs, void* const* outputs,
                     cudaStream_t stream) noexcept {
    before_execution();
    const auto& dims = tensors[0].dims;
    const long long count = product(dims);
    const long long operands = product(tensors[1].dims);
    const long long width = dims.nbDims > 0 ? dims.d[dims.nbDims - 1] : 1;
    if (count == 0 && op != Op::kSelectAbove) return 0;
    if ((op == Op::kBiasGelu || op == Op::kRmsNorm) && operands != width) return 1;
    if (op == Op::kModulo && operands != 1 && operands != count) return 1;

    const device::Element type = element(tensors[0].type);
    const float signature = read_configuration().signature;
    switch (op) {
        case Op::kBiasGelu:
            return device::bias_gelu(type, inputs[0], inputs[1], outputs[0], count, width,
                                     attributes.tanh_approximation != 0, signature, stream);
        case Op::kRmsNorm:
            return device::rms_norm(type, inputs[0], inputs[1], outputs[0], count / width, width,
                                    attributes.epsilon, signature, stream);
        case Op::kModulo:
            return device::modulo(type, inputs[0], inputs[1], outputs[0], count, operands,
                                  signature, stream);
        default:
            return device::select_above(type, inputs[0], inputs[1], outputs[0],
                                        static_cast<std::int64_t*>(outputs[1]), count, signature,
                                        stream);
    }
}

}  // namespace sample_library
