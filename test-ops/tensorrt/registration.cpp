// How the plugins are handed over: PLUGIN_ENTRY_CREATORS by the functions that
// IPluginRegistry::loadLibrary calls, PLUGIN_ENTRY_REGISTRAR by a static initializer,
// PLUGIN_ENTRY_MANGLED by functions whose names no C program finds, PLUGIN_ENTRY_NONE not at all.
#include "fault.h"
#include "operator.h"
#include "plugin.h"

namespace sample_library {

const std::vector<Creator*>& creators() {
    static const std::vector<std::unique_ptr<Creator>> owned = [] {
        const Configuration configuration = read_configuration();
        std::vector<std::unique_ptr<Creator>> made;
        for (Op op : kOperators) {
            if (configuration.has(op)) made.push_back(make_creator(op, configuration.domain));
        }
        return made;
    }();
    static const std::vector<Creator*> listed = [] {
        std::vector<Creator*> pointers;
        for (const auto& creator : owned) pointers.push_back(creator.get());
        return pointers;
    }();
    return listed;
}

}  // namespace sample_library

#if defined(PLUGIN_ENTRY_REGISTRAR)

namespace {

// As REGISTER_TENSORRT_PLUGIN does for one plugin: what the registry answers is thrown away.
struct Registrar {
    Registrar() {
        if (sample_library::registration_fails()) return;
        const std::string plugin_namespace = sample_library::read_configuration().domain;
        for (sample_library::Creator* creator : sample_library::creators()) {
            getPluginRegistry()->registerCreator(*creator, plugin_namespace.c_str());
        }
    }
};

const Registrar registrar;

}  // namespace

#endif

#if defined(PLUGIN_ENTRY_CREATORS) || defined(PLUGIN_ENTRY_MANGLED)

#ifdef PLUGIN_ENTRY_MANGLED
#define PLUGIN_ENTRY extern "C++" __attribute__((visibility("default")))
#else
#define PLUGIN_ENTRY extern "C" __attribute__((visibility("default")))
#endif

namespace {

nvinfer1::ILoggerFinder* logger_finder = nullptr;

}  // namespace

// TensorRT calls this before it asks for the creators.
PLUGIN_ENTRY void setLoggerFinder(nvinfer1::ILoggerFinder* finder);
PLUGIN_ENTRY void setLoggerFinder(nvinfer1::ILoggerFinder* finder) { logger_finder = finder; }

#if NV_TENSORRT_MAJOR >= 10
#define GET_CREATORS getCreators
#else
#define GET_CREATORS getPluginCreators
#endif

PLUGIN_ENTRY sample_library::Creator* const* GET_CREATORS(std::int32_t& count);
PLUGIN_ENTRY sample_library::Creator* const* GET_CREATORS(std::int32_t& count) {
    if (sample_library::registration_fails()) {
        nvinfer1::ILogger* const logger =
            logger_finder == nullptr ? nullptr : logger_finder->findLogger();
        if (logger != nullptr) {
            logger->log(nvinfer1::ILogger::Severity::kERROR, sample_library::kRegistrationFails);
        }
        count = 0;
        return nullptr;
    }
    const auto& creators = sample_library::creators();
    count = static_cast<std::int32_t>(creators.size());
    return creators.data();
}

#endif
