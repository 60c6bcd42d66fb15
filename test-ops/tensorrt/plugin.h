// The plugins' creators, of the interface that this version of TensorRT has.
#pragma once

#include <NvInferRuntime.h>

#include <memory>
#include <vector>

#include "configuration.h"

namespace sample_library {

#if NV_TENSORRT_MAJOR >= 10
using Creator = nvinfer1::IPluginCreatorInterface;
#else
using Creator = nvinfer1::IPluginCreator;
#endif

// The creator of an operator's plugins.
std::unique_ptr<Creator> make_creator(Op op, std::string plugin_namespace);

// The creators of the operators that the configuration asks for; they live as long as the library.
const std::vector<Creator*>& creators();

}  // namespace sample_library
