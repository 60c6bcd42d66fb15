#include "configuration.h"

#include <algorithm>

namespace sample_library {
namespace {

// Constant, so that it is there before any initializer runs. Volatile, because the file may have
// been rewritten since: the compiler must not assume to know the content.
__attribute__((used, section(".op_library_configuration")))
const volatile ConfigurationBlock kBlock = {
    {'o', 'p', ' ', 'l', 'i', 'b', 'r', 'a', 'r', 'y', ' ', 'c', 'o', 'n', 'f', '\x01'},
    0,
    0b1111,
    0,
    10,
    {},
    "custom.ops",
    0,
    0,
    1,
    0,
    "",
    "1",
};

constexpr unsigned kWithoutBias = 1;
constexpr unsigned kKernelsOnly = 2;

// A text of the block.
std::string text(const volatile char* bytes, std::size_t length, std::size_t capacity) {
    std::string copy(std::min(length, capacity), '\0');
    for (std::size_t index = 0; index < copy.size(); ++index) copy[index] = bytes[index];
    return copy;
}

}  // namespace

Configuration read_configuration() {
    const unsigned form = kBlock.form;
    return {
        kBlock.signature,
        kBlock.ops,
        static_cast<Fault>(kBlock.fault),
        text(kBlock.domain, kBlock.domain_length, kDomainCapacity),
        (form & kWithoutBias) != 0,
        (form & kKernelsOnly) != 0,
        text(kBlock.name, kBlock.name_length, kNameCapacity),
        text(kBlock.version, kBlock.version_length, kVersionCapacity),
    };
}

}  // namespace sample_library
