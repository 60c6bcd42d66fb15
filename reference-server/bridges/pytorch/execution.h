/* One execution after the other: the hot path. */

#pragma once

#include <cstring>
#include <optional>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include "borrowing.h"
#include "module.h"
#include "own_stream.h"
#include "process.h"

namespace {

constexpr size_t length_prefix = sizeof(uint32_t);

/* The numbers that the other side relies on. */
static_assert(static_cast<int>(at::kByte) == 0 && static_cast<int>(at::kChar) == 1 &&
              static_cast<int>(at::kShort) == 2 && static_cast<int>(at::kInt) == 3 &&
              static_cast<int>(at::kLong) == 4 && static_cast<int>(at::kHalf) == 5 &&
              static_cast<int>(at::kFloat) == 6 && static_cast<int>(at::kDouble) == 7 &&
              static_cast<int>(at::kBool) == 11 && static_cast<int>(at::kBFloat16) == 15 &&
              static_cast<int>(at::kUInt16) == 27 && static_cast<int>(at::kUInt32) == 28 &&
              static_cast<int>(at::kUInt64) == 29);

c10::IValue strings_from(const BridgeInput &input) {
    c10::List<std::string> strings;
    const char *data = static_cast<const char *>(input.data);
    for (size_t at = 0; at < input.bytes;) {
        uint32_t length = 0;
        TORCH_CHECK(input.bytes - at >= length_prefix, "a string is shorter than its length");
        std::memcpy(&length, data + at, length_prefix);
        at += length_prefix;
        TORCH_CHECK(input.bytes - at >= length, "a string is shorter than its length");
        strings.push_back(std::string(data + at, length));
        at += length;
    }
    return strings;
}

bool is_plain(const at::Tensor &tensor) {
    return tensor.device().is_cpu() && tensor.is_contiguous() && !tensor.is_conj() &&
           !tensor.is_neg();
}

} // namespace

struct BridgeExecution {
    torch::jit::Method forward;
    std::vector<Argument> arguments;
    at::Device device;
    OwnStream stream;
    BridgeExecutionOptions options;
    std::vector<c10::IValue> outputs;
    /* What lies in memory of the caller. */
    std::vector<c10::Storage> borrowed;
    /* The stream may still read inputs in memory of the caller. */
    bool reads_inputs = false;
    bool has_run = false;
    int64_t string_count = 0;

    c10::IValue value_of(const BridgeInput &input);
    void take_outputs(c10::IValue result);
    const at::Tensor &tensor_of(size_t number, size_t bytes) const;
    void copy(const at::Tensor &tensor, void *destination, at::Device where);
    void clear() noexcept;
};

c10::IValue BridgeExecution::value_of(const BridgeInput &input) {
    if (input.element_type == BRIDGE_STRINGS) {
        return strings_from(input);
    }
    const at::Device place = input.on_gpu != 0 ? device : at::Device(at::kCPU);
    const at::Tensor tensor = tensor_at(input.data, at::IntArrayRef(input.dims, input.rank),
                                        static_cast<at::ScalarType>(input.element_type), place);
    reads_inputs = reads_inputs || !device.is_cpu();
    if (!device.is_cpu() && place.is_cpu()) {
        return tensor.to(device, tensor.scalar_type(), /*non_blocking=*/true);
    }
    // On a GPU a copy takes next to nothing, and what the model keeps need not be moved afterwards, where
    // that could fail.
    if (!place.is_cpu() || !arguments[input.argument].may_borrow) {
        return tensor.clone();
    }
    borrowed.push_back(tensor.storage());
    return tensor;
}

void BridgeExecution::clear() noexcept {
    outputs.clear();
    if (reads_inputs) {
        try {
            stream.get()->synchronize();
        } catch (...) {
            // The GPU does nothing any more for this process, as the next execution will say.
        }
        reads_inputs = false;
    }
    for (const c10::Storage &storage : borrowed) {
        // An operator keeps it, or the module in a container.
        if (storage.use_count() > 1) {
            own(storage);
        }
    }
    borrowed.clear();
}

void BridgeExecution::take_outputs(c10::IValue result) {
    if (result.isTensor() || (result.isList() && result.toListRef().size() > 0 &&
                              result.toListRef()[0].isString())) {
        outputs.push_back(std::move(result));
    } else if (result.isTuple()) {
        const auto &elements = result.toTupleRef().elements();
        outputs.assign(elements.begin(), elements.end());
    } else if (result.isList()) {
        if (result.type()->isSubtypeOf(*c10::ListType::ofStrings())) {
            outputs.push_back(std::move(result));
        } else {
            const auto elements = result.toListRef();
            outputs.assign(elements.begin(), elements.end());
        }
    } else {
        TORCH_CHECK(false, "forward returned a value of type ", result.type()->annotation_str(),
                    "; only tensors, lists of strings, and tuples and lists of them are served");
    }
}

const at::Tensor &BridgeExecution::tensor_of(size_t number, size_t bytes) const {
    const at::Tensor &tensor = outputs.at(number).toTensor();
    TORCH_CHECK(tensor.nbytes() == bytes, "output number ", number, " has ", tensor.nbytes(),
                " bytes, and there is memory for ", bytes);
    return tensor;
}

