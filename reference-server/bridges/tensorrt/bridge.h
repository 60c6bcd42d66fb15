// The bridge's C interface, which `worker/tensorrt/bridge.rs` declares once more in Rust.
//
// A function that returns text has failed where it returns any: the text says why and is valid on
// this thread until the next call. No exception leaves a function.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct TensorRt;
struct Engine;
struct Context;

// What TensorRT has to say; severity 0 internal error, 1 error, 2 warning, 3 information.
typedef void (*LogSink)(int32_t severity, char const* text);

// The functions of the mapped runtime.
struct Entries {
    void* get_plugin_registry;
    void* create_infer_runtime;
    void* get_infer_lib_version;
};

// One plugin creator. `file` holds its code; null where that cannot be told.
struct Plugin {
    char const* plugin_namespace;
    char const* name;
    char const* version;
    char const* file;
    int32_t accepted;
};

typedef void (*PluginVisitor)(void* context, Plugin const* plugin);

// One attribute of a plugin; `type` is a number of nvinfer1::PluginFieldType.
typedef void (*FieldVisitor)(void* context, char const* name, int32_t type);

// One input or output of an engine. Dimensions are -1 where they are open; `smallest` and
// `largest` are the bounds of the first optimization profile, of inputs only.
struct Tensor {
    char const* name;
    int32_t data_type;
    int32_t is_input;
    int32_t on_host;
    int32_t is_linear;
    int32_t rank;
    int64_t dims[8];
    int64_t smallest[8];
    int64_t largest[8];
};

#define BRIDGE_API __attribute__((visibility("default")))

// Takes the runtime into use. The sink is called on whichever thread TensorRT has news.
BRIDGE_API char const* bridge_open(Entries const* entries, LogSink sink, TensorRt** bridge);

// The number that the library tells as its version, such as 8600 or 110400.
BRIDGE_API int32_t bridge_version(TensorRt const* bridge);

// Visits every registered plugin.
BRIDGE_API void bridge_plugins(TensorRt* bridge, PluginVisitor visit, void* context);

// Visits the attributes of the registered plugin with this namespace, name and version, and tells
// the interface of what its creator makes, such as `IPluginV3`. Code of the plugin's library runs.
BRIDGE_API char const* bridge_describe(TensorRt* bridge, Plugin const* wanted, FieldVisitor visit,
    void* context, char const** plugin_interface);

// Forgets the registrations that were attempted so far.
BRIDGE_API void bridge_forget_attempts(TensorRt* bridge);

// Visits the registrations that were attempted since then, accepted and refused ones.
BRIDGE_API void bridge_attempts(TensorRt* bridge, PluginVisitor visit, void* context);

// Visits the plugins that an op library's entry point hands out.
BRIDGE_API char const* bridge_offered(
    TensorRt* bridge, void* entry, PluginVisitor visit, void* context);

// Calls `initLibNvInferPlugins`, through which NVIDIA's own plugin library registers.
BRIDGE_API char const* bridge_initialize(TensorRt* bridge, void* entry);

// IPluginRegistry::loadLibrary, or with a runtime that has none the same by hand: `entry` is the
// library's entry point.
BRIDGE_API char const* bridge_load_library(
    TensorRt* bridge, char const* path, void* entry, void** handle);

// Takes back what `bridge_load_library` did; the handle is spent also after a failure, which
// leaves plugins of the library in the registry.
BRIDGE_API char const* bridge_deregister_library(TensorRt* bridge, void* handle);

// Reads a plan. Needs a GPU.
BRIDGE_API char const* bridge_deserialize(
    TensorRt* bridge, void const* plan, size_t size, Engine** engine);
BRIDGE_API void bridge_destroy_engine(Engine* engine);
BRIDGE_API int32_t bridge_tensor_count(Engine const* engine);
BRIDGE_API char const* bridge_tensor(Engine const* engine, int32_t index, Tensor* tensor);

// One execution context. It has profile 0 where TensorRT shares profiles, which is since 10, and
// where it is the engine's first one.
BRIDGE_API char const* bridge_create_context(Engine* engine, Context** context);
BRIDGE_API void bridge_destroy_context(Context* context);
BRIDGE_API char const* bridge_set_input_shape(
    Context* context, char const* name, int32_t rank, int64_t const* dims);
BRIDGE_API char const* bridge_shape(
    Context const* context, char const* name, int32_t* rank, int64_t* dims);
BRIDGE_API char const* bridge_set_address(Context* context, char const* name, void* address);
BRIDGE_API char const* bridge_enqueue(Context* context, void* stream);
}
