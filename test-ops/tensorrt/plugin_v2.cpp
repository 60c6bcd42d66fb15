// Plugins with the interface of TensorRT 8: IPluginV2DynamicExt.
#include "plugin.h"

#if NV_TENSORRT_MAJOR < 10

#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include "operator.h"

namespace sample_library {
namespace {

using namespace nvinfer1;

class Plugin final : public IPluginV2DynamicExt {
public:
    Plugin(Op op, Attributes attributes, std::string plugin_namespace)
        : op_(op), attributes_(attributes), namespace_(std::move(plugin_namespace)) {}

    const AsciiChar* getPluginType() const noexcept override { return name_of(op_); }
    const AsciiChar* getPluginVersion() const noexcept override { return plugin_version(); }
    int32_t getNbOutputs() const noexcept override { return 1; }
    int32_t initialize() noexcept override { return 0; }
    void terminate() noexcept override {}
    size_t getSerializationSize() const noexcept override { return sizeof attributes_; }
    void serialize(void* buffer) const noexcept override {
        std::memcpy(buffer, &attributes_, sizeof attributes_);
    }
    void destroy() noexcept override { delete this; }
    IPluginV2DynamicExt* clone() const noexcept override {
        return new Plugin(op_, attributes_, namespace_);
    }
    void setPluginNamespace(const AsciiChar* name) noexcept override { namespace_ = name; }
    const AsciiChar* getPluginNamespace() const noexcept override { return namespace_.c_str(); }

    DataType getOutputDataType(int32_t, const DataType* inputs, int32_t) const noexcept override {
        return inputs[0];
    }
    DimsExprs getOutputDimensions(int32_t, const DimsExprs* inputs, int32_t,
                                  IExprBuilder&) noexcept override {
        return inputs[0];
    }
    bool supportsFormatCombination(int32_t position, const PluginTensorDesc* tensors, int32_t,
                                   int32_t) noexcept override {
        const PluginTensorDesc& tensor = tensors[position];
        return tensor.format == TensorFormat::kLINEAR &&
               (position == 0 ? supports(op_, tensor.type) : tensor.type == tensors[0].type);
    }
    void configurePlugin(const DynamicPluginTensorDesc*, int32_t, const DynamicPluginTensorDesc*,
                         int32_t) noexcept override {}
    size_t getWorkspaceSize(const PluginTensorDesc*, int32_t, const PluginTensorDesc*,
                            int32_t) const noexcept override {
        return 0;
    }
    int32_t enqueue(const PluginTensorDesc* tensors, const PluginTensorDesc*,
                    const void* const* inputs, void* const* outputs, void*,
                    cudaStream_t stream) noexcept override {
        return execute(op_, attributes_, tensors, inputs, outputs, stream);
    }

private:
    Op op_;
    Attributes attributes_;
    std::string namespace_;
};

class PluginCreator final : public IPluginCreator {
public:
    PluginCreator(Op op, std::string plugin_namespace)
        : op_(op), namespace_(std::move(plugin_namespace)) {}

    const AsciiChar* getPluginName() const noexcept override { return name_of(op_); }
    const AsciiChar* getPluginVersion() const noexcept override { return plugin_version(); }
    const PluginFieldCollection* getFieldNames() noexcept override { return &fields_of(op_); }
    IPluginV2* createPlugin(const AsciiChar*,
                            const PluginFieldCollection* fields) noexcept override {
        try {
            return new Plugin(op_, read_attributes(op_, *fields), namespace_);
        } catch (const std::exception&) {
            return nullptr;
        }
    }
    IPluginV2* deserializePlugin(const AsciiChar*, const void* data,
                                 size_t length) noexcept override {
        Attributes attributes;
        if (length != sizeof attributes) return nullptr;
        std::memcpy(&attributes, data, length);
        return new Plugin(op_, attributes, namespace_);
    }
    void setPluginNamespace(const AsciiChar* name) noexcept override { namespace_ = name; }
    const AsciiChar* getPluginNamespace() const noexcept override { return namespace_.c_str(); }

private:
    Op op_;
    std::string namespace_;
};

}  // namespace

std::unique_ptr<Creator> make_creator(Op op, std::string plugin_namespace) {
    return std::make_unique<PluginCreator>(op, std::move(plugin_namespace));
}

}  // namespace sample_library

#endif
