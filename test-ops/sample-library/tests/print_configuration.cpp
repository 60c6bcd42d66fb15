// Prints the configuration of this program: signature, operators, fault, form, then the texts in
// brackets.

#include <cstdio>

#include "configuration.h"

int main() {
    const auto configuration = sample_library::read_configuration();
    std::printf("%d %d %d %d %d [%s] [%s] [%s]\n", configuration.signature, configuration.ops,
                static_cast<int>(configuration.fault), configuration.without_bias,
                configuration.kernels_only, configuration.domain.c_str(),
                configuration.name.c_str(), configuration.version.c_str());
}
