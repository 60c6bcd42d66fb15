// The CUDA types that TensorRT's headers name, where no CUDA headers are installed: they are
// searched before this folder.
#pragma once

typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;
