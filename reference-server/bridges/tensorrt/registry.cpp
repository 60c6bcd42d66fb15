// The plugin registry: what is in it, and libraries that are loaded through it.

#include <memory>

#include "failure.h"
#include "runtime.h"

namespace {

using nvinfer1::IPluginRegistry;

// An op library's entry point: `getCreators` (10 and later) or `getPluginCreators` (8.6).
using GetCreators = Creator* const* (*)(int32_t& count);

std::vector<Creator*> creators_of(void* entry) {
    int32_t count = 0;
    Creator* const* const creators = reinterpret_cast<GetCreators>(entry)(count);
    return creators == nullptr ? std::vector<Creator*>()
                               : std::vector<Creator*>(creators, creators + count);
}

std::vector<Creator*> registered(IPluginRegistry& registry) {
    int32_t count = 0;
#if RUNTIME_MAJOR >= 10
    Creator* const* const creators = registry.getAllCreators(&count);
#else
    Creator* const* const creators = registry.getPluginCreatorList(&count);
#endif
    return creators == nullptr ? std::vector<Creator*>()
                               : std::vector<Creator*>(creators, creators + count);
}

// More attributes than any plugin has: a creator that says so has not filled in its list.
constexpr int32_t kMostFields = 1024;

template <typename C>
void visit_fields(C& creator, FieldVisitor visit, void* context) {
    nvinfer1::PluginFieldCollection const* const list = creator.getFieldNames();
    if (list == nullptr || list->fields == nullptr || list->nbFields > kMostFields) {
        return;
    }
    for (int32_t index = 0; index < list->nbFields; ++index) {
        nvinfer1::PluginField const& field = list->fields[index];
        if (field.name != nullptr) {
            visit(context, field.name, static_cast<int32_t>(field.type));
        }
    }
}

// Visits the attributes of the plugins that a creator makes, and returns their interface. The
// functions of a kind of creator that is newer than this are left alone.
char const* describe_plugins(Creator& creator, FieldVisitor visit, void* context) {
#if RUNTIME_MAJOR >= 10
    std::string const kind = creator.getInterfaceInfo().kind;
    if (kind == "PLUGIN CREATOR_V1") {
        visit_fields(static_cast<nvinfer1::IPluginCreator&>(creator), visit, context);
        return "IPluginV2";
    }
    // The two have `getFieldNames` in the same place, behind one function that creates.
    if (kind == "PLUGIN CREATOR_V3ONE" || kind == "PLUGIN CREATOR_V3QUICK") {
        visit_fields(static_cast<nvinfer1::IPluginCreatorV3One&>(creator), visit, context);
        return "IPluginV3";
    }
    return creator.getInterfaceInfo().kind;
#else
    visit_fields(creator, visit, context);
    return "IPluginV2";
#endif
}

// The registry loads libraries since 8.6.
#define LOADS_LIBRARIES (RUNTIME_MAJOR > 8 || RUNTIME_MINOR >= 6)

// What has to be taken back for one library: a handle of TensorRT's, or each creator.
struct Loaded {
    void* handle = nullptr;
    std::vector<Creator*> creators;
};

#if !LOADS_LIBRARIES
// Registers each creator, or none.
char const* register_all(IPluginRegistry& registry, std::vector<Creator*> const& creators) {
    for (size_t index = 0; index < creators.size(); ++index) {
        Creator& creator = *creators[index];
        if (registry.registerCreator(creator, creator.getPluginNamespace())) {
            continue;
        }
        while (index > 0) {
            registry.deregisterCreator(*creators[--index]);
        }
        PluginNote const note = describe(creator, false);
        return failed("the registry refuses plugin '" + note.name + "' version '" + note.version +
                      "', because it has one of that name already");
    }
    return nullptr;
}
#endif

// Why calls through the headers that this was compiled with would miss the library's functions.
char const* unknown_layout(int32_t version) {
#ifdef BRIDGE_USES_SDK
    // The layout is the same within a minor version since 10, within a patch before.
    constexpr int32_t kSame = RUNTIME_MAJOR >= 10 ? 100 : 1;
    if (version / kSame != kSdkVersion / kSame) {
        return failed("it says that its version is " + std::to_string(version) +
                      ", and the headers in TENSORRT_INCLUDE_DIR are those of " +
                      std::to_string(kSdkVersion) + "; name the headers of the library's version");
    }
#elif RUNTIME_MAJOR == 8
    // Our declarations are known to fit 8.5 and 8.6.0.
    if (RUNTIME_MINOR >= 6 ? version != 8600 : version / 100 != 85) {
        return failed("it is version " + std::to_string(version) +
                      ", which takes its SDK's headers; set TENSORRT_INCLUDE_DIR to the folder of "
                      "its NvInfer.h and start the server again");
    }
#else
    static_cast<void>(version);
#endif
    return nullptr;
}

} // namespace

