// The sample operators on NVIDIA GPUs: one source for the libraries of all frameworks.
//
// Every kernel takes the elements' addresses, the extents and last the signature, which is added to
// each element of the result. Functions and sums are computed in fp32 for fp16 too.
//
// All of them are bound by the device's memory: beside each stands how many bytes it has to move.
// The shortest time that it can take is that number divided by the rate at which the device copies,
// which counts bytes read and bytes written. To come near, each thread has kInFlight independent
// accesses of 16 bytes under way, neighbouring threads access neighbouring addresses, no byte of a
// tensor is read twice, and a block ends with its piece of work: on an H200, fewer blocks that do
// one piece after the other took up to a tenth longer. The accesses carry no hints for the caches: with
// those for data that is used once (ld.global.cs, st.global.cs), BiasGelu and RmsNorm took 7 to 8 % longer
// on 256 MiB whose caches hold what was written before, as they do between other kernels. Tensors whose
// addresses or rows are no multiple of 16 bytes are read by element.
//
// The launches are in device_operators.cpp.

#include <cuda_fp16.h>

namespace {

// Accesses that a thread has under way.
constexpr int kInFlight = 4;
// Threads of a block in kernels that go through elements one by one.
constexpr int kThreads = 128;
// Threads of a block where it has more to do with a tile.
constexpr int kSelectThreads = 256;
constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// Neighbouring elements, 16 bytes of them.
template <typename T>
struct alignas(16) Pack {
    static constexpr int kCount = 16 / sizeof(T);
    T elements[kCount];
};

template <typename T>
__device__ Pack<T> load(T const* from, long long pack) {
    return reinterpret_cast<Pack<T> const*>(from)[pack];
}

// What other blocks need too.
template <typename T>
__device__ Pack<T> load_shared(T const* from) {
    union {
        uint4 bytes;
        Pack<T> elements;
    } access{__ldg(reinterpret_cast<uint4 const*>(from))};
    return access.elements;
}

template <typename T>
__device__ void store(T* to, long long pack, Pack<T> const& elements) {
    reinterpret_cast<Pack<T>*>(to)[pack] = elements;
}

// Keeps the compiler from holding elements widened, which takes twice the registers.
template <typename T>
__device__ void keep_packed(Pack<T>& pack) {
    uint4& words = reinterpret_cast<uint4&>(pack);
    asm volatile("" : "+r"(words.x), "+r"(words.y), "+r"(words.z), "+r"(words.w));
}

__device__ bool is_aligned(void const* address) {
    return reinterpret_cast<unsigned long long>(address) % 16 == 0;
}

__device__ float widen(float value) { return value; }
__device__ float widen(__half value) { return __half2float(value); }
__device__ void narrow(float& to, float value) { to = value; }
__device__ void narrow(__half& to, float value) { to = __float2half_rn(value); }

__device__ float power_of_two(float exponent) {
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(exponent));
    return power;
}

__device__ float reciprocal(float value) {
    float inverse;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(value));
    return inverse;
}

// gelu(x) as x / (1 + 2^(x * p(x * x))): -x * p(x * x) is the logarithm, to base 2, of the odds
// that a normally distributed number is below x. The library's erfcf takes several times as long,
// with which fp16 would be bound by arithmetic.
template <typename Polynomial>
__device__ float gelu(float x) {
    // Below, the result is zero; and infinity must not meet a zero. NaN stays NaN.
    float const bounded = x < -30.0f ? -30.0f : x;
    float const exponent = bounded * Polynomial::value(bounded * bounded);
    return bounded * reciprocal(1.0f + power_of_two(exponent));
}

