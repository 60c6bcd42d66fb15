/* Which operators there are, and which ones a model needs. */

#pragma once

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/custom_class_detail.h>

#include "failure.h"

namespace {

/* Namespaces of PyTorch's own operators. */
const std::set<std::string> own_namespaces = {"aten", "prim", "prims", "quantized", "torch"};

/* The dispatch keys that have a kernel of the operator, ascending. */
std::vector<uint16_t> keys_of(const c10::OperatorHandle &op) {
    constexpr auto last = static_cast<uint16_t>(c10::DispatchKey::EndOfAliasKeys);
    std::vector<uint16_t> keys;
    for (uint16_t key = 1; key <= last; ++key) {
        if (op.hasKernelForDispatchKey(static_cast<c10::DispatchKey>(key))) {
            keys.push_back(key);
        }
    }
    return keys;
}

/* The qualified name of the custom class that a method belongs to, told from its `self`. */
std::string class_of(const c10::FunctionSchema &method) {
    return method.arguments().empty() ? std::string()
                                      : method.arguments()[0].type()->annotation_str();
}

class Warnings : public c10::WarningHandler {
  public:
    Warnings(BridgeVisitWarning visit, void *context) : visit_(visit), context_(context) {}

    void process(const c10::Warning &warning) override {
        visit_(context_, text_of(warning.msg()));
    }

  private:
    BridgeVisitWarning visit_;
    void *context_;
};

struct WarningScope {
    WarningScope(BridgeVisitWarning visit, void *context)
        : handler(visit, context), guard(&handler), always(true) {}

    Warnings handler;
    c10::WarningUtils::WarningHandlerGuard guard;
    c10::WarningUtils::WarnAlways always;
};

thread_local std::unique_ptr<WarningScope> warnings;

bool is_name(char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) || letter == '_';
}

/* Adds each `ops.<namespace>.<name>(` of TorchScript source to `names`. */
void collect_calls(const std::string &source, std::set<std::string> &names) {
    static const std::string prefix = "ops.";
    for (size_t at = 0; (at = source.find(prefix, at)) != std::string::npos;) {
        const bool within_name = at > 0 && (is_name(source[at - 1]) || source[at - 1] == '.');
        const auto begin = source.begin() + static_cast<std::ptrdiff_t>(at + prefix.size());
        at += prefix.size();
        const auto space = std::find_if_not(begin, source.end(), is_name);
        if (within_name || space == begin || space == source.end() || *space != '.') {
            continue;
        }
        const auto name = std::find_if_not(space + 1, source.end(), is_name);
        if (name == space + 1 || name == source.end() || *name != '(') {
            continue;
        }
        names.insert(std::string(begin, space) + "::" + std::string(space + 1, name));
    }
}

bool is_source(const std::string &record) {
    static const std::string folder = "code/";
    static const std::string extension = ".py";
    return record.compare(0, folder.size(), folder) == 0 && record.size() > extension.size() &&
           record.compare(record.size() - extension.size(), extension.size(), extension) == 0;
}

} // namespace

BridgeFailure *bridge_begin_warnings(BridgeVisitWarning visit, void *context) {
    return guarded([&] { warnings = std::make_unique<WarningScope>(visit, context); });
}

void bridge_end_warnings() {
    warnings.reset();
}

BridgeFailure *bridge_operators(BridgeVisitOperator visit, void *context) {
    return guarded([&] {
        c10::Dispatcher &dispatcher = c10::Dispatcher::singleton();
        for (const c10::OperatorName &name : dispatcher.getAllOpNames()) {
            if (const auto op = dispatcher.findOp(name)) {
                const std::string place = op->hasSchema() ? op->debug() : std::string();
                const std::vector<uint16_t> keys = keys_of(*op);
                const BridgeOperator found = {text_of(name.name), text_of(name.overload_name),
                                              text_of(place),     op->hasSchema(),
                                              keys.data(),        keys.size()};
                visit(context, &found);
            }
        }
        std::set<std::string> classes;
        for (const c10::FunctionSchema &method : torch::customClassSchemasForBCCheck()) {
            classes.insert(class_of(method));
        }
        classes.erase(std::string());
        for (const std::string &name : classes) {
            const BridgeOperator found = {text_of(name), {}, {}, 0, nullptr, 0};
            visit(context, &found);
        }
    });
}

BridgeFailure *bridge_schemas(BridgeVisitSchema visit, void *context) {
    return guarded([&] {
        c10::Dispatcher &dispatcher = c10::Dispatcher::singleton();
        for (const c10::OperatorName &name : dispatcher.getAllOpNames()) {
            const auto op = dispatcher.findOp(name);
            if (op && op->hasSchema()) {
                visit(context, text_of(name.name), text_of(c10::toString(op->schema())));
            }
        }
        for (const c10::FunctionSchema &method : torch::customClassSchemasForBCCheck()) {
            visit(context, text_of(class_of(method)), text_of(c10::toString(method)));
        }
    });
}

BridgeText bridge_dispatch_key_name(uint16_t key) {
    const char *name = c10::toString(static_cast<c10::DispatchKey>(key));
    return {name, std::strlen(name)};
}

BridgeFailure *bridge_needed_operators(BridgeText model, BridgeVisitNeeded visit, void *context) {
    return guarded([&] {
        caffe2::serialize::PyTorchStreamReader reader(std::string(model.data, model.length));
        std::set<std::string> names;
        for (const std::string &record : reader.getAllRecords()) {
            if (is_source(record)) {
                const auto [data, size] = reader.getRecord(record);
                collect_calls(std::string(static_cast<const char *>(data.get()), size), names);
            }
        }
        std::set<std::string> known;
        for (const c10::OperatorName &name : c10::Dispatcher::singleton().getAllOpNames()) {
            if (names.count(name.name) > 0 && c10::Dispatcher::singleton().findSchema(name)) {
                known.insert(name.name);
            }
        }
        for (const std::string &name : names) {
            if (own_namespaces.count(name.substr(0, name.find("::"))) == 0) {
                visit(context, text_of(name), known.count(name) > 0);
            }
        }
    });
}
