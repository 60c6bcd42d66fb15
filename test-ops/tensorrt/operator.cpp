#include "operator.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "device.h"
#include "fault.h"

namespace sample_library {
namespace {

using nvinfer1::DataType;
using nvinfer1::PluginField;
using nvinfer1::PluginFieldCollection;
using nvinfer1::PluginFieldType;

constexpr unsigned kThreads = 256;
// Enough to fill any GPU; the kernels walk over what is left.
constexpr long long kMostBlocks = 4096;

const PluginField kApproximate{"approximate", nullptr, PluginFieldType::kCHAR, 1};
const PluginField kEpsilon{"epsilon", nullptr, PluginFieldType::kFLOAT32, 1};

const char* suffix(DataType type) {
    switch (type) {
        case DataType::kFLOAT:
            return "_fp32";
        case DataType::kHALF:
            return "_fp16";
        default:
            return "_int32";
    }
}

template <typename Extents>
long long product(const Extents& dims) {
    long long count = 1;
    for (int axis = 0; axis < dims.nbDims; ++axis) count *= dims.d[axis];
    return count;
}

Grid grid_for(long long blocks) {
    return {static_cast<unsigned>(std::clamp(blocks, 1LL, kMostBlocks)), kThreads};
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
    long long count = product(dims);
    long long operands = product(tensors[1].dims);
    long long width = dims.nbDims > 0 ? dims.d[dims.nbDims - 1] : 1;
    float added = read_configuration().signature;
    if (count == 0 && op != Op::kSelectAbove) return 0;
    if ((op == Op::kBiasGelu || op == Op::kRmsNorm) && operands != width) return 1;
    if (op == Op::kModulo && operands != 1 && operands != count) return 1;

    const void* x = inputs[0];
    const void* operand = inputs[1];
    void* y = outputs[0];
    const std::string type = suffix(tensors[0].type);
    const Grid elementwise = grid_for((count + kThreads - 1) / kThreads);
    switch (op) {
        case Op::kBiasGelu: {
            int tanh_approximation = attributes.tanh_approximation;
            void* arguments[] = {&x, &operand, &y, &count, &width, &tanh_approximation, &added};
            return launch(("bias_gelu" + type).c_str(), elementwise, stream, arguments);
        }
        case Op::kRmsNorm: {
            long long rows = count / width;
            float epsilon = attributes.epsilon;
            void* arguments[] = {&x, &operand, &y, &rows, &width, &epsilon, &added};
            return launch(("rms_norm" + type).c_str(), grid_for(rows), stream, arguments);
        }
        case Op::kModulo: {
            void* arguments[] = {&x, &operand, &y, &count, &operands, &added};
            return launch(("modulo" + type).c_str(), elementwise, stream, arguments);
        }
        default: {
            void* selected = outputs[1];
            void* arguments[] = {&x, &operand, &y, &selected, &count, &added};
            return launch(("select_above" + type).c_str(), {1, kThreads}, stream, arguments);
        }
    }
}

}  // namespace sample_library