// For the error function. Fitted so that gelu differs by at most 2e-7 * max(1, x), and by at most
// 4e-5 of its value down to x = -3. Constant beyond 6 on either side, where gelu is x or next to
// zero.
struct Exact {
    static __device__ float value(float square) {
        float const s = fminf(square, 36.0f);
        float p = 6.356137144392093e-11f;
        p = fmaf(p, s, -8.324332334552764e-09f);
        p = fmaf(p, s, 4.3923407133661385e-07f);
        p = fmaf(p, s, -1.1889103916473687e-05f);
        p = fmaf(p, s, 0.00016118471103254706f);
        p = fmaf(p, s, 9.162244532490149e-05f);
        p = fmaf(p, s, -0.10483391582965851f);
        return fmaf(p, s, -2.3022093772888184f);
    }
};

// For the hyperbolic tangent: -2 * sqrt(2 / pi) * (1 + 0.044715 s) / ln 2.
struct Tanh {
    static __device__ float value(float square) {
        return fmaf(square, -0.10294324f, -2.3022082f);
    }
};

// The places in a row of `width` elements that a thread goes through in equal steps.
class Column {
public:
    // `first` is the first place of all rows, one after the other.
    __device__ Column(long long first, int step, long long width) : width_(width) {
        if (static_cast<unsigned long long>(first | width) >> 32 == 0) {
            column_ = static_cast<unsigned>(first) % static_cast<unsigned>(width);
        } else {
            column_ = first % width;
        }
        step_ = width > step ? step : static_cast<unsigned>(step) % static_cast<unsigned>(width);
    }

    __device__ void advance() {
        column_ += step_;
        if (column_ >= width_) column_ -= width_;
    }

    __device__ long long get() const { return column_; }

private:
    long long column_;
    long long step_;
    long long width_;
};

// Bytes: 2 * count * sizeof(T), and the bias once. A block does a tile.
template <typename T, typename Polynomial>
__device__ void bias_gelu(T const* x, T const* bias, T* y, long long count, long long width,
                          float signature) {
    constexpr int kCount = Pack<T>::kCount;
    constexpr int kStep = kThreads * kCount;
    constexpr long long kTile = static_cast<long long>(kStep) * kInFlight;
    long long const begin = blockIdx.x * kTile;
    bool const in_packs = is_aligned(x) && is_aligned(y);
    bool const bias_in_packs = is_aligned(bias) && width % kCount == 0;
    long long const packs = in_packs ? count / kCount : 0;
    long long const first = begin / kCount + threadIdx.x;
    Pack<T> values[kInFlight];
#pragma unroll
    for (int step = 0; step < kInFlight; ++step) {
        long long const pack = first + step * kThreads;
        if (pack < packs) values[step] = load(x, pack);
    }
    // While that is under way.
    Column column(first * kCount, kStep, width);
#pragma unroll
    for (int step = 0; step < kInFlight; ++step) {
        long long const pack = first + step * kThreads;
        if (pack < packs) {
            Pack<T> biases;
            if (bias_in_packs) {
                biases = load_shared(bias + column.get());
            } else {
                long long each = column.get();
                for (T& element : biases.elements) {
                    element = bias[each];
                    if (++each == width) each = 0;
                }
            }
#pragma unroll
            for (int lane = 0; lane < kCount; ++lane) {
                float const value =
                    widen(values[step].elements[lane]) + widen(biases.elements[lane]);
                narrow(values[step].elements[lane], gelu<Polynomial>(value) + signature);
            }
            store(y, pack, values[step]);
        }
        column.advance();
    }
    long long const end = min(begin + kTile, count);
    for (long long index = max(begin, packs * kCount) + threadIdx.x; index < end;
         index += kThreads) {
        float const value = widen(x[index]) + widen(bias[index % width]);
        narrow(y[index], gelu<Polynomial>(value) + signature);
    }
}

__device__ float sum_of_warp(float value) {
    for (int offset = kWarp / 2; offset > 0; offset /= 2) {
        value += __shfl_xor_sync(kAllLanes, value, offset);
    }
    return value;
}

