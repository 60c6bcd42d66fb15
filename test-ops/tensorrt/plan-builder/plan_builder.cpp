// Writes the plan of a sample operator. Needs a GPU, and the builder resources beside libnvinfer.
//
// plan-builder --device
//
// Prints the GPU that plans are built for: its name, architecture and driver.
//
// plan-builder --for-another-gpu LIBNVINFER PLAN CHANGED MAJOR START -- OP_LIBRARY...
//
// Writes to CHANGED the plan in the file PLAN, for this GPU, with another compute capability in it:
// MAJOR in place of the major number of this GPU's. No documentation says where it stands, so each
// place that may be it is changed, and TensorRT is asked to read the plan, until it refuses it for
// being made for an incompatible device. A plan that is damaged by a wrong guess may end the
// process: the offset of each try is printed before it, and START is the first. Exit status 0: it is
// written; 3: no place is the right one; 4: the try that was printed last took the GPU from this
// process.
//
// plan-builder LIBNVINFER PLAN OP TYPE DIMS ATTRIBUTE OPERAND OPERAND_DIMS CONSTANT EXTENT
//              (OUTPUT NAMESPACE)... -- OP_LIBRARY...
//
// TYPE is fp32, fp16 or int32; DIMS such as -1x64. ATTRIBUTE is NAME=VALUE or "-". CONSTANT is a
// file with the operand's elements, or "-" where it is an input of the plan. Open dimensions reach
// from 1 to EXTENT. One plugin layer is built for each OUTPUT. Exit status 0: the plan is written.

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "NvInfer8.h"

namespace {

using namespace nvinfer1;

class Logger final : public ILogger {
    void log(Severity severity, AsciiChar const* message) noexcept override {
        if (severity <= Severity::kWARNING) std::fprintf(stderr, "TensorRT: %s\n", message);
    }
};

struct Output {
    std::string name;
    std::string plugin_namespace;
};

struct Order {
    std::string library, plan, op, attribute, operand, constant;
    DataType type;
    Dims dims, operand_dims;
    int32_t extent;
    std::vector<Output> outputs;
    std::vector<std::string> op_libraries;
};

[[noreturn]] void fail(std::string const& text) { throw std::runtime_error(text); }

template <typename T>
T* needed(T* pointer, char const* call) {
    if (pointer == nullptr) fail(std::string(call) + " fails");
    return pointer;
}

DataType parse_type(std::string const& name) {
    if (name == "fp32") return DataType::kFLOAT;
    if (name == "fp16") return DataType::kHALF;
    if (name == "int32") return DataType::kINT32;
    fail("TensorRT 8 has no tensors of the type " + name);
}

Dims parse_dims(std::string text) {
    Dims dims{};
    for (size_t start = 0; start <= text.size();) {
        size_t const end = std::min(text.find('x', start), text.size());
        if (dims.nbDims == Dims::MAX_DIMS) fail("more than 8 dimensions: " + text);
        dims.d[dims.nbDims++] = std::stoi(text.substr(start, end - start));
        start = end + 1;
    }
    return dims;
}

Order parse(std::vector<std::string> const& words) {
    if (words.size() < 10) fail("too few arguments; the source tells which");
    Order order{words[0], words[1], words[2], words[5], words[6], words[8], parse_type(words[3]),
        parse_dims(words[4]), parse_dims(words[7]), std::stoi(words[9]), {}, {}};
    size_t index = 10;
    for (; index + 1 < words.size() && words[index] != "--"; index += 2) {
        order.outputs.push_back({words[index], words[index + 1]});
    }
    for (++index; index < words.size(); ++index) order.op_libraries.push_back(words[index]);
    return order;
}

std::vector<char> read(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) fail("failed to read '" + path + "'");
    return {std::istreambuf_iterator<char>(file), {}};
}

template <typename Function>
Function function(void* library, char const* name) {
    return reinterpret_cast<Function>(needed(dlsym(library, name), name));
}

void* open(std::string const& path) {
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) fail(dlerror());
    return library;
}

void register_plugins(IPluginRegistry& registry, std::string const& path) {
    void* const library = open(path);
    using GetCreators = IPluginCreator* const* (*)(int32_t&);
    // A library without the entry point has registered while it was opened.
    if (void* const entry = dlsym(library, "getPluginCreators")) {
        int32_t count = 0;
        IPluginCreator* const* const creators = reinterpret_cast<GetCreators>(entry)(count);
        for (int32_t index = 0; index < count; ++index) {
            registry.registerCreator(*creators[index], creators[index]->getPluginNamespace());
        }
    }
}

