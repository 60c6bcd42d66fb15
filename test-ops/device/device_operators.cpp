#include "device_operators.h"

#include <algorithm>
#include <string>

#include "device.h"

namespace sample_library::device {
namespace {

// As in kernels.cu.
constexpr long long kInFlight = 4;
constexpr unsigned kThreads = 128;
constexpr unsigned kSelectThreads = 256;
constexpr unsigned kWarp = 32;
constexpr long long kPackBytes = 16;

// Most threads of a block.
constexpr long long kMostThreads = 1024;
// Rows of a block where one warp does each.
constexpr unsigned kShortRows = 4;
long long size_of(Element type) {
    switch (type) {
        case Element::kFloat32:
        case Element::kInt32:
            return 4;
        case Element::kFloat16:
            return 2;
        default:
            return 8;
    }
}

std::string kernel_name(const char* op, Element type) {
    switch (type) {
        case Element::kFloat32:
            return std::string(op) + "_fp32";
        case Element::kFloat16:
            return std::string(op) + "_fp16";
        case Element::kInt32:
            return std::string(op) + "_int32";
        default:
            return std::string(op) + "_int64";
    }
}

long long divide_up(long long number, long long by) { return (number + by - 1) / by; }

// Tiles of a tensor that a block of so many threads does one of at a time.
long long tiles(Element type, long long count, unsigned threads) {
    return divide_up(count, threads * kInFlight * (kPackBytes / size_of(type)));
}

bool is_aligned(const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % kPackBytes == 0;
}

}  // namespace

std::int32_t bias_gelu(Element type, const void* x, const void* bias, void* y, long long count,
                       long long width, bool tanh_approximation, float signature,
                       void* stream) noexcept {
    if (count == 0) return 0;
    const std::string name = kernel_name(tanh_approximation ? "bias_gelu_tanh" : "bias_gelu", type);
    void* arguments[] = {&x, &bias, &y, &count, &width, &signature};
    return launch({name.c_str(), kThreads, 1, tiles(type, count, kThreads), Blocks::kAll}, stream,
                  arguments);
}

std::int32_t rms_norm(Element type, const void* x, const void* weight, void* y, long long rows,
                      long long width, float epsilon, float signature, void* stream) noexcept {
    if (rows == 0 || width == 0) return 0;
    void* arguments[] = {&x, &weight, &y, &rows, &width, &epsilon, &signature};
    const long long row_bytes = width * size_of(type);
    const bool in_registers = row_bytes % kPackBytes == 0 &&
                              row_bytes <= kMostThreads * kInFlight * kPackBytes &&
                              is_aligned(x) && is_aligned(weight) && is_aligned(y);
    if (!in_registers) {
        const std::string name = kernel_name("rms_norm_long", type);
        return launch({name.c_str(), kThreads, 1, rows, Blocks::kAll}, stream, arguments);
    }
    const long long needed = divide_up(row_bytes, kInFlight * kPackBytes);
    const auto threads = static_cast<unsigned>(divide_up(needed, kWarp) * kWarp);
    const unsigned rows_of_block = threads == kWarp ? kShortRows : 1;
    const std::string name = kernel_name("rms_norm", type);
    const long long blocks = divide_up(rows, rows_of_block);
    return launch({name.c_str(), threads, rows_of_block, blocks, Blocks::kAll}, stream, arguments);
}

std::int32_t modulo(Element type, const void* a, const void* b, void* y, long long count,
                    long long divisors, float signature, void* stream) noexcept {
    if (count == 0) return 0;
    const std::string name = kernel_name("modulo", type);
    void* arguments[] = {&a, &b, &y, &count, &divisors, &signature};
    return launch({name.c_str(), kThreads, 1, tiles(type, count, kThreads), Blocks::kAll}, stream,
                  arguments);
}

std::int32_t select_above(Element type, const void* x, const void* threshold, void* y,
                          std::int64_t* selected, long long count, float signature,
                          void* stream) noexcept {
    const std::string name = kernel_name("select_above", type);
    const long long pieces = std::max(tiles(type, count, kSelectThreads), 1LL);
    void* scratch = nullptr;
    const auto bytes = static_cast<std::size_t>(pieces + 1) * sizeof(std::uint64_t);
    if (std::int32_t code = allocate_zeroed(&scratch, bytes, stream)) return code;
    void* arguments[] = {&x, &threshold, &y, &selected, &scratch, &count, &signature};
    const std::int32_t code =
        launch({name.c_str(), kSelectThreads, 1, pieces, Blocks::kHeld}, stream, arguments);
    const std::int32_t released = release(scratch, stream);
    return code != 0 ? code : released;
}

std::int32_t begin_select_above(Element type, const void* x, const void* threshold,
                                long long count, float signature, void* stream, void** values,
                                std::int64_t* selected) noexcept {
    // Behind the values, at an address for whole numbers, is their number.
    const long long place = divide_up(count * size_of(type), kPackBytes) * kPackBytes;
    void* memory = nullptr;
    const auto bytes = static_cast<std::size_t>(place) + sizeof *selected;
    if (std::int32_t code = allocate(&memory, bytes, stream)) return code;
    auto* const number = reinterpret_cast<std::int64_t*>(static_cast<char*>(memory) + place);
    std::int32_t code =
        select_above(type, x, threshold, memory, number, count, signature, stream);
    if (code == 0) code = read(selected, number, sizeof *selected, stream);
    if (code == 0) {
        *values = memory;
    } else {
        release(memory, stream);
    }
    return code;
}

std::int32_t end_select_above(void* values, void* y, std::size_t bytes, void* stream) noexcept {
    const std::int32_t code = bytes == 0 ? 0 : copy(y, values, bytes, stream);
    const std::int32_t released = release(values, stream);
    return code != 0 ? code : released;
}

}  // namespace sample_library::device
