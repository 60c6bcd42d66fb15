// TensorRT's interface where no SDK is installed, for the version RUNTIME_MAJOR.RUNTIME_MINOR.
#pragma once

#if !defined(RUNTIME_MAJOR) || !defined(RUNTIME_MINOR)
#error "define RUNTIME_MAJOR and RUNTIME_MINOR as the TensorRT version that is compiled for"
#endif

#if RUNTIME_MAJOR == 8
#include "8/NvInferRuntime.h"
#elif RUNTIME_MAJOR == 10 || RUNTIME_MAJOR == 11
#include "10/NvInferRuntime.h"
#else
#error "for this version of TensorRT, install an SDK and name its headers in TENSORRT_INCLUDE_DIR"
#endif