// The plugin's attributes; `value` and `field` hold what the collection points to.
struct Fields {
    explicit Fields(std::string const& attribute) {
        size_t const equals = attribute.find('=');
        if (equals == std::string::npos) return;
        name = attribute.substr(0, equals);
        text = attribute.substr(equals + 1);
        field.name = name.c_str();
        if (name == "epsilon") {
            number = std::stof(text);
            field.data = &number;
            field.type = PluginFieldType::kFLOAT32;
            field.length = 1;
        } else {
            field.data = text.c_str();
            field.type = PluginFieldType::kCHAR;
            field.length = static_cast<int32_t>(text.size());
        }
        collection.nbFields = 1;
    }

    std::string name, text;
    float number = 0;
    PluginField field;
    PluginFieldCollection collection{0, &field};
};

struct Destroy {
    void operator()(IPluginV2* plugin) const { plugin->destroy(); }
};

Dims with_extent(Dims dims, int32_t extent) {
    for (int32_t axis = 0; axis < dims.nbDims; ++axis) {
        if (dims.d[axis] < 0) dims.d[axis] = extent;
    }
    return dims;
}

void build(Order const& order) {
    void* const library = open(order.library);
    auto const version = function<int32_t (*)()>(library, "getInferLibVersion")();
    auto& registry =
        *function<IPluginRegistry* (*)()>(library, "getPluginRegistry")();
    for (std::string const& path : order.op_libraries) register_plugins(registry, path);

    Logger logger;
    auto const create = function<void* (*)(void*, int32_t)>(library, "createInferBuilder_INTERNAL");
    std::unique_ptr<IBuilder> const builder(static_cast<IBuilder*>(
        needed(create(static_cast<ILogger*>(&logger), version), "createInferBuilder")));
    std::unique_ptr<INetworkDefinition> const network(
        needed(builder->createNetworkV2(
                   1u << static_cast<int>(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH)),
            "IBuilder::createNetworkV2"));
    std::unique_ptr<IBuilderConfig> const config(
        needed(builder->createBuilderConfig(), "IBuilder::createBuilderConfig"));
    IOptimizationProfile* const profile =
        needed(builder->createOptimizationProfile(), "IBuilder::createOptimizationProfile");
    // Nothing of cuBLAS and cuDNN, which would have to be there.
    config->setTacticSources(0);
    if (order.type == DataType::kHALF) config->setFlag(BuilderFlag::kFP16);

    auto const input = [&](std::string const& name, Dims const& dims) {
        ITensor* const tensor = needed(
            network->addInput(name.c_str(), order.type, dims), "INetworkDefinition::addInput");
        profile->setDimensions(name.c_str(), OptProfileSelector::kMIN, with_extent(dims, 1));
        profile->setDimensions(
            name.c_str(), OptProfileSelector::kOPT, with_extent(dims, order.extent));
        profile->setDimensions(
            name.c_str(), OptProfileSelector::kMAX, with_extent(dims, order.extent));
        return tensor;
    };
    ITensor* tensors[2] = {input("x", order.dims), nullptr};
    std::vector<char> constant;
    if (order.constant == "-") {
        tensors[1] = input(order.operand, order.operand_dims);
    } else {
        constant = read(order.constant);
        int64_t count = 1;
        for (int32_t axis = 0; axis < order.operand_dims.nbDims; ++axis) {
            count *= order.operand_dims.d[axis];
        }
        tensors[1] = needed(network->addConstant(
                                order.operand_dims, Weights{order.type, constant.data(), count}),
            "INetworkDefinition::addConstant")
                         ->getOutput(0);
    }

    Fields fields(order.attribute);
    for (Output const& output : order.outputs) {
        IPluginCreator* const creator =
            registry.getPluginCreator(order.op.c_str(), "1", output.plugin_namespace.c_str());
        if (creator == nullptr) {
            fail("no op library registered the plugin " + order.op + " in the namespace '" +
                 output.plugin_namespace + "'");
        }
        std::unique_ptr<IPluginV2, Destroy> const plugin(needed(
            creator->createPlugin(order.op.c_str(), &fields.collection), "createPlugin"));
        ITensor* const result =
            needed(network->addPluginV2(tensors, 2, *plugin), "INetworkDefinition::addPluginV2")
                ->getOutput(0);
        result->setName(output.name.c_str());
        network->markOutput(*result);
        // Outputs are fp32 unless it is said.
        result->setType(order.type);
    }
    config->addOptimizationProfile(profile);
    std::unique_ptr<IHostMemory> const plan(needed(
        builder->buildSerializedNetwork(*network, *config), "IBuilder::buildSerializedNetwork"));
    std::ofstream file(order.plan, std::ios::binary);
    file.write(static_cast<char const*>(plan->data()), static_cast<std::streamsize>(plan->size()));
    if (!file.flush()) fail("failed to write '" + order.plan + "'");
}

template <typename Function, typename... Arguments>
void call_driver(void* driver, char const* name, Arguments... arguments) {
    int const code = function<Function>(driver, name)(arguments...);
    if (code != 0) fail(std::string(name) + " returns the CUDA error " + std::to_string(code));
}

