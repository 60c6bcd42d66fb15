/* A backend for Triton that runs the kernel of the sample op Modulo, without a framework around it.
 *
 * What a request costs beyond the kernel is then what Triton itself costs, and so the least that any op
 * library in its process can cost there. benches/load.sh builds it, and holds this project's server,
 * whose model runs the same kernel by ONNX Runtime and in another process, against it in one run.
 *
 * The declarations are the part of Triton's C API for backends (version 1) that is used here; the server
 * exports the functions.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "op_kernels.h"

typedef struct Error Error;
typedef struct Input Input;
typedef struct Instance Instance;
typedef struct Output Output;
typedef struct Request Request;
typedef struct Response Response;

enum { CPU = 0, RELEASE_ALL = 1, COMPLETE_FINAL = 1, INTERNAL = 1 };

Error *TRITONBACKEND_InputBuffer(Input *input, uint32_t index, const void **buffer, uint64_t *bytes,
                                 int *memory, int64_t *memory_id);
Error *TRITONBACKEND_InputProperties(Input *input, const char **name, int *data_type, const int64_t **shape,
                                     uint32_t *rank, uint64_t *bytes, uint32_t *buffers);
Error *TRITONBACKEND_ModelInstanceReportStatistics(Instance *instance, Request *request, bool success,
                                                   uint64_t start, uint64_t compute_start,
                                                   uint64_t compute_end, uint64_t end);
Error *TRITONBACKEND_OutputBuffer(Output *output, void **buffer, uint64_t bytes, int *memory, int64_t *memory_id);
Error *TRITONBACKEND_RequestInputByIndex(Request *request, uint32_t index, Input **input);
Error *TRITONBACKEND_RequestRelease(Request *request, uint32_t flags);
Error *TRITONBACKEND_ResponseNew(Response **response, Request *request);
Error *TRITONBACKEND_ResponseOutput(Response *response, Output **output, const char *name, int data_type,
                                    const int64_t *shape, uint32_t rank);
Error *TRITONBACKEND_ResponseSend(Response *response, uint32_t flags, Error *error);

Error *TRITONSERVER_ErrorNew(int code, const char *message);

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The bytes of the input in one piece: where they lie, or gathered in memory that lives until the next
 * request of this thread; an instance has one thread. */
static Error *whole(Input *input, uint32_t buffers, uint64_t bytes, const void **data) {
  static _Thread_local char *gathered;
  static _Thread_local uint64_t capacity;
  int memory = CPU;
  int64_t memory_id = 0;
  uint64_t size, done = 0;
  if (buffers == 1) return TRITONBACKEND_InputBuffer(input, 0, data, &size, &memory, &memory_id);
  if (capacity < bytes) {
    free(gathered);
    gathered = malloc(bytes);
    capacity = gathered ? bytes : 0;
  }
  if (!gathered) return TRITONSERVER_ErrorNew(INTERNAL, "no memory to gather the input");
  for (uint32_t index = 0; index < buffers; ++index) {
    const void *from;
    Error *error = TRITONBACKEND_InputBuffer(input, index, &from, &size, &memory, &memory_id);
    if (error) return error;
    memcpy(gathered + done, from, size);
    done += size;
  }
  *data = gathered;
  return NULL;
}

static Error *answer(Request *request, Response *response) {
  static const float divisor = 3.0f;
  Input *input;
  Output *output;
  const char *name;
  const int64_t *shape;
  int data_type, memory = CPU;
  uint32_t rank, buffers;
  uint64_t bytes;
  int64_t memory_id = 0;
  const void *from;
  void *to;
  Error *error = TRITONBACKEND_RequestInputByIndex(request, 0, &input);
  if (!error) error = TRITONBACKEND_InputProperties(input, &name, &data_type, &shape, &rank, &bytes, &buffers);
  if (!error) error = TRITONBACKEND_ResponseOutput(response, &output, "y", data_type, shape, rank);
  if (!error) error = TRITONBACKEND_OutputBuffer(output, &to, bytes, &memory, &memory_id);
  if (!error) error = whole(input, buffers, bytes, &from);
  if (!error && op_kernels_modulo_f32(from, bytes / sizeof(float), &divisor, 1, to) != OP_KERNELS_OK)
    error = TRITONSERVER_ErrorNew(INTERNAL, "the kernel refused its operands");
  return error;
}

Error *TRITONBACKEND_ModelInstanceExecute(Instance *instance, Request **requests, uint32_t count) {
  for (uint32_t index = 0; index < count; ++index) {
    Response *response;
    uint64_t start = now();
    Error *error = TRITONBACKEND_ResponseNew(&response, requests[index]);
    if (error) return error;
    error = answer(requests[index], response);
    uint64_t end = now();
    TRITONBACKEND_ResponseSend(response, COMPLETE_FINAL, error);
    TRITONBACKEND_ModelInstanceReportStatistics(instance, requests[index], !error, start, start, end, end);
    TRITONBACKEND_RequestRelease(requests[index], RELEASE_ALL);
  }
  return NULL;
}
