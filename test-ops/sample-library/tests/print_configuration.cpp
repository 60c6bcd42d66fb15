// Prints the configuration of this program: signature, operators, fault, domain.

#include <cstdio>

#include "configuration.h"

int main() {
    const auto configuration = sample_library::read_configuration();
    std::printf("%d %d %d %s\n", configuration.signature, configuration.ops,
                static_cast<int>(configuration.fault), configuration.domain.c_str());
}
