// What a plugin computes, whichever interface it has.
#pragma once

#include <NvInferRuntime.h>

#include <cstdint>
#include <string>

#include "configuration.h"

namespace sample_library {

// The attributes of an operator; each operator reads its own.
struct Attributes {
    // BiasGelu: `approximate` is "tanh".
    std::int32_t tanh_approximation = 0;
    // RmsNorm.
    float epsilon = 1e-5f;
};

// The operators that this version of TensorRT can express: before 10, no plugin has an output
// whose shape depends on data.
constexpr Op kOperators[] = {
    Op::kBiasGelu,
    Op::kRmsNorm,
    Op::kModulo,
#if NV_TENSORRT_MAJOR >= 10
    Op::kSelectAbove,
#endif
};

// Name of the plugin.
const char* name_of(Op op);

// The version string of all plugins.
const char* plugin_version();

// The attributes that a creator takes.
const nvinfer1::PluginFieldCollection& fields_of(Op op);

// Attributes from a creator's fields; absent ones have their defaults. Throws
// std::invalid_argument where a value is none.
Attributes read_attributes(Op op, const nvinfer1::PluginFieldCollection& fields);

// Whether there is a kernel for the element type.
bool supports(Op op, nvinfer1::DataType type);

// Puts the kernel on the stream. `tensors` describes the two inputs. Zero where that worked.
std::int32_t execute(Op op, const Attributes& attributes, const nvinfer1::PluginTensorDesc* tensors,
                     const void* const* inputs, void* const* outputs, cudaStream_t stream) noexcept;

}  // namespace sample_library
