// The part of TensorRT 8.5 and 8.6 that builds plans, beside our declarations of the rest. Order is
// what a binary depends on; functions that nothing here calls have shortened arguments.
#pragma once

#include <NvInferRuntime.h>

namespace nvinfer1 {

struct Weights {
    DataType type;
    void const* values;
    int64_t count;
};

class ITensor;
class ILayer;
class IPluginV2Layer;
class IConstantLayer;
class INetworkDefinition;
class IBuilderConfig;
class IOptimizationProfile;

enum class BuilderFlag : int32_t { kFP16 };
enum class NetworkDefinitionCreationFlag : int32_t { kEXPLICIT_BATCH };

namespace apiv {

// A function of which only the place matters.
#define UNUSED(name) virtual void name() noexcept = 0;

class VTensor : public VRoot {
public:
    virtual void setName(char const* name) noexcept = 0;
    UNUSED(getName)
    UNUSED(setDimensions)
    UNUSED(getDimensions)
    virtual void setType(DataType type) noexcept = 0;
};

class VLayer : public VRoot {
public:
    UNUSED(getType)
    virtual void setName(char const* name) noexcept = 0;
    virtual char const* getName() const noexcept = 0;
    virtual int32_t getNbInputs() const noexcept = 0;
    virtual ITensor* getInput(int32_t index) const noexcept = 0;
    virtual int32_t getNbOutputs() const noexcept = 0;
    virtual ITensor* getOutput(int32_t index) const noexcept = 0;
};

class VOptimizationProfile : public VRoot {
public:
    virtual bool setDimensions(char const* input, OptProfileSelector select, Dims dims) noexcept = 0;
};

class VNetworkDefinition : public VRoot {
public:
    virtual ITensor* addInput(char const* name, DataType type, Dims dimensions) noexcept = 0;
    virtual void markOutput(ITensor& tensor) noexcept = 0;
    UNUSED(addConvolution)
    UNUSED(addFullyConnected)
    UNUSED(addActivation)
    UNUSED(addPooling)
    UNUSED(addLRN)
    UNUSED(addScale)
    UNUSED(addSoftMax)
    UNUSED(addConcatenation)
    UNUSED(addDeconvolution)
    UNUSED(addElementWise)
    UNUSED(addUnary)
    UNUSED(addPadding)
    UNUSED(addShuffle)
    UNUSED(getNbLayers)
    UNUSED(getLayer)
    UNUSED(getNbInputs)
    UNUSED(getInput)
    UNUSED(getNbOutputs)
    UNUSED(getOutput)
    UNUSED(addReduce)
    UNUSED(addTopK)
    UNUSED(addGather)
    UNUSED(addRaggedSoftMax)
    UNUSED(addMatrixMultiply)
    virtual IConstantLayer* addConstant(Dims dimensions, Weights weights) noexcept = 0;
    UNUSED(addRNNv2)
    UNUSED(addIdentity)
    UNUSED(removeTensor)
    UNUSED(unmarkOutput)
    virtual IPluginV2Layer* addPluginV2(
        ITensor* const* inputs, int32_t count, IPluginV2& plugin) noexcept = 0;
};

class VBuilderConfig : public VRoot {
public:
    UNUSED(setMinTimingIterations)
    UNUSED(getMinTimingIterations)
    UNUSED(setAvgTimingIterations)
    UNUSED(getAvgTimingIterations)
    UNUSED(setEngineCapability)
    UNUSED(getEngineCapability)
    UNUSED(setInt8Calibrator)
    UNUSED(getInt8Calibrator)
    UNUSED(setMaxWorkspaceSize)
    UNUSED(getMaxWorkspaceSize)
    UNUSED(setFlags)
    UNUSED(getFlags)
    UNUSED(clearFlag)
    virtual void setFlag(BuilderFlag flag) noexcept = 0;
    UNUSED(getFlag)
    UNUSED(setDeviceType)
    UNUSED(getDeviceType)
    UNUSED(isDeviceTypeSet)
    UNUSED(resetDeviceType)
    UNUSED(canRunOnDLA)
    UNUSED(setDLACore)
    UNUSED(getDLACore)
    UNUSED(setDefaultDeviceType)
    UNUSED(getDefaultDeviceType)
    UNUSED(reset)
    UNUSED(setProfileStream)
    UNUSED(getProfileStream)
    virtual int32_t addOptimizationProfile(IOptimizationProfile const* profile) noexcept = 0;
    UNUSED(getNbOptimizationProfiles)
    UNUSED(setProfilingVerbosity)
    UNUSED(getProfilingVerbosity)
    UNUSED(setAlgorithmSelector)
    UNUSED(getAlgorithmSelector)
    UNUSED(setCalibrationProfile)
    UNUSED(getCalibrationProfile)
    UNUSED(setQuantizationFlags)
    UNUSED(getQuantizationFlags)
    UNUSED(clearQuantizationFlag)
    UNUSED(setQuantizationFlag)
    UNUSED(getQuantizationFlag)
    virtual bool setTacticSources(uint32_t sources) noexcept = 0;
};

class VBuilder : public VRoot {
public:
    UNUSED(setMaxBatchSize)
    UNUSED(getMaxBatchSize)
    UNUSED(platformHasFastFp16)
    UNUSED(platformHasFastInt8)
    UNUSED(getMaxDLABatchSize)
    UNUSED(getNbDLACores)
    UNUSED(setGpuAllocator)
    virtual IBuilderConfig* createBuilderConfig() noexcept = 0;
    UNUSED(buildEngineWithConfig)
    virtual INetworkDefinition* createNetworkV2(uint32_t flags) noexcept = 0;
    virtual IOptimizationProfile* createOptimizationProfile() noexcept = 0;
    UNUSED(setErrorRecorder)
    UNUSED(getErrorRecorder)
    UNUSED(reset)
    UNUSED(platformHasTf32)
    virtual IHostMemory* buildSerializedNetwork(
        INetworkDefinition& network, IBuilderConfig& config) noexcept = 0;
};

#undef UNUSED

} // namespace apiv

class ITensor : public INoCopy {
public:
    void setName(char const* name) noexcept { mImpl->setName(name); }
    void setType(DataType type) noexcept { mImpl->setType(type); }

protected:
    virtual ~ITensor() noexcept = default;
    apiv::VTensor* mImpl;
};

class ILayer : public INoCopy {
public:
    ITensor* getOutput(int32_t index) const noexcept { return mLayer->getOutput(index); }

protected:
    virtual ~ILayer() noexcept = default;
    apiv::VLayer* mLayer;
};

class IConstantLayer : public ILayer {
protected:
    virtual ~IConstantLayer() noexcept = default;
    void* mImpl;
};

class IPluginV2Layer : public ILayer {
protected:
    virtual ~IPluginV2Layer() noexcept = default;
    void* mImpl;
};

class IOptimizationProfile : public INoCopy {
public:
    bool setDimensions(char const* input, OptProfileSelector select, Dims dims) noexcept {
        return mImpl->setDimensions(input, select, dims);
    }

protected:
    virtual ~IOptimizationProfile() noexcept = default;
    apiv::VOptimizationProfile* mImpl;
};

class INetworkDefinition : public INoCopy {
public:
    virtual ~INetworkDefinition() noexcept = default;
    ITensor* addInput(char const* name, DataType type, Dims dims) noexcept {
        return mImpl->addInput(name, type, dims);
    }
    void markOutput(ITensor& tensor) noexcept { mImpl->markOutput(tensor); }
    IConstantLayer* addConstant(Dims dims, Weights weights) noexcept {
        return mImpl->addConstant(dims, weights);
    }
    IPluginV2Layer* addPluginV2(
        ITensor* const* inputs, int32_t count, IPluginV2& plugin) noexcept {
        return mImpl->addPluginV2(inputs, count, plugin);
    }

protected:
    apiv::VNetworkDefinition* mImpl;
};

class IBuilderConfig : public INoCopy {
public:
    virtual ~IBuilderConfig() noexcept = default;
    void setFlag(BuilderFlag flag) noexcept { mImpl->setFlag(flag); }
    int32_t addOptimizationProfile(IOptimizationProfile const* profile) noexcept {
        return mImpl->addOptimizationProfile(profile);
    }
    bool setTacticSources(uint32_t sources) noexcept { return mImpl->setTacticSources(sources); }

protected:
    apiv::VBuilderConfig* mImpl;
};

class IBuilder : public INoCopy {
public:
    virtual ~IBuilder() noexcept = default;
    IBuilderConfig* createBuilderConfig() noexcept { return mImpl->createBuilderConfig(); }
    INetworkDefinition* createNetworkV2(uint32_t flags) noexcept {
        return mImpl->createNetworkV2(flags);
    }
    IOptimizationProfile* createOptimizationProfile() noexcept {
        return mImpl->createOptimizationProfile();
    }
    IHostMemory* buildSerializedNetwork(
        INetworkDefinition& network, IBuilderConfig& config) noexcept {
        return mImpl->buildSerializedNetwork(network, config);
    }

protected:
    apiv::VBuilder* mImpl;
};

} // namespace nvinfer1
