/* The inputs' memory, which belongs to one request now and to another one next. */

#pragma once

#include <cstring>
#include <exception>
#include <memory>
#include <vector>

#include <ATen/ops/from_blob.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/Storage.h>
#include <torch/csrc/jit/api/method.h>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/inliner.h>

namespace {

/* For each value that `forward` takes, `self` included: whether the request's memory will do. It
 * will not where the model writes to the tensor or keeps it, nor where a part of the model may
 * outlast the execution. What operators do is what their schemas say. */
std::vector<bool> may_borrow(const torch::jit::Method &forward) {
    using namespace torch::jit;
    const std::shared_ptr<Graph> graph = forward.graph()->copy();
    std::vector<bool> result(graph->inputs().size(), false);
    try {
        Inline(*graph);
        if (!findAllNodes(*graph, prim::fork, /*recurse=*/true).empty()) {
            return result;
        }
        const AliasDb aliases(graph);
        const std::vector<Node *> setters = findAllNodes(*graph, prim::SetAttr, /*recurse=*/true);
        for (size_t number = 0; number < result.size(); ++number) {
            Value *const value = graph->inputs()[number];
            bool is_kept = false;
            for (Node *const setter : setters) {
                is_kept = is_kept || aliases.mayContainAlias(value, setter->input(1));
            }
            result[number] = !is_kept && !aliases.hasWriters(value);
        }
    } catch (const std::exception &) {
        // An operator that the analysis does not understand: all inputs are copied.
        result.assign(result.size(), false);
    }
    return result;
}

/* A tensor in memory of the caller. */
at::Tensor tensor_at(const void *data, at::IntArrayRef sizes, at::ScalarType type,
                     at::Device device) {
    // PyTorch knows no tensor of constant memory.
    return at::for_blob(const_cast<void *>(data), sizes)
        .options(at::TensorOptions().dtype(type).device(device))
        .target_device(device)
        .make_tensor();
}

/* Moves a borrowed storage to memory of its own; tensors that share it move with it. */
void own(const c10::Storage &storage) {
    at::DataPtr memory = c10::GetCPUAllocator()->allocate(storage.nbytes());
    if (storage.nbytes() > 0) {
        std::memcpy(memory.get(), storage.data(), storage.nbytes());
    }
    storage.set_data_ptr_noswap(std::move(memory));
}

} // namespace