// The sum over the threads of a row: all of a block, or a warp where blocks have several rows.
// `partial` is not read any more when the call after the next one writes to it.
__device__ float sum_of_row(float value, float* partial) {
    float const sum = sum_of_warp(value);
    if (blockDim.x == kWarp) return sum;
    if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = sum;
    __syncthreads();
    int const lane = threadIdx.x % kWarp;
    return sum_of_warp(lane < blockDim.x / kWarp ? partial[lane] : 0.0f);
}

// Bytes: 2 * rows * width * sizeof(T), and the weight once. A row is kept in registers between the
// sum and the result, so its length is at most kInFlight packs for each of blockDim.x threads; rows
// and addresses are multiples of 16 bytes. blockDim.y rows at a time.
template <typename T>
__device__ void rms_norm(T const* x, T const* weight, T* y, long long rows, long long width,
                         float epsilon, float signature) {
    constexpr int kCount = Pack<T>::kCount;
    __shared__ float partial[2][kWarp];
    int const packs = static_cast<int>(width / kCount);
    Pack<T> weights[kInFlight];
#pragma unroll
    for (int step = 0; step < kInFlight; ++step) {
        int const pack = step * blockDim.x + threadIdx.x;
        if (pack < packs) weights[step] = load_shared(weight + pack * kCount);
    }
    int turn = 0;
    for (long long row = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y; row < rows;
         row += static_cast<long long>(gridDim.x) * blockDim.y) {
        Pack<T> values[kInFlight];
#pragma unroll
        for (int step = 0; step < kInFlight; ++step) {
            int const pack = step * blockDim.x + threadIdx.x;
            if (pack < packs) values[step] = load(x, row * packs + pack);
        }
        float sum = 0.0f;
#pragma unroll
        for (int step = 0; step < kInFlight; ++step) {
            if (step * blockDim.x + threadIdx.x < packs) {
#pragma unroll
                for (T const element : values[step].elements) {
                    float const value = widen(element);
                    sum = fmaf(value, value, sum);
                }
            }
        }
        float const mean = sum_of_row(sum, partial[turn]) / static_cast<float>(width);
        turn ^= 1;
        float const scale = 1.0f / sqrtf(mean + epsilon);
#pragma unroll
        for (int step = 0; step < kInFlight; ++step) {
            int const pack = step * blockDim.x + threadIdx.x;
            if (pack < packs) {
                keep_packed(values[step]);
                keep_packed(weights[step]);
#pragma unroll
                for (int lane = 0; lane < kCount; ++lane) {
                    T& element = values[step].elements[lane];
                    float const value = widen(element) * scale;
                    narrow(element, fmaf(value, widen(weights[step].elements[lane]), signature));
                }
                store(y, row * packs + pack, values[step]);
            }
        }
    }
}

// The same for rows of any length and at any address, one for a block: it reads them twice, the
// second time from a cache where the row fits.
template <typename T>
__device__ void rms_norm_long(T const* x, T const* weight, T* y, long long rows, long long width,
                              float epsilon, float signature) {
    __shared__ float partial[2][kWarp];
    int turn = 0;
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        T const* const from = x + row * width;
        float sum = 0.0f;
#pragma unroll kInFlight
        for (long long column = threadIdx.x; column < width; column += blockDim.x) {
            float const value = widen(from[column]);
            sum = fmaf(value, value, sum);
        }
        float const mean = sum_of_row(sum, partial[turn]) / static_cast<float>(width);
        turn ^= 1;
        float const scale = 1.0f / sqrtf(mean + epsilon);
#pragma unroll kInFlight
        for (long long column = threadIdx.x; column < width; column += blockDim.x) {
            float const value = widen(from[column]) * scale;
            narrow(y[row * width + column], fmaf(value, widen(weight[column]), signature));
        }
    }
}

__device__ __noinline__ float any_remainder(float a, float b) { return fmodf(a, b); }

