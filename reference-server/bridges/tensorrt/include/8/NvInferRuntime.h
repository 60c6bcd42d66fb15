// TensorRT 8.5 and 8.6 as a plugin library and a program that runs plans see them.
//
// Used only where no SDK is installed. Names, values, member order and the order of virtual
// functions are those of the public interface: they are what a binary depends on. Functions that
// nothing here calls are declared too where a later one stands behind them in the table.
#pragma once

#include <cstddef>
#include <cstdint>

#define NV_TENSORRT_MAJOR 8
#define NV_TENSORRT_MINOR RUNTIME_MINOR
#define NV_TENSORRT_PATCH 0
#define NV_TENSORRT_VERSION (NV_TENSORRT_MAJOR * 1000 + NV_TENSORRT_MINOR * 100 + NV_TENSORRT_PATCH)

extern "C" {
struct cublasContext;
struct cudnnContext;
}
typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;

namespace nvinfer1 {

using AsciiChar = char;

enum class DataType : int32_t { kFLOAT, kHALF, kINT8, kINT32, kBOOL, kUINT8, kFP8 };
enum class TensorFormat : int32_t { kLINEAR };
using PluginFormat = TensorFormat;
enum class TensorLocation : int32_t { kDEVICE, kHOST };
enum class TensorIOMode : int32_t { kNONE, kINPUT, kOUTPUT };
enum class OptProfileSelector : int32_t { kMIN, kOPT, kMAX };
enum class EngineCapability : int32_t;
enum class ProfilingVerbosity : int32_t;
enum class HardwareCompatibilityLevel : int32_t;
enum class PluginFieldType : int32_t {
    kFLOAT16, kFLOAT32, kFLOAT64, kINT8, kINT16, kINT32, kCHAR, kDIMS, kUNKNOWN
};

struct Dims {
    static constexpr int32_t MAX_DIMS = 8;
    int32_t nbDims;
    int32_t d[MAX_DIMS];
};

class IErrorRecorder;
class IGpuAllocator;
class IPluginFactory;
class IProfiler;
class IOutputAllocator;
class IEngineInspector;
class IHostMemory;
class IExecutionContext;
class ICudaEngine;

class ILogger {
public:
    enum class Severity : int32_t { kINTERNAL_ERROR, kERROR, kWARNING, kINFO, kVERBOSE };
    virtual void log(Severity severity, AsciiChar const* message) noexcept = 0;
    virtual ~ILogger() = default;
};

class ILoggerFinder {
public:
    virtual ILogger* findLogger() = 0;

protected:
    virtual ~ILoggerFinder() = default;
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
};

class IDimensionExpr;
class IExprBuilder;

struct DimsExprs {
    int32_t nbDims;
    IDimensionExpr const* d[Dims::MAX_DIMS];
};

class IPluginV2 {
public:
    virtual int32_t getTensorRTVersion() const noexcept { return NV_TENSORRT_VERSION; }
    virtual AsciiChar const* getPluginType() const noexcept = 0;
    virtual AsciiChar const* getPluginVersion() const noexcept = 0;
    virtual int32_t getNbOutputs() const noexcept = 0;
    virtual Dims getOutputDimensions(int32_t index, Dims const* inputs, int32_t count) noexcept = 0;
    virtual bool supportsFormat(DataType type, PluginFormat format) const noexcept = 0;
    virtual void configureWithFormat(Dims const* inputs, int32_t inputCount, Dims const* outputs,
        int32_t outputCount, DataType type, PluginFormat format, int32_t batch) noexcept = 0;
    virtual int32_t initialize() noexcept = 0;
    virtual void terminate() noexcept = 0;
    virtual size_t getWorkspaceSize(int32_t batch) const noexcept = 0;
    virtual int32_t enqueue(int32_t batch, void const* const* inputs, void* const* outputs,
        void* workspace, cudaStream_t stream) noexcept = 0;
    virtual size_t getSerializationSize() const noexcept = 0;
    virtual void serialize(void* buffer) const noexcept = 0;
    virtual void destroy() noexcept = 0;
    virtual IPluginV2* clone() const noexcept = 0;
    virtual void setPluginNamespace(AsciiChar const* name) noexcept = 0;
    virtual AsciiChar const* getPluginNamespace() const noexcept = 0;

