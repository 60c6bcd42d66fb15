/*
 * Calls into op libraries that no C++ exception leaves.
 *
 * This file is compiled without unwind tables, so the search for an exception's handler ends at
 * these frames without one. The C++ runtime then does what it does for any uncaught exception: it
 * calls std::terminate, which writes the exception's type and text to standard error and aborts.
 * Were the search to go on into Rust frames, it would end in one of several ways, all without the
 * text.
 */

#include <dlfcn.h>

void *exception_barrier_open(const char *path, int flags) {
    return dlopen(path, flags);
}

int exception_barrier_close(void *library) {
    return dlclose(library);
}

void *exception_barrier_call(void *(*entry)(void *, const void *), void *first,
                             const void *second) {
    return entry(first, second);
}