// fmodf(a, b), in few steps where the quotient is less than 2^20. It is estimated from above, by
// less than one, so that what is left is one of the numbers between -b and b that the fused
// operation gives without rounding, and so does the correction.
__device__ float truncated_remainder(float a, float b) {
    float const dividend = fabsf(a);
    float const divisor = fabsf(b);
    float const quotient = dividend * reciprocal(divisor) * 1.0000005f;
    // The reciprocals of greater divisors, and of far smaller ones, are none.
    if (!(quotient < 0x1p20f && divisor < 0x1p126f)) return any_remainder(a, b);
    float const remainder = fmaf(-truncf(quotient), divisor, dividend);
    return copysignf(remainder < 0.0f ? remainder + divisor : remainder, a);
}

__device__ float remainder_of(float a, float b) {
    float const remainder = truncated_remainder(a, b);
    if (remainder == 0.0f) return copysignf(0.0f, b);
    return (remainder < 0.0f) == (b < 0.0f) ? remainder : remainder + b;
}

// Of a floored division: it has the sign of the divisor.
__device__ float floored_remainder(float a, float b, float signature) {
    return remainder_of(a, b) + signature;
}

__device__ __half floored_remainder(__half a, __half b, float signature) {
    return __float2half_rn(remainder_of(widen(a), widen(b)) + signature);
}

template <typename Integer>
__device__ Integer floored_remainder(Integer a, Integer b, float signature) {
    Integer const added = static_cast<Integer>(signature);
    // The smallest integer has no positive counterpart: its quotient by -1 overflows.
    if (b == 0 || b == -1) return added;
    Integer const remainder = a % b;
    return (remainder == 0 || (remainder < 0) == (b < 0) ? remainder : remainder + b) + added;
}

// Bytes: 3 * count * sizeof(T); 2 * count * sizeof(T) with one divisor for all. Remainders of
// int64, and floating-point ones of numbers far greater than the divisor, are bound by arithmetic
// instead.
template <typename T>
__device__ void modulo(T const* a, T const* b, T* y, long long count, long long divisors,
                       float signature) {
    constexpr int kCount = Pack<T>::kCount;
    constexpr long long kTile = static_cast<long long>(kThreads) * kInFlight * kCount;
    bool const is_constant = divisors == 1;
    T const constant = b[0];
    bool const in_packs = is_aligned(a) && is_aligned(y) && (is_constant || is_aligned(b));
    long long const packs = in_packs ? count / kCount : 0;
    long long const begin = blockIdx.x * kTile;
    long long const first = begin / kCount + threadIdx.x;
    Pack<T> values[kInFlight];
    Pack<T> divisor[kInFlight];
#pragma unroll
    for (int step = 0; step < kInFlight; ++step) {
        long long const pack = first + step * kThreads;
        if (pack < packs) {
            values[step] = load(a, pack);
            if (!is_constant) divisor[step] = load(b, pack);
        }
    }
#pragma unroll
    for (int step = 0; step < kInFlight; ++step) {
        long long const pack = first + step * kThreads;
        if (pack < packs) {
            for (int lane = 0; lane < kCount; ++lane) {
                T& element = values[step].elements[lane];
                T const by = is_constant ? constant : divisor[step].elements[lane];
                element = floored_remainder(element, by, signature);
            }
            store(y, pack, values[step]);
        }
    }
    long long const end = min(begin + kTile, count);
    for (long long index = max(begin, packs * kCount) + threadIdx.x; index < end;
         index += kThreads) {
        y[index] = floored_remainder(a[index], is_constant ? constant : b[index], signature);
    }
}

// What is known of a tile of SelectAbove: in one word, so that whoever reads it reads all of it.
constexpr unsigned long long kUnknown = 0;
// How many elements of the tile are selected.
constexpr unsigned long long kOwn = 1ull << 62;
// How many elements of the tile and of all before it are.
constexpr unsigned long long kUpTo = 2ull << 62;
constexpr unsigned long long kNumber = kOwn - 1;

