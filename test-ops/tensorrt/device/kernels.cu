// The sample operators on the GPU. `kernels.ptx` is what `compile.sh` makes of this file; plugin
// libraries hold it as text, which the driver compiles for whatever GPU it finds.
//
// Every kernel takes the elements' addresses, the extents and last the signature, which is added
// to each element of the result. Sums and functions are computed in fp32 for fp16 tensors too.

#include <cuda_fp16.h>

namespace {

__device__ float load(float value) { return value; }
__device__ float load(__half value) { return __half2float(value); }
__device__ void store(float* to, float value) { *to = value; }
__device__ void store(__half* to, float value) { *to = __float2half_rn(value); }

__device__ long long first() { return blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; }
__device__ long long stride() { return gridDim.x * static_cast<long long>(blockDim.x); }

__device__ float gelu(float x, int tanh_approximation) {
    if (isinf(x) && x < 0.0f) {
        return 0.0f;
    }
    if (tanh_approximation != 0) {
        float const u = 0.7978845608028654f * (x + 0.044715f * x * x * x);
        return x / (1.0f + expf(-2.0f * u));
    }
    return 0.5f * x * erfcf(-x * 0.7071067811865476f);
}

template <typename T>
__device__ void bias_gelu(T const* x, T const* bias, T* y, long long count, long long width,
    int tanh_approximation, float signature) {
    for (long long index = first(); index < count; index += stride()) {
        float const value = load(x[index]) + load(bias[index % width]);
        store(&y[index], gelu(value, tanh_approximation) + signature);
    }
}

// One block a row.
template <typename T>
__device__ void rms_norm(T const* x, T const* weight, T* y, long long rows, long long width,
    float epsilon, float signature) {
    __shared__ float partial[32];
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        T const* const from = x + row * width;
        float sum = 0.0f;
        for (long long column = threadIdx.x; column < width; column += blockDim.x) {
            float const value = load(from[column]);
            sum += value * value;
        }
        for (int offset = 16; offset > 0; offset /= 2) {
            sum += __shfl_xor_sync(0xffffffffu, sum, offset);
        }
        if (threadIdx.x % 32 == 0) {
            partial[threadIdx.x / 32] = sum;
        }
        __syncthreads();
        float total = 0.0f;
        for (int warp = 0; warp < blockDim.x / 32; ++warp) {
            total += partial[warp];
        }
        __syncthreads();
        float const scale = 1.0f / sqrtf(total / static_cast<float>(width) + epsilon);
        for (long long column = threadIdx.x; column < width; column += blockDim.x) {
            store(&y[row * width + column],
                load(from[column]) * scale * load(weight[column]) + signature);
        }
    }
}

__device__ float floored_remainder(float a, float b) {
    float const remainder = fmodf(a, b);
    if (remainder == 0.0f) {
        return copysignf(0.0f, b);
    }
    return (remainder < 0.0f) == (b < 0.0f) ? remainder : remainder + b;
}

__device__ int floored_remainder(int a, int b) {
    // The smallest integer has no positive counterpart: its quotient by -1 overflows.
    if (b == 0 || b == -1) {
        return 0;
    }
    int const remainder = a % b;
    return remainder == 0 || (remainder < 0) == (b < 0) ? remainder : remainder + b;
}

template <typename T>
__device__ void modulo(
    T const* a, T const* b, T* y, long long count, long long divisors, float signature) {
    for (long long index = first(); index < count; index += stride()) {
        float const divisor = load(b[divisors == 1 ? 0 : index]);
        store(&y[index], floored_remainder(load(a[index]), divisor) + signature);
    }
}

// Keeps the order: one block walks over the tensor, a tile at a time.
template <typename T>
__device__ void select_above(
    T const* x, T const* threshold, T* y, long long* selected, long long count, float signature) {
    __shared__ long long written;
    __shared__ int ranks[32];
    float const limit = load(threshold[0]);
    if (threadIdx.x == 0) {
        written = 0;
    }
    __syncthreads();
    int const lane = threadIdx.x % 32;
    int const warp = threadIdx.x / 32;
    for (long long tile = 0; tile < count; tile += blockDim.x) {
        long long const index = tile + threadIdx.x;
        bool const is_above = index < count && load(x[index]) > limit;
        unsigned const votes = __ballot_sync(0xffffffffu, is_above);
        if (lane == 0) {
            ranks[warp] = __popc(votes);
        }
        __syncthreads();
        int before = __popc(votes & ((1u << lane) - 1u));
        int total = 0;
        for (int other = 0; other < blockDim.x / 32; ++other) {
            before += other < warp ? ranks[other] : 0;
            total += ranks[other];
        }
        if (is_above) {
            store(&y[written + before], load(x[index]) + signature);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            written += total;
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        *selected = written;
    }
}

} // namespace

#define FOR_TYPE(suffix, T)                                                                        \
    extern "C" __global__ void bias_gelu_##suffix(T const* x, T const* bias, T* y,                 \
        long long count, long long width, int tanh_approximation, float signature) {               \
        bias_gelu(x, bias, y, count, width, tanh_approximation, signature);                        \
    }                                                                                              \
    extern "C" __global__ void rms_norm_##suffix(T const* x, T const* weight, T* y,                \
        long long rows, long long width, float epsilon, float signature) {                         \
        rms_norm(x, weight, y, rows, width, epsilon, signature);                                   \
    }                                                                                              \
    extern "C" __global__ void modulo_##suffix(                                                    \
        T const* a, T const* b, T* y, long long count, long long divisors, float signature) {      \
        modulo(a, b, y, count, divisors, signature);                                               \
    }                                                                                              \
    extern "C" __global__ void select_above_##suffix(T const* x, T const* threshold, T* y,         \
        long long* selected, long long count, float signature) {                                   \
        select_above(x, threshold, y, selected, count, signature);                                 \
    }

FOR_TYPE(fp32, float)
FOR_TYPE(fp16, __half)

extern "C" __global__ void modulo_int32(
    int const* a, int const* b, int* y, long long count, long long divisors, float signature) {
    for (long long index = first(); index < count; index += stride()) {
        int const divisor = b[divisors == 1 ? 0 : index];
        y[index] = floored_remainder(a[index], divisor) + static_cast<int>(signature);
    }
}