    virtual ~IPluginV2() noexcept = default;
};

class IPluginV2Ext : public IPluginV2 {
public:
    virtual DataType getOutputDataType(
        int32_t index, DataType const* inputs, int32_t count) const noexcept = 0;
    virtual bool isOutputBroadcastAcrossBatch(
        int32_t index, bool const* inputs, int32_t count) const noexcept = 0;
    virtual bool canBroadcastInputAcrossBatch(int32_t index) const noexcept = 0;
    virtual void configurePlugin(Dims const* inputs, int32_t inputCount, Dims const* outputs,
        int32_t outputCount, DataType const* inputTypes, DataType const* outputTypes,
        bool const* inputBroadcast, bool const* outputBroadcast, PluginFormat format,
        int32_t batch) noexcept = 0;
    virtual void attachToContext(cudnnContext*, cublasContext*, IGpuAllocator*) noexcept {}
    virtual void detachFromContext() noexcept {}
    IPluginV2Ext* clone() const noexcept override = 0;

protected:
    void configureWithFormat(Dims const*, int32_t, Dims const*, int32_t, DataType, PluginFormat,
        int32_t) noexcept override {}
};

// The functions of the implicit batch dimension are sealed; the explicit ones stand behind them.
class IPluginV2DynamicExt : public IPluginV2Ext {
public:
    IPluginV2DynamicExt* clone() const noexcept override = 0;
    virtual DimsExprs getOutputDimensions(
        int32_t index, DimsExprs const* inputs, int32_t count, IExprBuilder& builder) noexcept = 0;
    virtual bool supportsFormatCombination(int32_t position, PluginTensorDesc const* tensors,
        int32_t inputCount, int32_t outputCount) noexcept = 0;
    virtual void configurePlugin(DynamicPluginTensorDesc const* inputs, int32_t inputCount,
        DynamicPluginTensorDesc const* outputs, int32_t outputCount) noexcept = 0;
    virtual size_t getWorkspaceSize(PluginTensorDesc const* inputs, int32_t inputCount,
        PluginTensorDesc const* outputs, int32_t outputCount) const noexcept = 0;
    virtual int32_t enqueue(PluginTensorDesc const* inputTensors,
        PluginTensorDesc const* outputTensors, void const* const* inputs, void* const* outputs,
        void* workspace, cudaStream_t stream) noexcept = 0;

protected:
    // The kind of plugin is told by the upper byte.
    int32_t getTensorRTVersion() const noexcept override {
        return (3 << 24) | (NV_TENSORRT_VERSION & 0xFFFFFF);
    }

private:
    void configurePlugin(Dims const*, int32_t, Dims const*, int32_t, DataType const*,
        DataType const*, bool const*, bool const*, PluginFormat, int32_t) noexcept final {}
    bool supportsFormat(DataType, PluginFormat) const noexcept final { return false; }
    Dims getOutputDimensions(int32_t, Dims const*, int32_t) noexcept final { return Dims{-1, {}}; }
    bool isOutputBroadcastAcrossBatch(int32_t, bool const*, int32_t) const noexcept final {
        return false;
    }
    bool canBroadcastInputAcrossBatch(int32_t) const noexcept final { return true; }
    size_t getWorkspaceSize(int32_t) const noexcept final { return 0; }
    int32_t enqueue(
        int32_t, void const* const*, void* const*, void*, cudaStream_t) noexcept final {
        return 1;
    }
};

class IPluginCreator {
public:
    virtual int32_t getTensorRTVersion() const noexcept { return NV_TENSORRT_VERSION; }
    virtual AsciiChar const* getPluginName() const noexcept = 0;
    virtual AsciiChar const* getPluginVersion() const noexcept = 0;
    virtual PluginFieldCollection const* getFieldNames() noexcept = 0;
    virtual IPluginV2* createPlugin(
        AsciiChar const* name, PluginFieldCollection const* fields) noexcept = 0;
    virtual IPluginV2* deserializePlugin(
        AsciiChar const* name, void const* data, size_t length) noexcept = 0;
    virtual void setPluginNamespace(AsciiChar const* name) noexcept = 0;
    virtual AsciiChar const* getPluginNamespace() const noexcept = 0;

