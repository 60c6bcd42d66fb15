// The runtime in use: what the parts of the bridge share.
#pragma once

#include <string>
#include <vector>

#include "bridge.h"
#include "interface.h"

// Hands TensorRT's messages to the worker.
class Logger final : public nvinfer1::ILogger {
public:
    explicit Logger(LogSink sink) : sink_(sink) {}
    void log(Severity severity, nvinfer1::AsciiChar const* message) noexcept override {
        if (severity <= Severity::kINFO) {
            sink_(static_cast<int32_t>(severity), message);
        }
    }

private:
    LogSink sink_;
};

// A plugin as text that outlives its creator.
struct PluginNote {
    std::string plugin_namespace;
    std::string name;
    std::string version;
    std::string file;
    bool accepted;

    void show(PluginVisitor visit, void* context) const {
        Plugin plugin{plugin_namespace.c_str(), name.c_str(), version.c_str(),
            file.empty() ? nullptr : file.c_str(), accepted};
        visit(context, &plugin);
    }
};

struct TensorRt {
    explicit TensorRt(LogSink sink) : logger(sink) {}

    Logger logger;
    nvinfer1::IPluginRegistry* registry = nullptr;
    int32_t version = 0;
    void* create_infer_runtime = nullptr;
    // Opaque here: only the part that runs plans knows it.
    void* runtime = nullptr;
};

// The root of all creators of this version.
#if RUNTIME_MAJOR >= 10
using Creator = nvinfer1::IPluginCreatorInterface;
#else
using Creator = nvinfer1::IPluginCreator;
#endif

// What a creator says of itself.
PluginNote describe(Creator& creator, bool accepted);

// From now on the registry notes each registration that is attempted.
void observe_registrations(nvinfer1::IPluginRegistry& registry);
