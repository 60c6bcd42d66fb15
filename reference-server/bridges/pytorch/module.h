/* A TorchScript file in memory. */

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "borrowing.h"
#include "failure.h"

/* An argument of `forward`, without `self`. */
struct Argument {
    std::string name;
    std::string type;
    int32_t takes;
    std::optional<c10::IValue> default_value;
    bool may_borrow; /* whether a tensor for it may lie in memory of the caller */
};

struct BridgeModule {
    torch::jit::Module module;
    at::Device device;
    std::vector<Argument> arguments;
};

namespace {

int32_t what_it_takes(const c10::TypePtr &type) {
    if (type->isSubtypeOf(*c10::ListType::ofStrings())) {
        return BRIDGE_TAKES_STRINGS;
    }
    // A parameter of type Optional[Tensor] takes a tensor as well.
    return c10::TensorType::get()->isSubtypeOf(*type) ? BRIDGE_TAKES_TENSOR : BRIDGE_TAKES_OTHER;
}

/* The device that a module's parameters are on; the CPU where it has none. */
at::Device device_of(const torch::jit::Module &module) {
    for (const at::Tensor &tensor : module.parameters()) {
        return tensor.device();
    }
    for (const at::Tensor &tensor : module.buffers()) {
        return tensor.device();
    }
    return at::kCPU;
}

std::vector<Argument> arguments_of(const torch::jit::Method &forward) {
    const std::vector<c10::Argument> &arguments = forward.function().getSchema().arguments();
    const std::vector<bool> borrowing = may_borrow(forward);
    std::vector<Argument> result;
    for (size_t number = 1; number < arguments.size(); ++number) {
        const c10::Argument &argument = arguments[number];
        result.push_back({argument.name(), argument.type()->annotation_str(),
                          what_it_takes(argument.type()), argument.default_value(),
                          number < borrowing.size() && borrowing[number]});
    }
    return result;
}

} // namespace

BridgeFailure *bridge_module_load(BridgeText path, int32_t device, BridgeModule **module) {
    return guarded([&] {
        std::optional<at::Device> wanted;
        if (device == BRIDGE_ON_CPU) {
            wanted = at::kCPU;
        } else if (device != BRIDGE_AS_SAVED) {
            wanted = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(device));
        }
        torch::jit::Module loaded = torch::jit::load(std::string(path.data, path.length), wanted);
        loaded.eval();
        std::vector<Argument> arguments = arguments_of(loaded.get_method("forward"));
        const at::Device place = wanted.has_value() ? *wanted : device_of(loaded);
        *module = new BridgeModule{std::move(loaded), place, std::move(arguments)};
    });
}

void bridge_module_release(BridgeModule *module) {
    delete module;
}

size_t bridge_module_argument_count(const BridgeModule *module) {
    return module->arguments.size();
}

BridgeArgument bridge_module_argument(const BridgeModule *module, size_t number) {
    const Argument &argument = module->arguments[number];
    return {text_of(argument.name), text_of(argument.type), argument.takes,
            argument.default_value.has_value()};
}
