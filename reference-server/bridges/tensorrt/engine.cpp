// Plans: engines and their execution contexts.

#include <memory>

#include "failure.h"
#include "runtime.h"

#if BRIDGE_RUNS_PLANS

namespace {

using namespace nvinfer1;

constexpr int32_t kProfile = 0;

void copy(Dims const& from, int64_t* to) {
    for (int32_t axis = 0; axis < from.nbDims; ++axis) {
        to[axis] = from.d[axis];
    }
}

std::string quoted(char const* name) { return "'" + std::string(name) + "'"; }

} // namespace

struct Engine {
    std::unique_ptr<ICudaEngine> engine;
};

struct Context {
    std::unique_ptr<IExecutionContext> context;
};

extern "C" {

char const* bridge_deserialize(
    TensorRt* bridge, void const* plan, size_t size, Engine** engine) {
    return guarded([&]() -> char const* {
        if (bridge->runtime == nullptr) {
            auto const create =
                reinterpret_cast<void* (*)(void*, int32_t)>(bridge->create_infer_runtime);
            // Our declarations serve several versions: the library's own number is the right one.
            bridge->runtime = create(static_cast<ILogger*>(&bridge->logger), bridge->version);
        }
        if (bridge->runtime == nullptr) {
            return "createInferRuntime fails";
        }
        auto* const runtime = static_cast<IRuntime*>(bridge->runtime);
        std::unique_ptr<ICudaEngine> read(runtime->deserializeCudaEngine(plan, size));
        if (!read) {
            return "IRuntime::deserializeCudaEngine fails";
        }
        *engine = new Engine{std::move(read)};
        return nullptr;
    });
}

void bridge_destroy_engine(Engine* engine) { delete engine; }

int32_t bridge_tensor_count(Engine const* engine) { return engine->engine->getNbIOTensors(); }

char const* bridge_tensor(Engine const* engine, int32_t index, Tensor* tensor) {
    return guarded([&]() -> char const* {
        ICudaEngine const& plan = *engine->engine;
        char const* const name = plan.getIOTensorName(index);
        if (name == nullptr) {
            return "ICudaEngine::getIOTensorName returns nothing";
        }
        Dims const dims = plan.getTensorShape(name);
        if (dims.nbDims < 0 || dims.nbDims > Dims::MAX_DIMS) {
            return failed("the plan tells no shape for tensor " + quoted(name));
        }
        tensor->name = name;
        tensor->data_type = static_cast<int32_t>(plan.getTensorDataType(name));
        tensor->is_input = plan.getTensorIOMode(name) == TensorIOMode::kINPUT;
        tensor->on_host = plan.getTensorLocation(name) == TensorLocation::kHOST;
        tensor->is_linear = plan.getTensorFormat(name) == TensorFormat::kLINEAR;
        tensor->rank = dims.nbDims;
        copy(dims, tensor->dims);
        if (tensor->is_input != 0 && tensor->on_host == 0) {
            copy(plan.getProfileShape(name, kProfile, OptProfileSelector::kMIN), tensor->smallest);
            copy(plan.getProfileShape(name, kProfile, OptProfileSelector::kMAX), tensor->largest);
        }
        return nullptr;
    });
}

char const* bridge_create_context(Engine* engine, Context** context) {
    return guarded([&]() -> char const* {
        std::unique_ptr<IExecutionContext> created(engine->engine->createExecutionContext());
        if (!created) {
            return "ICudaEngine::createExecutionContext fails";
        }
        *context = new Context{std::move(created)};
        return nullptr;
    });
}

void bridge_destroy_context(Context* context) { delete context; }

char const* bridge_set_input_shape(
    Context* context, char const* name, int32_t rank, int64_t const* dims) {
    return guarded([&]() -> char const* {
        if (rank < 0 || rank > Dims::MAX_DIMS) {
            return failed("TensorRT takes at most 8 dimensions, and input " + quoted(name) +
                          " has " + std::to_string(rank));
        }
        Dims shape{};
        shape.nbDims = rank;
        for (int32_t axis = 0; axis < rank; ++axis) {
            shape.d[axis] = static_cast<decltype(shape.d[0] + 0)>(dims[axis]);
        }
        if (!context->context->setInputShape(name, shape)) {
            return failed("the plan does not take this shape of input " + quoted(name));
        }
        return nullptr;
    });
}

char const* bridge_shape(Context const* context, char const* name, int32_t* rank, int64_t* dims) {
    return guarded([&]() -> char const* {
        Dims const shape = context->context->getTensorShape(name);
        if (shape.nbDims < 0 || shape.nbDims > Dims::MAX_DIMS) {
            return failed("the shape of " + quoted(name) + " is not known before the execution");
        }
        *rank = shape.nbDims;
        copy(shape, dims);
        return nullptr;
    });
}

char const* bridge_set_address(Context* context, char const* name, void* address) {
    return guarded([&]() -> char const* {
        return context->context->setTensorAddress(name, address)
                   ? nullptr
                   : failed("the plan does not take the memory of tensor " + quoted(name));
    });
}

char const* bridge_enqueue(Context* context, void* stream) {
    return guarded([&]() -> char const* {
        return context->context->enqueueV3(static_cast<cudaStream_t>(stream))
                   ? nullptr
                   : "IExecutionContext::enqueueV3 fails";
    });
}
}

#else

struct Engine {};
struct Context {};

namespace {

char const* unavailable() {
#ifdef BRIDGE_FOUND_OTHER_SDK
    return failed("running a plan of this TensorRT version takes its SDK's headers, and those in "
                  "TENSORRT_INCLUDE_DIR are of version " +
                  std::to_string(kOtherSdk[0]) + "." + std::to_string(kOtherSdk[1]) + "." +
                  std::to_string(kOtherSdk[2]) +
                  "; name the folder of its own NvInfer.h and start the server again");
#else
    return "this bridge was compiled without the SDK's headers, which running a plan of this "
           "TensorRT version takes; set TENSORRT_INCLUDE_DIR to the folder of its NvInfer.h and "
           "start the server again";
#endif
}

} // namespace

extern "C" {

char const* bridge_deserialize(TensorRt*, void const*, size_t, Engine**) { return unavailable(); }
void bridge_destroy_engine(Engine*) {}
int32_t bridge_tensor_count(Engine const*) { return 0; }
char const* bridge_tensor(Engine const*, int32_t, Tensor*) { return unavailable(); }
char const* bridge_create_context(Engine*, Context**) { return unavailable(); }
void bridge_destroy_context(Context*) {}
char const* bridge_set_input_shape(Context*, char const*, int32_t, int64_t const*) {
    return unavailable();
}
char const* bridge_shape(Context const*, char const*, int32_t*, int64_t*) { return unavailable(); }
char const* bridge_set_address(Context*, char const*, void*) { return unavailable(); }
char const* bridge_enqueue(Context*, void*) { return unavailable(); }
}

#endif