    virtual ~IPluginCreator() = default;
};

// 8.6.0 put its four functions before the destructor; 8.5 has none of them.
class IPluginRegistry {
public:
    using PluginLibraryHandle = void*;

    virtual bool registerCreator(
        IPluginCreator& creator, AsciiChar const* pluginNamespace) noexcept = 0;
    virtual IPluginCreator* const* getPluginCreatorList(int32_t* count) const noexcept = 0;
    virtual IPluginCreator* getPluginCreator(AsciiChar const* name, AsciiChar const* version,
        AsciiChar const* pluginNamespace = "") noexcept = 0;
#if RUNTIME_MINOR >= 6
    virtual bool isParentSearchEnabled() const = 0;
    virtual void setParentSearchEnabled(bool enabled) = 0;
    virtual PluginLibraryHandle loadLibrary(AsciiChar const* path) noexcept = 0;
    virtual void deregisterLibrary(PluginLibraryHandle handle) noexcept = 0;
#endif

protected:
    virtual ~IPluginRegistry() noexcept = default;

public:
    virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
    virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
    virtual bool deregisterCreator(IPluginCreator const& creator) noexcept = 0;
};

// --- running plans
//
// Each class that a program uses is a shell with a virtual destructor and a pointer to the
// implementation, whose table only grows at its end within one major version.

namespace apiv {

class VRoot {
public:
    virtual ~VRoot() noexcept = default;
};

class VHostMemory : public VRoot {
public:
    virtual void* data() const noexcept = 0;
    virtual size_t size() const noexcept = 0;
    virtual DataType type() const noexcept = 0;
};

class VDimensionExpr : public VRoot {
public:
    virtual bool isConstant() const = 0;
    virtual int32_t getConstantValue() const = 0;
};

class VRuntime : public VRoot {
public:
    virtual ICudaEngine* deserializeCudaEngine(
        void const* plan, size_t size, IPluginFactory* factory) noexcept = 0;
    virtual void setDLACore(int32_t core) noexcept = 0;
    virtual int32_t getDLACore() const noexcept = 0;
    virtual int32_t getNbDLACores() const noexcept = 0;
    virtual void setGpuAllocator(IGpuAllocator* allocator) noexcept = 0;
    virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
    virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
    virtual ILogger* getLogger() const noexcept = 0;
    virtual bool setMaxThreads(int32_t threads) noexcept = 0;
    virtual int32_t getMaxThreads() const noexcept = 0;
};

class VCudaEngine : public VRoot {
public:
    virtual int32_t getNbBindings() const noexcept = 0;
    virtual int32_t getBindingIndex(char const* name) const noexcept = 0;
    virtual char const* getBindingName(int32_t binding) const noexcept = 0;
    virtual bool bindingIsInput(int32_t binding) const noexcept = 0;
    virtual Dims getBindingDimensions(int32_t binding) const noexcept = 0;
    virtual DataType getBindingDataType(int32_t binding) const noexcept = 0;
    virtual int32_t getMaxBatchSize() const noexcept = 0;
    virtual int32_t getNbLayers() const noexcept = 0;
    virtual IHostMemory* serialize() const noexcept = 0;
    virtual IExecutionContext* createExecutionContext() noexcept = 0;
    virtual TensorLocation getLocation(int32_t binding) const noexcept = 0;
    virtual IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept = 0;
    virtual size_t getDeviceMemorySize() const noexcept = 0;
    virtual bool isRefittable() const noexcept = 0;
    virtual int32_t getBindingBytesPerComponent(int32_t binding) const noexcept = 0;
    virtual int32_t getBindingComponentsPerElement(int32_t binding) const noexcept = 0;
    virtual TensorFormat getBindingFormat(int32_t binding) const noexcept = 0;
    virtual char const* getBindingFormatDesc(int32_t binding) const noexcept = 0;
    virtual int32_t getBindingVectorizedDim(int32_t binding) const noexcept = 0;
    virtual char const* getName() const noexcept = 0;
    virtual int32_t getNbOptimizationProfiles() const noexcept = 0;
    virtual Dims getProfileDimensions(
        int32_t binding, int32_t profile, OptProfileSelector select) const noexcept = 0;
    virtual int32_t const* getProfileShapeValues(
        int32_t profile, int32_t input, OptProfileSelector select) const noexcept = 0;
    virtual bool isShapeBinding(int32_t binding) const noexcept = 0;
    virtual bool isExecutionBinding(int32_t binding) const noexcept = 0;
    virtual EngineCapability getEngineCapability() const noexcept = 0;
    virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
    virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
    virtual bool hasImplicitBatchDimension() const noexcept = 0;
    virtual uint32_t getTacticSources() const noexcept = 0;
    virtual ProfilingVerbosity getProfilingVerbosity() const noexcept = 0;
    virtual IEngineInspector* createEngineInspector() const noexcept = 0;
    virtual Dims getTensorShape(char const* name) const noexcept = 0;
    virtual DataType getTensorDataType(char const* name) const noexcept = 0;
    virtual TensorLocation getTensorLocation(char const* name) const noexcept = 0;
    virtual bool isShapeInferenceIO(char const* name) const noexcept = 0;
    virtual TensorIOMode getTensorIOMode(char const* name) const noexcept = 0;
    virtual int32_t getTensorBytesPerComponent(char const* name) const noexcept = 0;
    virtual int32_t getTensorComponentsPerElement(char const* name) const noexcept = 0;
    virtual TensorFormat getTensorFormat(char const* name) const noexcept = 0;
    virtual char const* getTensorFormatDesc(char const* name) const noexcept = 0;
    virtual int32_t getTensorVectorizedDim(char const* name) const noexcept = 0;
    virtual Dims getProfileShape(
        char const* name, int32_t profile, OptProfileSelector select) const noexcept = 0;
    virtual int32_t getNbIOTensors() const noexcept = 0;
    virtual char const* getIOTensorName(int32_t index) const noexcept = 0;
};

class VExecutionContext : public VRoot {
public:
    virtual bool execute(int32_t batch, void* const* bindings) noexcept = 0;
    virtual bool enqueue(int32_t batch, void* const* bindings, cudaStream_t stream,
        cudaEvent_t* consumed) noexcept = 0;
    virtual void setDebugSync(bool sync) noexcept = 0;
    virtual bool getDebugSync() const noexcept = 0;
    virtual void setProfiler(IProfiler* profiler) noexcept = 0;
    virtual IProfiler* getProfiler() const noexcept = 0;
    virtual ICudaEngine const& getEngine() const noexcept = 0;
    virtual void setName(char const* name) noexcept = 0;
    virtual char const* getName() const noexcept = 0;
    virtual void setDeviceMemory(void* memory) noexcept = 0;
    virtual Dims getStrides(int32_t binding) const noexcept = 0;
    virtual bool setOptimizationProfile(int32_t profile) noexcept = 0;
    virtual int32_t getOptimizationProfile() const noexcept = 0;
    virtual bool setBindingDimensions(int32_t binding, Dims dimensions) noexcept = 0;
    virtual Dims getBindingDimensions(int32_t binding) const noexcept = 0;
    virtual bool setInputShapeBinding(int32_t binding, int32_t const* data) noexcept = 0;
    virtual bool getShapeBinding(int32_t binding, int32_t* data) const noexcept = 0;
    virtual bool allInputDimensionsSpecified() const noexcept = 0;
    virtual bool allInputShapesSpecified() const noexcept = 0;
    virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
    virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
    virtual bool executeV2(void* const* bindings) noexcept = 0;
    virtual bool enqueueV2(
        void* const* bindings, cudaStream_t stream, cudaEvent_t* consumed) noexcept = 0;
    virtual bool setOptimizationProfileAsync(int32_t profile, cudaStream_t stream) noexcept = 0;
    virtual void setEnqueueEmitsProfile(bool emits) noexcept = 0;
    virtual bool getEnqueueEmitsProfile() const noexcept = 0;
    virtual bool reportToProfiler() const noexcept = 0;
    virtual bool setInputShape(char const* name, Dims const& dims) noexcept = 0;
    virtual Dims getTensorShape(char const* name) const noexcept = 0;
    virtual Dims getTensorStrides(char const* name) const noexcept = 0;
    virtual bool setTensorAddress(char const* name, void* data) noexcept = 0;
    virtual void const* getTensorAddress(char const* name) const noexcept = 0;
    virtual bool setInputTensorAddress(char const* name, void const* data) noexcept = 0;
    virtual int32_t inferShapes(int32_t capacity, char const** names) noexcept = 0;
    virtual bool setInputConsumedEvent(cudaEvent_t event) noexcept = 0;
    virtual cudaEvent_t getInputConsumedEvent() const noexcept = 0;
    virtual void* getOutputTensorAddress(char const* name) const noexcept = 0;
    virtual bool setOutputAllocator(char const* name, IOutputAllocator* allocator) noexcept = 0;
    virtual IOutputAllocator* getOutputAllocator(char const* name) noexcept = 0;
    virtual int64_t getMaxOutputSize(char const* name) const noexcept = 0;
    virtual bool setTemporaryStorageAllocator(IGpuAllocator* allocator) noexcept = 0;
    virtual IGpuAllocator* getTemporaryStorageAllocator() const noexcept = 0;
    virtual bool enqueueV3(cudaStream_t stream) noexcept = 0;
};

} // namespace apiv

class INoCopy {
public:
    INoCopy(INoCopy const&) = delete;
    INoCopy& operator=(INoCopy const&) = delete;

protected:
    INoCopy() = default;
    virtual ~INoCopy() = default;
};

class IHostMemory : public INoCopy {
public:
    virtual ~IHostMemory() noexcept = default;
    void* data() const noexcept { return mImpl->data(); }
    size_t size() const noexcept { return mImpl->size(); }

protected:
    apiv::VHostMemory* mImpl;
};

class IDimensionExpr : public INoCopy {
public:
    bool isConstant() const noexcept { return mImpl->isConstant(); }
    int32_t getConstantValue() const noexcept { return mImpl->getConstantValue(); }

protected:
    virtual ~IDimensionExpr() noexcept = default;
    apiv::VDimensionExpr* mImpl;
};

class IRuntime : public INoCopy {
public:
    virtual ~IRuntime() noexcept = default;
    ICudaEngine* deserializeCudaEngine(void const* plan, size_t size) noexcept {
        return mImpl->deserializeCudaEngine(plan, size, nullptr);
    }

protected:
    apiv::VRuntime* mImpl;
};

class ICudaEngine : public INoCopy {
public:
    virtual ~ICudaEngine() noexcept = default;
    IExecutionContext* createExecutionContext() noexcept { return mImpl->createExecutionContext(); }
    Dims getTensorShape(char const* name) const noexcept { return mImpl->getTensorShape(name); }
    DataType getTensorDataType(char const* name) const noexcept {
        return mImpl->getTensorDataType(name);
    }
    TensorLocation getTensorLocation(char const* name) const noexcept {
        return mImpl->getTensorLocation(name);
    }
    TensorIOMode getTensorIOMode(char const* name) const noexcept {
        return mImpl->getTensorIOMode(name);
    }
    TensorFormat getTensorFormat(char const* name) const noexcept {
        return mImpl->getTensorFormat(name);
    }
    Dims getProfileShape(
        char const* name, int32_t profile, OptProfileSelector select) const noexcept {
        return mImpl->getProfileShape(name, profile, select);
    }
    int32_t getNbIOTensors() const noexcept { return mImpl->getNbIOTensors(); }
    char const* getIOTensorName(int32_t index) const noexcept {
        return mImpl->getIOTensorName(index);
    }

protected:
    apiv::VCudaEngine* mImpl;
};

class IExecutionContext : public INoCopy {
public:
    virtual ~IExecutionContext() noexcept = default;
    bool setInputShape(char const* name, Dims const& dims) noexcept {
        return mImpl->setInputShape(name, dims);
    }
    Dims getTensorShape(char const* name) const noexcept { return mImpl->getTensorShape(name); }
    bool setTensorAddress(char const* name, void* data) noexcept {
        return mImpl->setTensorAddress(name, data);
    }
    bool enqueueV3(cudaStream_t stream) noexcept { return mImpl->enqueueV3(stream); }

protected:
    apiv::VExecutionContext* mImpl;
};

} // namespace nvinfer1

extern "C" {
void* createInferRuntime_INTERNAL(void* logger, int32_t version) noexcept;
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