// Numbers of attributes: CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and MINOR of cuda.h.
constexpr int kMajor = 75;
constexpr int kMinor = 76;

// The first GPU.
struct Device {
    explicit Device(void* driver) {
        call_driver<int (*)(unsigned)>(driver, "cuInit", 0u);
        call_driver<int (*)(int*, int)>(driver, "cuDeviceGet", &handle, 0);
        call_driver<int (*)(int*, int, int)>(
            driver, "cuDeviceGetAttribute", &major, kMajor, handle);
        call_driver<int (*)(int*, int, int)>(
            driver, "cuDeviceGetAttribute", &minor, kMinor, handle);
    }

    int handle = 0;
    int major = 0;
    int minor = 0;
};

void print_device() {
    void* const driver = open("libcuda.so.1");
    Device const device(driver);
    int version = 0;
    char name[256] = {};
    call_driver<int (*)(int*)>(driver, "cuDriverGetVersion", &version);
    call_driver<int (*)(char*, int, int)>(
        driver, "cuDeviceGetName", name, static_cast<int>(sizeof name), device.handle);
    std::printf("%s, sm_%d%d, driver for CUDA %d\n", name, device.major, device.minor, version);
}

// Notes whether a plan is refused for its device.
class DeviceLogger final : public ILogger {
public:
    void log(Severity, AsciiChar const* message) noexcept override {
        told_of_device = told_of_device || std::strstr(message, "incompatible device") != nullptr;
    }

    bool told_of_device = false;
};

constexpr int kNotFound = 3;
constexpr int kGpuLost = 4;
// The header of a plan, which tells nothing of a device.
constexpr size_t kHeader = 32;
// The longest that TensorRT may take to read a plan of one operator.
constexpr unsigned kSecondsOfTry = 10;

int change_device(std::vector<std::string> const& words) {
    if (words.size() < 6) fail("too few arguments; the source tells which");
    void* const library = open(words[0]);
    auto const version = function<int32_t (*)()>(library, "getInferLibVersion")();
    auto& registry = *function<IPluginRegistry* (*)()>(library, "getPluginRegistry")();
    for (size_t index = 6; index < words.size(); ++index) register_plugins(registry, words[index]);
    std::vector<char> plan = read(words[1]);
    auto const other = static_cast<uint32_t>(std::stoul(words[3]));
    size_t const start = std::stoul(words[4]);

    void* const driver = open("libcuda.so.1");
    Device const device(driver);
    auto const major = static_cast<uint32_t>(device.major);
    auto const number = 10 * major + static_cast<uint32_t>(device.minor);
    if (major == other) fail("this GPU has the other compute capability itself");

    DeviceLogger logger;
    auto const create = function<void* (*)(void*, int32_t)>(library, "createInferRuntime_INTERNAL");
    std::unique_ptr<IRuntime> const runtime(static_cast<IRuntime*>(
        needed(create(static_cast<ILogger*>(&logger), version), "createInferRuntime")));
    auto const reads = [&] {
        std::unique_ptr<ICudaEngine> const engine(
            runtime->deserializeCudaEngine(plan.data(), plan.size()));
        return engine != nullptr;
    };
    if (!reads()) fail("TensorRT does not read the plan for this GPU");

    auto const synchronize = function<int (*)()>(driver, "cuCtxSynchronize");
    // Without a context of this thread it tells nothing.
    bool const tells = synchronize() == 0;
    for (size_t offset = std::max(start, kHeader); offset + sizeof(uint32_t) <= plan.size();
         ++offset) {
        uint32_t found = 0;
        std::memcpy(&found, &plan[offset], sizeof found);
        if (found != major && found != number) continue;
        uint32_t const changed = found == major ? other : 10 * other;
        std::printf("%zu\n", offset);
        std::fflush(stdout);
        std::memcpy(&plan[offset], &changed, sizeof changed);
        logger.told_of_device = false;
        alarm(kSecondsOfTry);
        bool const taken = reads();
        alarm(0);
        if (!taken && logger.told_of_device) {
            std::ofstream file(words[2], std::ios::binary);
            file.write(plan.data(), static_cast<std::streamsize>(plan.size()));
            if (!file.flush()) fail("failed to write '" + words[2] + "'");
            return EXIT_SUCCESS;
        }
        if (tells && synchronize() != 0) return kGpuLost;
        std::memcpy(&plan[offset], &found, sizeof found);
    }
    return kNotFound;
}

} // namespace

int main(int count, char** words) {
    try {
        if (count == 2 && std::strcmp(words[1], "--device") == 0) {
            print_device();
        } else if (count > 1 && std::strcmp(words[1], "--for-another-gpu") == 0) {
            // What a lost context leaves behind is not taken down.
            int const status = change_device({words + 2, words + count});
            std::fflush(nullptr);
            _exit(status);
        } else {
            build(parse({words + 1, words + count}));
        }
    } catch (std::exception const& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
