/* What concerns the whole process: version, threads, exceptions that nobody catches. */

#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <typeinfo>

#include <cxxabi.h>

#include <ATen/Parallel.h>
#include <torch/version.h>

#include "failure.h"

[[noreturn]] inline void report_and_abort() {
    if (std::current_exception()) {
        const std::type_info *type = abi::__cxa_current_exception_type();
        int status = -1;
        char *name =
            type ? abi::__cxa_demangle(type->name(), nullptr, nullptr, &status) : nullptr;
        BridgeFailure *failure = current_failure();
        std::fprintf(stderr, "uncaught C++ exception %s: %s\n", name ? name : "of unknown type",
                     failure->message.c_str());
    } else {
        std::fputs("std::terminate was called without an exception\n", stderr);
    }
    std::fflush(stderr);
    std::abort();
}

/* What PyTorch takes by itself: nobody has set it when the bridge is opened. */
inline const int default_threads = at::get_num_threads();

/* Sets the threads of the parallel regions that this thread begins; 0 is the default. */
inline void set_threads(int32_t count) {
    // At the first region of a thread PyTorch sets the number that any thread has set last, which
    // would undo what follows: this makes it do so now.
    at::get_num_threads();
    at::set_num_threads(count > 0 ? count : default_threads);
}

BridgeText bridge_version() {
    static const std::string version = TORCH_VERSION;
    return text_of(version);
}

void bridge_report_uncaught_exceptions() {
    std::set_terminate(report_and_abort);
}

BridgeFailure *bridge_set_inter_op_threads(int32_t count) {
    return guarded([&] { at::set_num_interop_threads(count); });
}
