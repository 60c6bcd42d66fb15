#include "configuration.h"

#include <algorithm>
#include <utility>

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
};

}  // namespace

Configuration read_configuration() {
    const std::size_t length = std::min<std::size_t>(kBlock.domain_length, kDomainCapacity);
    std::string domain(length, '\0');
    for (std::size_t index = 0; index < length; ++index) domain[index] = kBlock.domain[index];
    return {kBlock.signature, kBlock.ops, static_cast<Fault>(kBlock.fault), std::move(domain)};
}

}  // namespace sample_library
