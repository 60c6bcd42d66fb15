// Takes a sample plugin library through what TensorRT does with plugins, with the real registry.
//
// round-trip LIBNVINFER OP_LIBRARY. Exit status 0: everything was as expected; else the line that
// was not is on standard error.

#include <NvInferRuntime.h>
#include <dlfcn.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace nvinfer1;

#define EXPECT(condition)                                                       \
    do {                                                                        \
        if (!(condition)) {                                                     \
            std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition);        \
            std::exit(1);                                                       \
        }                                                                       \
    } while (false)

template <typename Function>
Function function(void* library, char const* name) {
    void* const found = dlsym(library, name);
    EXPECT(found != nullptr);
    return reinterpret_cast<Function>(found);
}

char const kTanh[] = {'t', 'a', 'n', 'h'};

#if RUNTIME_MAJOR == 8

void check(IPluginRegistry& registry) {
    IPluginCreator* const creator = registry.getPluginCreator("BiasGelu", "1", "custom.ops");
    EXPECT(creator != nullptr);
    EXPECT(registry.getPluginCreator("BiasGelu", "1", "other.ops") == nullptr);
    EXPECT(registry.getPluginCreator("BiasGelu", "2", "custom.ops") == nullptr);
    EXPECT(creator->getFieldNames()->nbFields == 1);
    PluginField field{"approximate", kTanh, PluginFieldType::kCHAR, 4};
    PluginFieldCollection const fields{1, &field};
    auto* const plugin =
        static_cast<IPluginV2DynamicExt*>(creator->createPlugin("node", &fields));
    EXPECT(plugin != nullptr);
    EXPECT(std::string(plugin->getPluginType()) == "BiasGelu");
    EXPECT(plugin->getNbOutputs() == 1);

    PluginTensorDesc tensors[3] = {};
    for (PluginTensorDesc& tensor : tensors) tensor.type = DataType::kHALF;
    for (int position = 0; position < 3; ++position) {
        EXPECT(plugin->supportsFormatCombination(position, tensors, 2, 1));
    }
    tensors[2].type = DataType::kFLOAT;
    EXPECT(!plugin->supportsFormatCombination(2, tensors, 2, 1));
    DataType const type = DataType::kHALF;
    EXPECT(plugin->getOutputDataType(0, &type, 1) == DataType::kHALF);
    DimsExprs const dims{2, {}};
    EXPECT(static_cast<IPluginV2DynamicExt&>(*plugin)
               .getOutputDimensions(0, &dims, 1, *reinterpret_cast<IExprBuilder*>(&tensors))
               .nbDims == 2);

    IPluginV2* const clone = plugin->clone();
    std::vector<char> bytes(clone->getSerializationSize());
    clone->serialize(bytes.data());
    IPluginV2* const read = creator->deserializePlugin("node", bytes.data(), bytes.size());
    EXPECT(read != nullptr);
    std::vector<char> again(read->getSerializationSize());
    read->serialize(again.data());
    EXPECT(bytes == again);
    EXPECT(std::string(read->getPluginNamespace()) == "custom.ops");
    EXPECT(creator->deserializePlugin("node", bytes.data(), bytes.size() - 1) == nullptr);
    for (IPluginV2* each : {static_cast<IPluginV2*>(plugin), clone, read}) each->destroy();

    field.length = 3;
    EXPECT(creator->createPlugin("node", &fields) == nullptr);
    EXPECT(registry.deregisterCreator(*creator));
    EXPECT(registry.getPluginCreator("BiasGelu", "1", "custom.ops") == nullptr);
}

using Entry = IPluginCreator* const* (*)(int32_t&);
constexpr char const* kEntry = "getPluginCreators";

#else

void check(IPluginRegistry& registry) {
    auto* const creator = static_cast<IPluginCreatorV3One*>(
        registry.getCreator("BiasGelu", "1", "custom.ops"));
    EXPECT(creator != nullptr);
    EXPECT(registry.getCreator("BiasGelu", "1", "other.ops") == nullptr);
    PluginField const field{"approximate", kTanh, PluginFieldType::kCHAR, 4};
    PluginFieldCollection const fields{1, &field};
    IPluginV3* const plugin = creator->createPlugin("node", &fields, TensorRTPhase::kBUILD);
    EXPECT(plugin != nullptr);
    auto* const core = static_cast<IPluginV3OneCore*>(
        plugin->getCapabilityInterface(PluginCapabilityType::kCORE));
    EXPECT(std::string(core->getPluginName()) == "BiasGelu");
    auto* const build = static_cast<IPluginV3OneBuild*>(
        plugin->getCapabilityInterface(PluginCapabilityType::kBUILD));
    EXPECT(build->getNbOutputs() == 1);
    DynamicPluginTensorDesc tensors[3] = {};
    EXPECT(build->supportsFormatCombination(2, tensors, 2, 1));
    IPluginV3* const clone = plugin->clone();
    auto* const runtime = static_cast<IPluginV3OneRuntime*>(
        clone->getCapabilityInterface(PluginCapabilityType::kRUNTIME));
    PluginFieldCollection const* const kept = runtime->getFieldsToSerialize();
    EXPECT(kept->nbFields == 1 && kept->fields[0].length == 4);
    EXPECT(std::memcmp(kept->fields[0].data, kTanh, 4) == 0);
    IPluginV3* const read = creator->createPlugin("node", kept, TensorRTPhase::kRUNTIME);
    EXPECT(read != nullptr);
    for (IPluginV3* each : {plugin, clone, read}) delete each;
    EXPECT(registry.deregisterCreator(*creator));
    EXPECT(registry.getCreator("BiasGelu", "1", "custom.ops") == nullptr);
}

using Entry = IPluginCreatorInterface* const* (*)(int32_t&);
constexpr char const* kEntry = "getCreators";

#endif

} // namespace

int main(int count, char** words) {
    EXPECT(count == 3);
    void* const runtime = dlopen(words[1], RTLD_NOW | RTLD_GLOBAL);
    EXPECT(runtime != nullptr);
    void* const library = dlopen(words[2], RTLD_NOW);
    EXPECT(library != nullptr);
    auto& registry = *function<IPluginRegistry* (*)()>(runtime, "getPluginRegistry")();
    int32_t creators = 0;
    auto* const* const first = function<Entry>(library, kEntry)(creators);
    for (int32_t index = 0; index < creators; ++index) {
        EXPECT(registry.registerCreator(*first[index], "custom.ops"));
        EXPECT(!registry.registerCreator(*first[index], "custom.ops"));
    }
    check(registry);
    return 0;
}
