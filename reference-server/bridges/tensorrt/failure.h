// How a function of the bridge fails.
#pragma once

#include <exception>
#include <string>

// Keeps the text for the caller of this thread.
inline char const* failed(std::string text) {
    static thread_local std::string kept;
    kept = std::move(text);
    return kept.c_str();
}

// Runs `body`, which returns a failure's text or null; an exception becomes such a text.
template <typename Body>
char const* guarded(Body body) noexcept {
    try {
        return body();
    } catch (std::exception const& exception) {
        try {
            return failed(std::string("a C++ exception: ") + exception.what());
        } catch (...) {
            return "a C++ exception, and no memory for its text";
        }
    } catch (...) {
        return "a C++ exception of an unknown type";
    }
}