extern "C" {

char const* bridge_open(Entries const* entries, LogSink sink, TensorRt** bridge) {
    return guarded([&]() -> char const* {
        auto opened = std::make_unique<TensorRt>(sink);
        auto const version = reinterpret_cast<int32_t (*)()>(entries->get_infer_lib_version);
        auto const registry = reinterpret_cast<IPluginRegistry* (*)()>(entries->get_plugin_registry);
        opened->version = version();
        opened->registry = registry();
        opened->create_infer_runtime = entries->create_infer_runtime;
        if (opened->registry == nullptr) {
            return "'getPluginRegistry' returns nothing";
        }
        if (char const* failure = unknown_layout(opened->version)) {
            return failure;
        }
        observe_registrations(*opened->registry);
        *bridge = opened.release();
        return nullptr;
    });
}

int32_t bridge_version(TensorRt const* bridge) { return bridge->version; }

void bridge_plugins(TensorRt* bridge, PluginVisitor visit, void* context) {
    guarded([&]() -> char const* {
        for (Creator* creator : registered(*bridge->registry)) {
            describe(*creator, true).show(visit, context);
        }
        return nullptr;
    });
}

char const* bridge_describe(TensorRt* bridge, Plugin const* wanted, FieldVisitor visit,
    void* context, char const** plugin_interface) {
    return guarded([&]() -> char const* {
        for (Creator* creator : registered(*bridge->registry)) {
            PluginNote const note = describe(*creator, true);
            if (note.plugin_namespace == wanted->plugin_namespace && note.name == wanted->name &&
                note.version == wanted->version) {
                *plugin_interface = describe_plugins(*creator, visit, context);
                return nullptr;
            }
        }
        return "the registry has no such plugin";
    });
}

char const* bridge_offered(TensorRt*, void* entry, PluginVisitor visit, void* context) {
    return guarded([&]() -> char const* {
        for (Creator* creator : creators_of(entry)) {
            describe(*creator, false).show(visit, context);
        }
        return nullptr;
    });
}

char const* bridge_initialize(TensorRt* bridge, void* entry) {
    return guarded([&]() -> char const* {
        auto const initialize = reinterpret_cast<bool (*)(void*, char const*)>(entry);
        return initialize(static_cast<nvinfer1::ILogger*>(&bridge->logger), "")
                   ? nullptr
                   : "'initLibNvInferPlugins' fails";
    });
}

char const* bridge_load_library(TensorRt* bridge, char const* path, void* entry, void** handle) {
    return guarded([&]() -> char const* {
        auto loaded = std::make_unique<Loaded>();
#if LOADS_LIBRARIES
        static_cast<void>(entry);
        loaded->handle = bridge->registry->loadLibrary(path);
        if (loaded->handle == nullptr) {
            return "IPluginRegistry::loadLibrary refuses it";
        }
#else
        static_cast<void>(path);
        loaded->creators = creators_of(entry);
        if (char const* failure = register_all(*bridge->registry, loaded->creators)) {
            return failure;
        }
#endif
        *handle = loaded.release();
        return nullptr;
    });
}

char const* bridge_deregister_library(TensorRt* bridge, void* handle) {
    return guarded([&]() -> char const* {
        std::unique_ptr<Loaded> const loaded(static_cast<Loaded*>(handle));
#if LOADS_LIBRARIES
        bridge->registry->deregisterLibrary(loaded->handle);
        return nullptr;
#else
        bool complete = true;
        for (Creator* creator : loaded->creators) {
            complete = bridge->registry->deregisterCreator(*creator) && complete;
        }
        return complete ? nullptr : "IPluginRegistry::deregisterCreator fails";
#endif
    });
}
}
