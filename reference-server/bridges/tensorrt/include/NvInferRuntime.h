// TensorRT's interface where no SDK is installed, for the major version RUNTIME_MAJOR.
#pragma once

#ifndef RUNTIME_MAJOR
#error "define RUNTIME_MAJOR as the major version of the TensorRT that is compiled for"
#endif

#if RUNTIME_MAJOR == 8
#include "8/NvInferRuntime.h"
#elif RUNTIME_MAJOR == 10 || RUNTIME_MAJOR == 11
#include "10/NvInferRuntime.h"
#else
#error "for this version of TensorRT, install an SDK and name its headers in TENSORRT_INCLUDE_DIR"
#endif
