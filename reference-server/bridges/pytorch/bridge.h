/*
 * The C interface between a worker and one version of PyTorch.
 *
 * No C++ exception leaves a function of this header. A function that can fail returns a failure,
 * which the caller reads and releases; null means success. Handles belong to the caller, who
 * releases each of them once. A module may be used from any thread; an execution is used from one
 * thread at a time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BRIDGE_EXPORT extern "C" __attribute__((visibility("default")))

extern "C" {

/* Why a call failed. */
typedef struct BridgeFailure BridgeFailure;

/* A TorchScript module. */
typedef struct BridgeModule BridgeModule;

/* What one thread needs to execute a module, with the outputs of the last execution. */
typedef struct BridgeExecution BridgeExecution;

/* Text that is not terminated. */
typedef struct BridgeText {
    const char *data;
    size_t length;
} BridgeText;

/* In place of an element type: a list of strings. The other numbers are those of
 * c10::ScalarType. */
enum { BRIDGE_STRINGS = -1 };

/* What an argument of `forward` takes. */
enum {
    BRIDGE_TAKES_TENSOR = 0,
    BRIDGE_TAKES_STRINGS = 1, /* List[str] */
    BRIDGE_TAKES_OTHER = 2,
};

/* An argument of `forward`, without `self`. The texts live as long as the module. */
typedef struct BridgeArgument {
    BridgeText name;
    BridgeText type; /* as TorchScript writes it */
    int32_t takes;
    int32_t has_default;
} BridgeArgument;

/* How a module is executed. */
typedef struct BridgeExecutionOptions {
    int32_t inference_mode;  /* 0: autograd keeps its book-keeping, no gradients are recorded */
    int32_t optimize;        /* 0: the graph is executed as it was written */
    int32_t intra_op_threads; /* 0: as many as PyTorch took when the bridge was opened */
} BridgeExecutionOptions;

/* One input, in memory of the caller: the CPU's, or that of the GPU that the module is on. Strings stand
 * behind their lengths (32 bits, little endian), on the CPU. */
typedef struct BridgeInput {
    size_t argument; /* number of the argument */
    int32_t element_type;
    size_t rank;
    const int64_t *dims;
    const void *data;
    size_t bytes;
    int32_t on_gpu; /* not 0: `data` is an address of the GPU */
} BridgeInput;

/* One output. The dimensions live until the next execution or until the outputs are dropped. */
typedef struct BridgeOutput {
    int32_t element_type;
    size_t rank;
    const int64_t *dims;
    size_t bytes; /* what bridge_execution_write writes */
} BridgeOutput;

/* One overload of an operator, or a custom class, whose name is qualified and which has nothing
 * else. */
typedef struct BridgeOperator {
    BridgeText name;
    BridgeText overload;
    BridgeText place;     /* that declares it, `registered at <file>:<line>`, as far as there is one */
    int32_t has_schema;   /* 0: it has kernels alone */
    const uint16_t *keys; /* the dispatch keys that have kernels, ascending */
    size_t key_count;
} BridgeOperator;

/* Is called for each operator of the dispatcher and for each custom class. */
typedef void (*BridgeVisitOperator)(void *context, const BridgeOperator *op);

/* Is called for the schema of each operator, overloads apart, and of each method of each custom
 * class, with the name of the operator or of the class. */
typedef void (*BridgeVisitSchema)(void *context, BridgeText name, BridgeText schema);

/* Is called for each operator that a model calls outside of PyTorch's own namespaces: its name such
 * as `custom_ops::bias_gelu`, and whether the dispatcher knows it. */
typedef void (*BridgeVisitNeeded)(void *context, BridgeText name, int32_t is_known);

/* Is called for each warning of PyTorch. */
typedef void (*BridgeVisitWarning)(void *context, BridgeText text);

BRIDGE_EXPORT BridgeText bridge_failure_message(const BridgeFailure *failure);
BRIDGE_EXPORT void bridge_failure_release(BridgeFailure *failure);

/* The version that the bridge was compiled for, such as `2.11.0`. */
BRIDGE_EXPORT BridgeText bridge_version(void);

/* An exception that nobody catches is written to standard error as one line, without a stack of
 * C++ frames, before the process aborts. */
BRIDGE_EXPORT void bridge_report_uncaught_exceptions(void);

/* Sets the threads that run independent parts of a graph. Once a process. */
BRIDGE_EXPORT BridgeFailure *bridge_set_inter_op_threads(int32_t count);

/* Begins to hand PyTorch's warnings on this thread to `visit`, repeated ones included, until the
 * matching end. Calls do not nest. */
BRIDGE_EXPORT BridgeFailure *bridge_begin_warnings(BridgeVisitWarning visit, void *context);
BRIDGE_EXPORT void bridge_end_warnings(void);

BRIDGE_EXPORT BridgeFailure *bridge_operators(BridgeVisitOperator visit, void *context);

BRIDGE_EXPORT BridgeFailure *bridge_schemas(BridgeVisitSchema visit, void *context);

/* What PyTorch calls a dispatch key, such as `CPU`. */
BRIDGE_EXPORT BridgeText bridge_dispatch_key_name(uint16_t key);

BRIDGE_EXPORT BridgeFailure *bridge_needed_operators(BridgeText model, BridgeVisitNeeded visit,
                                                     void *context);

/* Reads a TorchScript file, puts it on a device and prepares it for inference. `device` is the number
 * of a GPU, or one of the numbers below. */
enum {
    BRIDGE_ON_CPU = -1,
    BRIDGE_AS_SAVED = -2, /* where the file has its parameters */
};
BRIDGE_EXPORT BridgeFailure *bridge_module_load(BridgeText path, int32_t device,
                                                BridgeModule **module);
BRIDGE_EXPORT void bridge_module_release(BridgeModule *module);
BRIDGE_EXPORT size_t bridge_module_argument_count(const BridgeModule *module);
BRIDGE_EXPORT BridgeArgument bridge_module_argument(const BridgeModule *module, size_t number);

/* The execution keeps what it needs of the module, which may be released before it. */
BRIDGE_EXPORT BridgeFailure *bridge_execution_create(const BridgeModule *module,
                                                     BridgeExecutionOptions options,
                                                     BridgeExecution **execution);
BRIDGE_EXPORT void bridge_execution_release(BridgeExecution *execution);

/* Executes `forward` once; arguments without an input get their defaults. The inputs' memory is
 * only read, as far as operators tell the truth about what they write to, and has to last until
 * bridge_execution_clear, which follows every execution, failed ones included. */
BRIDGE_EXPORT BridgeFailure *bridge_execution_run(BridgeExecution *execution,
                                                  const BridgeInput *inputs, size_t count,
                                                  size_t *outputs);
BRIDGE_EXPORT BridgeFailure *bridge_execution_output(BridgeExecution *execution, size_t number,
                                                     BridgeOutput *output);
/* Writes an output, row-major on the CPU, to `bytes` bytes at `destination`. */
BRIDGE_EXPORT BridgeFailure *bridge_execution_write(BridgeExecution *execution, size_t number,
                                                    void *destination, size_t bytes);
/* The same for a tensor, to an address of the GPU that the module is on. */
BRIDGE_EXPORT BridgeFailure *bridge_execution_write_on_gpu(BridgeExecution *execution, size_t number,
                                                           void *destination, size_t bytes);
/* Drops the outputs of the last execution. What the model kept of the inputs moves to memory of its
 * own; without memory for that the process ends. */
BRIDGE_EXPORT void bridge_execution_clear(BridgeExecution *execution);
}
