// TensorRT 10 and 11 as a plugin library and a program that lists plugins see them.
//
// Used only where no SDK is installed. Names, values and the order of virtual functions are those
// of the public interface. The plugin interfaces are the same in both versions; the registry lost
// its oldest functions with 11. RUNTIME_MAJOR says which of the two is meant. Plans are run
// through an SDK's headers only.
#pragma once

#include <cstddef>
#include <cstdint>

#define NV_TENSORRT_MAJOR RUNTIME_MAJOR

typedef struct CUstream_st* cudaStream_t;

namespace nvinfer1 {

using AsciiChar = char;

enum class DataType : int32_t {
    kFLOAT, kHALF, kINT8, kINT32, kBOOL, kUINT8, kFP8, kBF16, kINT64, kINT4
};
enum class TensorFormat : int32_t { kLINEAR };
enum class APILanguage : int32_t { kCPP, kPYTHON };
enum class TensorRTPhase : int32_t { kBUILD, kRUNTIME };
enum class PluginCapabilityType : int32_t { kCORE, kBUILD, kRUNTIME };
enum class DimensionOperation : int32_t {
    kSUM, kPROD, kMAX, kMIN, kSUB, kEQUAL, kLESS, kFLOOR_DIV, kCEIL_DIV
};
enum class PluginFieldType : int32_t {
    kFLOAT16, kFLOAT32, kFLOAT64, kINT8, kINT16, kINT32, kCHAR, kDIMS, kUNKNOWN
};

struct Dims {
    static constexpr int32_t MAX_DIMS = 8;
    int32_t nbDims;
    int64_t d[MAX_DIMS];
};

struct InterfaceInfo {
    char const* kind;
    int32_t major;
    int32_t minor;
};

class IVersionedInterface {
public:
    virtual APILanguage getAPILanguage() const noexcept { return APILanguage::kCPP; }
    virtual InterfaceInfo getInterfaceInfo() const noexcept = 0;
    virtual ~IVersionedInterface() noexcept = default;
};

class IErrorRecorder;
class IPluginResourceContext;

#if RUNTIME_MAJOR >= 11
class ILogger : public IVersionedInterface {
public:
    InterfaceInfo getInterfaceInfo() const noexcept override { return {"ILogger", 1, 0}; }
#else
class ILogger {
public:
#endif
    enum class Severity : int32_t { kINTERNAL_ERROR, kERROR, kWARNING, kINFO, kVERBOSE };
    virtual void log(Severity severity, AsciiChar const* message) noexcept = 0;
    virtual ~ILogger() = default;
};

class ILoggerFinder : public IVersionedInterface {
public:
    InterfaceInfo getInterfaceInfo() const noexcept override { return {"ILoggerFinder", 1, 0}; }
    virtual ILogger* findLogger() = 0;

protected:
    ~ILoggerFinder() override = default;
};

// --- plugins

struct PluginField {
    AsciiChar const* name = nullptr;
    void const* data = nullptr;
    PluginFieldType type = PluginFieldType::kUNKNOWN;
    int32_t length = 0;
};

struct PluginFieldCollection {
    int32_t nbFields;
    PluginField const* fields;
};

struct PluginTensorDesc {
    Dims dims;
    DataType type;
    TensorFormat format;
    float scale;
};

struct DynamicPluginTensorDesc {
    PluginTensorDesc desc;
    Dims min;
    Dims max;
    Dims opt;
};

namespace apiv {

class VRoot {
public:
    virtual ~VRoot() noexcept = default;
};

class VDimensionExpr;

} // namespace apiv

class INoCopy {
public:
    INoCopy(INoCopy const&) = delete;
    INoCopy& operator=(INoCopy const&) = delete;

protected:
    INoCopy() = default;
    virtual ~INoCopy() = default;
};

class IDimensionExpr : public INoCopy {
protected:
    virtual ~IDimensionExpr() noexcept = default;
    apiv::VDimensionExpr* mImpl;
};

namespace apiv {

class VExprBuilder : public VRoot {
public:
    virtual IDimensionExpr const* constant(int64_t value) = 0;
    virtual IDimensionExpr const* operation(
        DimensionOperation op, IDimensionExpr const& first, IDimensionExpr const& second) = 0;
    virtual IDimensionExpr const* declareSizeTensor(
        int32_t output, IDimensionExpr const& optimal, IDimensionExpr const& upper) = 0;
};

} // namespace apiv

class IExprBuilder : public INoCopy {
public:
    IDimensionExpr const* constant(int64_t value) noexcept { return mImpl->constant(value); }
    IDimensionExpr const* operation(DimensionOperation op, IDimensionExpr const& first,
        IDimensionExpr const& second) noexcept {
        return mImpl->operation(op, first, second);
    }
    IDimensionExpr const* declareSizeTensor(
        int32_t output, IDimensionExpr const& optimal, IDimensionExpr const& upper) {
        return mImpl->declareSizeTensor(output, optimal, upper);
    }

protected:
    virtual ~IExprBuilder() noexcept = default;
    apiv::VExprBuilder* mImpl;
};

struct DimsExprs {
    int32_t nbDims;
    IDimensionExpr const* d[Dims::MAX_DIMS];
};

class IPluginCapability : public IVersionedInterface {};

class IPluginV3 : public IVersionedInterface {
public:
    InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN", 1, 0}; }
    virtual IPluginCapability* getCapabilityInterface(PluginCapabilityType type) noexcept = 0;
    virtual IPluginV3* clone() noexcept = 0;
};

class IPluginV3OneCore : public IPluginCapability {
public:
    InterfaceInfo getInterfaceInfo() const noexcept override {
        return {"PLUGIN_V3ONE_CORE", 1, 0};
    }
    virtual AsciiChar const* getPluginName() const noexcept = 0;
    virtual AsciiChar const* getPluginVersion() const noexcept = 0;
    virtual AsciiChar const* getPluginNamespace() const noexcept = 0;
};

class IPluginV3OneBuild : public IPluginCapability {
public:
    InterfaceInfo getInterfaceInfo() const noexcept override {
        return {"PLUGIN_V3ONE_BUILD", 1, 0};
    }
    virtual int32_t configurePlugin(DynamicPluginTensorDesc const* inputs, int32_t inputCount,
        DynamicPluginTensorDesc const* outputs, int32_t outputCount) noexcept = 0;
    virtual int32_t getOutputDataTypes(DataType* outputs, int32_t outputCount,
        DataType const* inputs, int32_t inputCount) const noexcept = 0;
    virtual int32_t getOutputShapes(DimsExprs const* inputs, int32_t inputCount,
        DimsExprs const* shapeInputs, int32_t shapeInputCount, DimsExprs* outputs,
        int32_t outputCount, IExprBuilder& builder) noexcept = 0;
    virtual bool supportsFormatCombination(int32_t position, DynamicPluginTensorDesc const* tensors,
        int32_t inputCount, int32_t outputCount) noexcept = 0;
    virtual int32_t getNbOutputs() const noexcept = 0;
    virtual size_t getWorkspaceSize(DynamicPluginTensorDesc const*, int32_t,
        DynamicPluginTensorDesc const*, int32_t) const noexcept {
        return 0;
    }
    virtual int32_t getValidTactics(int32_t*, int32_t) noexcept { return 0; }
    virtual int32_t getNbTactics() noexcept { return 0; }
    virtual char const* getTimingCacheID() noexcept { return nullptr; }
    virtual int32_t getFormatCombinationLimit() noexcept { return 100; }
    virtual char const* getMetadataString() noexcept { return nullptr; }
};

class IPluginV3OneRuntime : public IPluginCapability {
public:
    InterfaceInfo getInterfaceInfo() const noexcept override {
        return {"PLUGIN_V3ONE_RUNTIME", 1, 0};
    }
    virtual int32_t setTactic(int32_t) noexcept { return 0; }
    virtual int32_t onShapeChange(PluginTensorDesc const* inputs, int32_t inputCount,
        PluginTensorDesc const* outputs, int32_t outputCount) noexcept = 0;
    virtual int32_t enqueue(PluginTensorDesc const* inputTensors,
        PluginTensorDesc const* outputTensors, void const* const* inputs, void* const* outputs,
        void* workspace, cudaStream_t stream) noexcept = 0;
    virtual IPluginV3* attachToContext(IPluginResourceContext* context) noexcept = 0;
    virtual PluginFieldCollection const* getFieldsToSerialize() noexcept = 0;
};

// Creators: all derive from one root, and the interface's kind tells which one it is.

class IPluginV2;

class IPluginCreatorInterface : public IVersionedInterface {};

// "PLUGIN CREATOR_V1": creators of the older plugins.
class IPluginCreator : public IPluginCreatorInterface {
public:
    InterfaceInfo getInterfaceInfo() const noexcept override {
        return {"PLUGIN CREATOR_V1", 1, 0};
    }
    virtual AsciiChar const* getPluginName() const noexcept = 0;
    virtual AsciiChar const* getPluginVersion() const noexcept = 0;
    virtual PluginFieldCollection const* getFieldNames() noexcept = 0;
    virtual IPluginV2* createPlugin(
        AsciiChar const* name, PluginFieldCollection const* fields) noexcept = 0;
    virtual IPluginV2* deserializePlugin(
        AsciiChar const* name, void const* data, size_t length) noexcept = 0;
    virtual void setPluginNamespace(AsciiChar const* name) noexcept = 0;
    virtual AsciiChar const* getPluginNamespace() const noexcept = 0;
};

// "PLUGIN CREATOR_V3ONE".
class IPluginCreatorV3One : public IPluginCreatorInterface {
public:
    InterfaceInfo getInterfaceInfo() const noexcept override {
        return {"PLUGIN CREATOR_V3ONE", 1, 0};
    }
    virtual IPluginV3* createPlugin(AsciiChar const* name, PluginFieldCollection const* fields,
        TensorRTPhase phase) noexcept = 0;
    virtual PluginFieldCollection const* getFieldNames() noexcept = 0;
    virtual AsciiChar const* getPluginName() const noexcept = 0;
    virtual AsciiChar const* getPluginVersion() const noexcept = 0;
    virtual AsciiChar const* getPluginNamespace() const noexcept = 0;
};

class IPluginRegistry {
public:
    using PluginLibraryHandle = void*;

#if RUNTIME_MAJOR < 11
    virtual bool registerCreator(
        IPluginCreator& creator, AsciiChar const* pluginNamespace) noexcept = 0;
    virtual IPluginCreator* const* getPluginCreatorList(int32_t* count) const noexcept = 0;
    virtual IPluginCreator* getPluginCreator(AsciiChar const* name, AsciiChar const* version,
        AsciiChar const* pluginNamespace = "") noexcept = 0;
#endif

protected:
    virtual ~IPluginRegistry() noexcept = default;

public:
    virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
    virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
#if RUNTIME_MAJOR < 11
    virtual bool deregisterCreator(IPluginCreator const& creator) noexcept = 0;
#endif
    virtual bool isParentSearchEnabled() const = 0;
    virtual void setParentSearchEnabled(bool enabled) = 0;
    virtual PluginLibraryHandle loadLibrary(AsciiChar const* path) noexcept = 0;
    virtual void deregisterLibrary(PluginLibraryHandle handle) noexcept = 0;
    virtual bool registerCreator(
        IPluginCreatorInterface& creator, AsciiChar const* pluginNamespace) noexcept = 0;
    virtual IPluginCreatorInterface* const* getAllCreators(int32_t* count) const noexcept = 0;
    virtual IPluginCreatorInterface* getCreator(AsciiChar const* name, AsciiChar const* version,
        AsciiChar const* pluginNamespace = "") noexcept = 0;
    virtual bool deregisterCreator(IPluginCreatorInterface const& creator) noexcept = 0;
};

} // namespace nvinfer1

extern "C" {
nvinfer1::IPluginRegistry* getPluginRegistry() noexcept;
nvinfer1::ILogger* getLogger() noexcept;
int32_t getInferLibVersion() noexcept;
}

namespace nvinfer1 {

template <typename Creator>
class PluginRegistrar {
public:
    PluginRegistrar() { getPluginRegistry()->registerCreator(instance, ""); }

private:
    Creator instance{};
};

} // namespace nvinfer1

#define REGISTER_TENSORRT_PLUGIN(name) \
    static nvinfer1::PluginRegistrar<name> pluginRegistrar##name {}
