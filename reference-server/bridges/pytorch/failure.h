/* Exceptions become values here. */
#pragma once

#include <exception>
#include <new>
#include <string>
#include <utility>

#include <c10/util/Exception.h>

#include "bridge.h"

struct BridgeFailure {
    std::string message;
};

inline BridgeText text_of(const std::string &text) {
    return {text.data(), text.size()};
}

/* PyTorch puts the stack of C++ frames behind its messages, also within messages that quote others.
 * It helps nobody who has no debugger attached. */
inline std::string without_frames(std::string text) {
    static const std::string start = "\nException raised from ";
    static const std::string frame = "\nframe #";
    for (size_t at; (at = text.find(start)) != std::string::npos;) {
        size_t end = text.find('\n', at + 1);
        while (end != std::string::npos && text.compare(end, frame.size(), frame) == 0) {
            end = text.find('\n', end + 1);
        }
        text.erase(at, end == std::string::npos ? std::string::npos : end - at);
    }
    const size_t last = text.find_last_not_of(" \n");
    text.erase(last == std::string::npos ? 0 : last + 1);
    return text;
}

/* The failure where there is no memory for another one. */
inline BridgeFailure exhausted{"memory is exhausted"};

/* The failure for the exception that is being handled. */
inline BridgeFailure *current_failure() noexcept {
    try {
        try {
            throw;
        } catch (const c10::Error &error) {
            return new BridgeFailure{without_frames(error.what_without_backtrace())};
        } catch (const std::bad_alloc &) {
            return &exhausted;
        } catch (const std::exception &error) {
            return new BridgeFailure{without_frames(error.what())};
        } catch (...) {
            return new BridgeFailure{"something was thrown that is no std::exception"};
        }
    } catch (...) {
        return &exhausted;
    }
}

/* Calls `action`; what it throws is returned. */
template <typename Action>
BridgeFailure *guarded(Action &&action) noexcept {
    try {
        std::forward<Action>(action)();
        return nullptr;
    } catch (...) {
        return current_failure();
    }
}

BridgeText bridge_failure_message(const BridgeFailure *failure) {
    return text_of(failure->message);
}

void bridge_failure_release(BridgeFailure *failure) {
    if (failure != &exhausted) {
        delete failure;
    }
}
