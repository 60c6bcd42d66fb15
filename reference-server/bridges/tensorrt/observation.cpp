// What is registered, and by whom, observed while it happens.
//
// A static registrar throws away what `registerCreator` answers, so a library whose plugin is
// refused, because another one has its name, goes unnoticed. The registry is one object in writable
// memory: it gets a copy of its table of virtual functions in which the functions that register are
// replaced by ones that take note of the answer.

#include <dlfcn.h>

#include <array>
#include <cstring>
#include <mutex>

#include "failure.h"
#include "runtime.h"

namespace {

using nvinfer1::IPluginRegistry;

// The table's place of `registerCreator(IPluginCreator&, …)`, and of the newer one for all kinds of
// creators.
#if RUNTIME_MAJOR >= 11
constexpr int kRegisterAny = 8;
#elif RUNTIME_MAJOR == 10
constexpr int kRegisterOld = 0;
constexpr int kRegisterAny = 12;
#else
constexpr int kRegisterOld = 0;
#endif

// More than any version has; what stands behind a table is constant data that nobody looks at.
constexpr size_t kSlots = 32;
// Before the first function stand the offset to the object's start and its type.
constexpr size_t kHeader = 2;

template <typename C>
using Register = bool (*)(IPluginRegistry*, C&, nvinfer1::AsciiChar const*);

std::mutex mutex;
std::vector<PluginNote> attempts;
void* const* original = nullptr;

template <typename C, int slot>
bool observed(IPluginRegistry* registry, C& creator, nvinfer1::AsciiChar const* space) noexcept {
    auto const call = reinterpret_cast<Register<C>>(original[slot]);
    bool const accepted = call(registry, creator, space);
    guarded([&]() -> char const* {
        PluginNote note = describe(creator, accepted);
        std::lock_guard<std::mutex> lock(mutex);
        attempts.push_back(std::move(note));
        return nullptr;
    });
    return accepted;
}

// The file whose code a creator has: that of its table of virtual functions.
std::string file_of(void const* creator) {
    void const* table;
    std::memcpy(&table, creator, sizeof table);
    Dl_info info{};
    if (dladdr(table, &info) == 0 || info.dli_fname == nullptr) {
        return {};
    }
    return info.dli_fname;
}

std::string text(char const* value) { return value == nullptr ? std::string() : value; }

template <typename C>
PluginNote note_of(C& creator, bool accepted) {
    return {text(creator.getPluginNamespace()), text(creator.getPluginName()),
        text(creator.getPluginVersion()), file_of(&creator), accepted};
}

} // namespace

PluginNote describe(Creator& creator, bool accepted) {
#if RUNTIME_MAJOR >= 10
    if (std::strcmp(creator.getInterfaceInfo().kind, "PLUGIN CREATOR_V1") == 0) {
        return note_of(static_cast<nvinfer1::IPluginCreator&>(creator), accepted);
    }
    // All later kinds begin with the functions of the first of them.
    return note_of(static_cast<nvinfer1::IPluginCreatorV3One&>(creator), accepted);
#else
    return note_of(creator, accepted);
#endif
}

void observe_registrations(IPluginRegistry& registry) {
    static std::array<void*, kHeader + kSlots> table;
    void* const* current;
    std::memcpy(&current, &registry, sizeof current);
    if (current == &table[kHeader]) {
        return;
    }
    original = current;
    std::memcpy(table.data(), current - kHeader, sizeof table);
#if RUNTIME_MAJOR <= 10
    table[kHeader + kRegisterOld] =
        reinterpret_cast<void*>(&observed<nvinfer1::IPluginCreator, kRegisterOld>);
#endif
#if RUNTIME_MAJOR >= 10
    table[kHeader + kRegisterAny] = reinterpret_cast<void*>(&observed<Creator, kRegisterAny>);
#endif
    void* const* replacement = &table[kHeader];
    std::memcpy(static_cast<void*>(&registry), &replacement, sizeof replacement);
}

extern "C" {

void bridge_forget_attempts(TensorRt*) {
    std::lock_guard<std::mutex> lock(mutex);
    attempts.clear();
}

void bridge_attempts(TensorRt*, PluginVisitor visit, void* context) {
    std::lock_guard<std::mutex> lock(mutex);
    for (PluginNote const& note : attempts) {
        note.show(visit, context);
    }
}
}
