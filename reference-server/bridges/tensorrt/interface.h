// TensorRT's interface: an SDK's headers where they are for the runtime's major version, else our
// own declarations. RUNTIME_MAJOR and RUNTIME_MINOR are given by the compiler's command line.
#pragma once

#if __has_include(<NvInferVersion.h>)
#include <NvInferVersion.h>
#if NV_TENSORRT_MAJOR == RUNTIME_MAJOR
#define BRIDGE_USES_SDK
#else
// Headers of another version, which happen to be on the compiler's path.
#undef NV_TENSORRT_MAJOR
#undef NV_TENSORRT_MINOR
#undef NV_TENSORRT_PATCH
#endif
#endif

#ifdef BRIDGE_USES_SDK
#include <NvInferRuntime.h>
#else
#include "include/NvInferRuntime.h"
#endif

// Our own declarations for 10 and later cover plugins only.
#if defined(BRIDGE_USES_SDK) || RUNTIME_MAJOR == 8
#define BRIDGE_RUNS_PLANS 1
#else
#define BRIDGE_RUNS_PLANS 0
#endif
