// The configuration block: what one build of a sample library can be turned into afterwards.
//
// The block stands in a section of its own and is read when the library runs. A builder that
// writes another block into a copy of the file makes another library of it, without a compiler.
// The layout is that of onnxruntime/src/layout.rs, which documents it; a test compares the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sample_library {

// Longest domain in bytes.
constexpr std::size_t kDomainCapacity = 64;
// Longest name in bytes.
constexpr std::size_t kNameCapacity = 40;
// Longest version in bytes.
constexpr std::size_t kVersionCapacity = 8;

// The sample operators, by their bit in the block.
enum class Op : std::uint8_t { kBiasGelu = 0, kRmsNorm = 1, kModulo = 2, kSelectAbove = 3 };

// What goes wrong on request.
enum class Fault : std::uint8_t {
    kNone = 0,
    kRegistrationFails = 1,
    kKernelCrashes = 3,
    kKernelThrows = 4,
    kKernelHangs = 5,
    kInitializerCrashes = 7,
    kInitializerAborts = 8,
    kInitializerThrows = 9,
    kInitializerHangs = 10,
    kSchemaDisagrees = 11,
    kDeviceKernelWritesAstray = 12,
    kDeviceKernelHangs = 13,
    kDeviceMemoryIsExhausted = 14,
    kDeviceMemoryIsTaken = 15,
};

// The block as it lies in the file.
struct ConfigurationBlock {
    char magic[16];
    std::uint8_t signature;
    std::uint8_t ops;
    std::uint8_t fault;
    std::uint8_t domain_length;
    std::uint8_t api_level[4];
    char domain[kDomainCapacity];
    std::uint8_t form;
    std::uint8_t name_length;
    std::uint8_t version_length;
    char zero;
    char name[kNameCapacity];
    char version[kVersionCapacity];
};
static_assert(sizeof(ConfigurationBlock) == 140, "the layout of onnxruntime/src/layout.rs");

// The block's content.
struct Configuration {
    // Added to each element of each result.
    std::uint8_t signature;
    // Operators that are registered, one bit each.
    std::uint8_t ops;
    // What goes wrong.
    Fault fault;
    // Operator domain, in the framework's spelling.
    std::string domain;
    // BiasGelu takes x alone.
    bool without_bias;
    // Kernels are registered for operators that others define.
    bool kernels_only;
    // Name of the one operator, in place of its own; may be empty.
    std::string name;
    // Version of TensorRT's plugins.
    std::string version;

    // Whether the operator is to be registered.
    bool has(Op op) const { return (ops >> static_cast<unsigned>(op)) & 1; }

    // The name that an operator is registered under whose own name this is.
    std::string named(const std::string& own) const { return name.empty() ? own : name; }
};

// The configuration of the library as it was loaded. It may be called from static initializers.
Configuration read_configuration();

}  // namespace sample_library
