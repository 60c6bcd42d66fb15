// TensorRT's interface: an SDK's headers where they are for the runtime's version, else our own
// declarations. RUNTIME_MAJOR, RUNTIME_MINOR and RUNTIME_PATCH are given by the compiler's command
// line.
#pragma once

#include <cstdint>

#if __has_include(<NvInferVersion.h>)
#include <NvInferVersion.h>
// The tables of functions changed between patches of 8, and change with minor versions since.
#if NV_TENSORRT_MAJOR == RUNTIME_MAJOR && NV_TENSORRT_MINOR == RUNTIME_MINOR && \
    (RUNTIME_MAJOR >= 10 || NV_TENSORRT_PATCH == RUNTIME_PATCH)
#define BRIDGE_USES_SDK
#else
// Headers of another version, which happen to be on the compiler's path.
#define BRIDGE_FOUND_OTHER_SDK
constexpr int32_t kOtherSdk[] = {NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH};
#undef NV_TENSORRT_MAJOR
#undef NV_TENSORRT_MINOR
#undef NV_TENSORRT_PATCH
#endif
#endif

#ifdef BRIDGE_USES_SDK
#include <NvInferRuntime.h>
// As `getInferLibVersion` tells it.
constexpr int32_t kSdkVersion = NV_TENSORRT_MAJOR >= 10
    ? NV_TENSORRT_MAJOR * 10000 + NV_TENSORRT_MINOR * 100 + NV_TENSORRT_PATCH
    : NV_TENSORRT_MAJOR * 1000 + NV_TENSORRT_MINOR * 100 + NV_TENSORRT_PATCH;
#else
#include "include/NvInferRuntime.h"
#endif

// Our own declarations for 10 and later cover plugins only.
#if defined(BRIDGE_USES_SDK) || RUNTIME_MAJOR == 8
#define BRIDGE_RUNS_PLANS 1
#else
#define BRIDGE_RUNS_PLANS 0
#endif