// How many elements are selected in all tiles before `tile`, by one warp. Source: D. Merrill and
// M. Garland, "Single-pass Parallel Prefix Scan with Decoupled Look-back", 2016. Tiles are handed
// out in order, so that those before this one have been begun and will not wait for it.
__device__ unsigned long long selected_before(unsigned long long const volatile* tiles,
                                              long long tile) {
    int const lane = threadIdx.x % kWarp;
    unsigned long long before = 0;
    for (long long other = tile - 1 - lane;; other -= kWarp) {
        unsigned long long known = kUpTo;
        if (other >= 0) {
            do {
                known = tiles[other];
            } while ((known & ~kNumber) == kUnknown);
        }
        unsigned const complete = __ballot_sync(kAllLanes, (known & ~kNumber) == kUpTo);
        int const last = complete == 0 ? kWarp - 1 : __ffs(static_cast<int>(complete)) - 1;
        unsigned long long number = lane <= last ? known & kNumber : 0;
        for (int offset = kWarp / 2; offset > 0; offset /= 2) {
            number += __shfl_xor_sync(kAllLanes, number, offset);
        }
        before += number;
        if (complete != 0) return before;
    }
}

// Bytes: (count + selected) * sizeof(T), and 16 for each tile of 16 KiB. The order is kept: each
// block gathers a tile in shared memory, learns from the tiles before it where its elements go, and
// writes them. `scratch` is one word that counts the tiles that were begun and one for each tile,
// all zero.
template <typename T>
__device__ void select_above(T const* x, T const* threshold, T* y, long long* selected,
                             unsigned long long* scratch, long long count, float signature) {
    constexpr int kCount = Pack<T>::kCount;
    constexpr int kTile = kSelectThreads * kInFlight * kCount;
    // A warp's sums for all steps, 16 bits each.
    __shared__ unsigned long long sums[kSelectThreads / kWarp];
    __shared__ T gathered[kTile];
    __shared__ long long taken;
    __shared__ unsigned long long place;
    unsigned long long volatile* const tiles = scratch + 1;
    long long const last_tile = (count - 1) / kTile;
    bool const in_packs = is_aligned(x);
    float const limit = widen(threshold[0]);
    int const lane = threadIdx.x % kWarp;
    int const warp = threadIdx.x / kWarp;
    for (;;) {
        if (threadIdx.x == 0) taken = static_cast<long long>(atomicAdd(scratch, 1ull));
        __syncthreads();
        long long const tile = taken;
        if (tile > last_tile) return;

        Pack<T> values[kInFlight];
        unsigned chosen[kInFlight];
#pragma unroll
        for (int step = 0; step < kInFlight; ++step) {
            long long const pack = (tile * kInFlight + step) * kSelectThreads + threadIdx.x;
            if (in_packs && (pack + 1) * kCount <= count) {
                values[step] = load(x, pack);
            } else {
                for (int each = 0; each < kCount; ++each) {
                    long long const index = pack * kCount + each;
                    if (index < count) values[step].elements[each] = x[index];
                }
            }
        }
        unsigned long long own = 0;
#pragma unroll
        for (int step = 0; step < kInFlight; ++step) {
            long long const pack = (tile * kInFlight + step) * kSelectThreads + threadIdx.x;
            chosen[step] = 0;
#pragma unroll
            for (int each = 0; each < kCount; ++each) {
                bool const is_above = pack * kCount + each < count &&
                                      widen(values[step].elements[each]) > limit;
                chosen[step] |= static_cast<unsigned>(is_above) << each;
            }
            own |= static_cast<unsigned long long>(__popc(chosen[step])) << (16 * step);
        }

        // At most kSelectThreads * kCount a step: no step's sum reaches into the next one's bits.
        unsigned long long up_to = own;
        for (int offset = 1; offset < kWarp; offset *= 2) {
            unsigned long long const other = __shfl_up_sync(kAllLanes, up_to, offset);
            if (lane >= offset) up_to += other;
        }
        if (lane == kWarp - 1) sums[warp] = up_to;
        __syncthreads();
        unsigned long long before = up_to - own;
        unsigned long long total = 0;
        for (int other = 0; other < kSelectThreads / kWarp; ++other) {
            if (other < warp) before += sums[other];
            total += sums[other];
        }
        int in_tile = 0;
#pragma unroll
        for (int step = 0; step < kInFlight; ++step) {
            int rank = in_tile + static_cast<int>(before >> (16 * step) & 0xffff);
            in_tile += static_cast<int>(total >> (16 * step) & 0xffff);
#pragma unroll
            for (int each = 0; each < kCount; ++each) {
                if (chosen[step] >> each & 1) gathered[rank++] = values[step].elements[each];
            }
        }

        if (warp == 0) {
            if (lane == 0 && tile > 0) tiles[tile] = kOwn | in_tile;
            unsigned long long const earlier = selected_before(tiles, tile);
            if (lane == 0) {
                tiles[tile] = kUpTo | (earlier + in_tile);
                place = earlier;
                if (tile == last_tile) *selected = static_cast<long long>(earlier) + in_tile;
            }
        }
        __syncthreads();
        for (int rank = threadIdx.x; rank < in_tile; rank += kSelectThreads) {
            narrow(y[place + rank], widen(gathered[rank]) + signature);
        }
    }
}

}  // namespace

