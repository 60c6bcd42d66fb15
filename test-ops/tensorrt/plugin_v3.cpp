// Plugins with the interface of TensorRT 10 and 11: IPluginV3.
#include "plugin.h"

#if NV_TENSORRT_MAJOR >= 10

#include <exception>
#include <string>
#include <utility>

#include "operator.h"

namespace sample_library {
namespace {

using namespace nvinfer1;

class Plugin final : public IPluginV3,
                     public IPluginV3OneCore,
                     public IPluginV3OneBuild,
                     public IPluginV3OneRuntime {
public:
    Plugin(Op op, Attributes attributes, std::string plugin_namespace)
        : op_(op), attributes_(attributes), namespace_(std::move(plugin_namespace)) {}

    IPluginCapability* getCapabilityInterface(PluginCapabilityType type) noexcept override {
        switch (type) {
            case PluginCapabilityType::kCORE:
                return static_cast<IPluginV3OneCore*>(this);
            case PluginCapabilityType::kBUILD:
                return static_cast<IPluginV3OneBuild*>(this);
            case PluginCapabilityType::kRUNTIME:
                return static_cast<IPluginV3OneRuntime*>(this);
        }
        return nullptr;
    }
    IPluginV3* clone() noexcept override { return new Plugin(op_, attributes_, namespace_); }

    const AsciiChar* getPluginName() const noexcept override { return name_of(op_); }
    const AsciiChar* getPluginVersion() const noexcept override { return plugin_version(); }
    const AsciiChar* getPluginNamespace() const noexcept override { return namespace_.c_str(); }

    int32_t configurePlugin(const DynamicPluginTensorDesc*, int32_t, const DynamicPluginTensorDesc*,
                            int32_t) noexcept override {
        return 0;
    }
    int32_t getOutputDataTypes(DataType* outputs, int32_t count, const DataType* inputs,
                               int32_t) const noexcept override {
        outputs[0] = inputs[0];
        if (count > 1) outputs[1] = DataType::kINT64;
        return 0;
    }
    // SelectAbove has a second output, the number of elements of the first.
    int32_t getNbOutputs() const noexcept override { return op_ == Op::kSelectAbove ? 2 : 1; }
    int32_t getOutputShapes(const DimsExprs* inputs, int32_t, const DimsExprs*, int32_t,
                            DimsExprs* outputs, int32_t, IExprBuilder& builder) noexcept override {
        if (op_ != Op::kSelectAbove) {
            outputs[0] = inputs[0];
            return 0;
        }
        const IDimensionExpr* upper = builder.constant(1);
        for (int32_t axis = 0; axis < inputs[0].nbDims; ++axis) {
            upper = builder.operation(DimensionOperation::kPROD, *upper, *inputs[0].d[axis]);
        }
        const IDimensionExpr* const typical =
            builder.operation(DimensionOperation::kCEIL_DIV, *upper, *builder.constant(2));
        outputs[0].nbDims = 1;
        outputs[0].d[0] = builder.declareSizeTensor(1, *typical, *upper);
        outputs[1].nbDims = 0;
        return 0;
    }
    bool supportsFormatCombination(int32_t position, const DynamicPluginTensorDesc* tensors, int32_t,
                                   int32_t) noexcept override {
        constexpr int32_t kCount = 3;
        const PluginTensorDesc& tensor = tensors[position].desc;
        if (tensor.format != TensorFormat::kLINEAR) return false;
        if (position == 0) return supports(op_, tensor.type);
        return tensor.type == (position == kCount ? DataType::kINT64 : tensors[0].desc.type);
    }

    int32_t onShapeChange(const PluginTensorDesc*, int32_t, const PluginTensorDesc*,
                          int32_t) noexcept override {
        return 0;
    }
    int32_t enqueue(const PluginTensorDesc* tensors, const PluginTensorDesc*,
                    const void* const* inputs, void* const* outputs, void*,
                    cudaStream_t stream) noexcept override {
        return execute(op_, attributes_, tensors, inputs, outputs, stream);
    }
    IPluginV3* attachToContext(IPluginResourceContext*) noexcept override { return clone(); }
    const PluginFieldCollection* getFieldsToSerialize() noexcept override {
        approximate_ = attributes_.tanh_approximation != 0 ? "tanh" : "none";
        for (int32_t index = 0; index < fields_of(op_).nbFields; ++index) {
            field_ = fields_of(op_).fields[index];
            field_.data = op_ == Op::kBiasGelu ? static_cast<const void*>(approximate_.data())
                                               : &attributes_.epsilon;
            field_.length = op_ == Op::kBiasGelu ? static_cast<int32_t>(approximate_.size()) : 1;
        }
        serialized_ = {fields_of(op_).nbFields, &field_};
        return &serialized_;
    }

private:
    Op op_;
    Attributes attributes_;
    std::string namespace_;
    // What the builder reads after `getFieldsToSerialize`.
    std::string approximate_;
    PluginField field_;
    PluginFieldCollection serialized_{};
};

class PluginCreator final : public IPluginCreatorV3One {
public:
    PluginCreator(Op op, std::string plugin_namespace)
        : op_(op), namespace_(std::move(plugin_namespace)) {}

    IPluginV3* createPlugin(const AsciiChar*, const PluginFieldCollection* fields,
                            TensorRTPhase) noexcept override {
        try {
            return new Plugin(op_, read_attributes(op_, *fields), namespace_);
        } catch (const std::exception&) {
            return nullptr;
        }
    }
    const PluginFieldCollection* getFieldNames() noexcept override { return &fields_of(op_); }
    const AsciiChar* getPluginName() const noexcept override { return name_of(op_); }
    const AsciiChar* getPluginVersion() const noexcept override { return plugin_version(); }
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