/* The copy follows what the stream has to do, and is waited for. */
void BridgeExecution::copy(const at::Tensor &tensor, void *destination, at::Device where) {
    const c10::InferenceMode inference;
    const c10::OptionalStreamGuard on_stream(stream.get());
    tensor_at(destination, tensor.sizes(), tensor.scalar_type(), where).copy_(tensor);
    if (!where.is_cpu()) {
        stream.get()->synchronize();
    }
    if (tensor.device() == device || where == device) {
        reads_inputs = false;
    }
}

BridgeFailure *bridge_execution_create(const BridgeModule *module, BridgeExecutionOptions options,
                                       BridgeExecution **execution) {
    return guarded([&] {
        *execution = new BridgeExecution{module->module.get_method("forward"), module->arguments,
                                         module->device, OwnStream(module->device), options, {}};
    });
}

void bridge_execution_release(BridgeExecution *execution) {
    delete execution;
}

BridgeFailure *bridge_execution_run(BridgeExecution *execution, const BridgeInput *inputs,
                                    size_t count, size_t *outputs) {
    return guarded([&] {
        if (!execution->has_run) {
            set_threads(execution->options.intra_op_threads);
            execution->has_run = true;
        }
        const c10::InferenceMode inference(execution->options.inference_mode != 0);
        std::optional<at::NoGradGuard> no_gradients;
        if (execution->options.inference_mode == 0) {
            no_gradients.emplace();
        }
        std::optional<torch::jit::GraphOptimizerEnabledGuard> as_written;
        if (execution->options.optimize == 0) {
            as_written.emplace(false);
        }

        const c10::OptionalStreamGuard on_stream(execution->stream.get());
        execution->clear();
        const std::vector<Argument> &arguments = execution->arguments;
        std::vector<c10::IValue> stack;
        // One more for the module itself.
        stack.reserve(arguments.size() + 1);
        for (size_t number = 0; number < arguments.size(); ++number) {
            const BridgeInput *input = nullptr;
            for (size_t at = 0; at < count && input == nullptr; ++at) {
                input = inputs[at].argument == number ? &inputs[at] : nullptr;
            }
            if (input != nullptr) {
                stack.push_back(execution->value_of(*input));
            } else {
                TORCH_CHECK(arguments[number].default_value.has_value(), "the argument '",
                            arguments[number].name, "' of forward has no value");
                stack.push_back(*arguments[number].default_value);
            }
        }
        execution->take_outputs(execution->forward(std::move(stack)));
        *outputs = execution->outputs.size();
    });
}

BridgeFailure *bridge_execution_output(BridgeExecution *execution, size_t number,
                                       BridgeOutput *output) {
    return guarded([&] {
        const c10::IValue &value = execution->outputs.at(number);
        if (value.isTensor()) {
            const at::Tensor &tensor = value.toTensor();
            TORCH_CHECK(tensor.defined(), "output number ", number, " is None");
            TORCH_CHECK(tensor.layout() == at::kStrided && !tensor.is_quantized(),
                        "output number ", number, " is a tensor of layout ", tensor.layout(),
                        " and type ", tensor.scalar_type(), "; only dense tensors are served");
            *output = {static_cast<int32_t>(tensor.scalar_type()),
                       static_cast<size_t>(tensor.dim()), tensor.sizes().data(), tensor.nbytes()};
            return;
        }
        TORCH_CHECK(value.isList() && value.type()->isSubtypeOf(*c10::ListType::ofStrings()),
                    "output number ", number, " is of type ", value.type()->annotation_str(),
                    "; only tensors and lists of strings are served");
        const auto strings = value.toListRef();
        size_t bytes = 0;
        for (const c10::IValue &string : strings) {
            bytes += length_prefix + string.toStringRef().size();
        }
        execution->string_count = static_cast<int64_t>(strings.size());
        *output = {BRIDGE_STRINGS, 1, &execution->string_count, bytes};
    });
}

BridgeFailure *bridge_execution_write(BridgeExecution *execution, size_t number, void *destination,
                                      size_t bytes) {
    return guarded([&] {
        const c10::IValue &value = execution->outputs.at(number);
        if (!value.isTensor()) {
            char *at = static_cast<char *>(destination);
            char *const end = at + bytes;
            for (const c10::IValue &string : value.toListRef()) {
                const std::string &text = string.toStringRef();
                const auto length = static_cast<uint32_t>(text.size());
                TORCH_CHECK(static_cast<size_t>(end - at) >= length_prefix + text.size(),
                            "the memory for output number ", number, " is too small");
                std::memcpy(at, &length, length_prefix);
                std::memcpy(at + length_prefix, text.data(), text.size());
                at += length_prefix + text.size();
            }
            return;
        }
        const at::Tensor &tensor = execution->tensor_of(number, bytes);
        if (bytes == 0) {
            return;
        }
        if (is_plain(tensor)) {
            std::memcpy(destination, tensor.const_data_ptr(), bytes);
        } else {
            execution->copy(tensor, destination, at::kCPU);
        }
    });
}

BridgeFailure *bridge_execution_write_on_gpu(BridgeExecution *execution, size_t number,
                                             void *destination, size_t bytes) {
    return guarded([&] {
        const at::Tensor &tensor = execution->tensor_of(number, bytes);
        if (bytes > 0) {
            execution->copy(tensor, destination, execution->device);
        }
    });
}

void bridge_execution_clear(BridgeExecution *execution) {
    execution->clear();
}
