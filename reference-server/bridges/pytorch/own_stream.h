/* Streams of executions. */

#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace {

/* The stream of one execution, so that executions do not wait for each other; none on the CPU.
 *
 * PyTorch hands its streams out in turn and keeps freed memory for the stream that had it, so that each
 * new one would keep a block of 2 MiB more. One that is not used any more is therefore used again first.
 * Through the interface that all devices have: the CUDA part is not linked. */
class OwnStream {
public:
    explicit OwnStream(at::Device device) : stream_(taken(device)) {}
    ~OwnStream() {
        if (stream_) {
            const std::lock_guard<std::mutex> lock(mutex());
            unused().push_back(*stream_);
        }
    }
    OwnStream(const OwnStream &) = delete;
    OwnStream &operator=(const OwnStream &) = delete;

    const std::optional<c10::Stream> &get() const { return stream_; }

private:
    static std::mutex &mutex() {
        static std::mutex mutex;
        return mutex;
    }

    static std::vector<c10::Stream> &unused() {
        static std::vector<c10::Stream> unused;
        return unused;
    }

    static std::optional<c10::Stream> taken(at::Device device) {
        if (device.is_cpu()) {
            return std::nullopt;
        }
        const std::lock_guard<std::mutex> lock(mutex());
        for (auto known = unused().begin(); known != unused().end(); ++known) {
            if (known->device() == device) {
                const c10::Stream stream = *known;
                unused().erase(known);
                return stream;
            }
        }
        return c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
    }

    std::optional<c10::Stream> stream_;
};

} // namespace
