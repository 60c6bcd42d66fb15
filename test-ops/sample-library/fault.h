// What goes wrong on request, so that a server can be seen to cope.
#pragma once

namespace sample_library {

// Every kernel calls this before it computes, where an exception passes to the framework: the
// first call writes to address zero, throws std::runtime_error or never returns, where the
// configuration asks for it.
void before_execution();

// Whether the registration has to report an error.
bool registration_fails();

// What a registration that fails says.
constexpr const char* kRegistrationFails = "the op library refuses to register, as it was asked to";

}  // namespace sample_library