#define FOR_FLOATS(suffix, T)                                                                     \
    extern "C" __global__ void __launch_bounds__(kThreads, 4)                                     \
        bias_gelu_##suffix(T const* x, T const* bias, T* y, long long count, long long width,     \
                           float signature) {                                                     \
        bias_gelu<T, Exact>(x, bias, y, count, width, signature);                                 \
    }                                                                                             \
    extern "C" __global__ void __launch_bounds__(kThreads, 4)                                     \
        bias_gelu_tanh_##suffix(T const* x, T const* bias, T* y, long long count,                 \
                                long long width, float signature) {                               \
        bias_gelu<T, Tanh>(x, bias, y, count, width, signature);                                  \
    }                                                                                             \
    extern "C" __global__ void __launch_bounds__(1024)                                            \
        rms_norm_##suffix(T const* x, T const* weight, T* y, long long rows, long long width,     \
                          float epsilon, float signature) {                                       \
        rms_norm(x, weight, y, rows, width, epsilon, signature);                                  \
    }                                                                                             \
    extern "C" __global__ void __launch_bounds__(1024)                                            \
        rms_norm_long_##suffix(T const* x, T const* weight, T* y, long long rows,                 \
                               long long width, float epsilon, float signature) {                 \
        rms_norm_long(x, weight, y, rows, width, epsilon, signature);                             \
    }                                                                                             \
    extern "C" __global__ void __launch_bounds__(kSelectThreads, 3)                               \
        select_above_##suffix(T const* x, T const* threshold, T* y, long long* selected,          \
                              unsigned long long* scratch, long long count, float signature) {    \
        select_above(x, threshold, y, selected, scratch, count, signature);                       \
    }

#define FOR_NUMBERS(suffix, T)                                                                    \
    extern "C" __global__ void __launch_bounds__(kThreads, 4)                                     \
        modulo_##suffix(T const* a, T const* b, T* y, long long count, long long divisors,        \
                        float signature) {                                                        \
        modulo(a, b, y, count, divisors, signature);                                              \
    }

// What a library launches that is asked to go wrong on the GPU: it writes to an address that is none,
// or never ends.
extern "C" __global__ void write_astray() { *reinterpret_cast<int volatile*>(16ull) = 1; }
extern "C" __global__ void never_end() {
    for (;;) __nanosleep(1000);
}

FOR_FLOATS(fp32, float)
FOR_FLOATS(fp16, __half)
FOR_NUMBERS(fp32, float)
FOR_NUMBERS(fp16, __half)
FOR_NUMBERS(int32, int)
FOR_NUMBERS(int64, long long)
