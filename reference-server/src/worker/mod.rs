//! The worker process: one runtime, one set of op libraries, the models that use them.
//!
//! Whatever an op library does wrong happens here, where it can be observed and where it takes
//! nothing else along. The [`recorder`] notes what the worker is about to do in memory that the
//! front can read after the worker's death.

pub mod backend;
mod bus_error;
pub mod client_memory;
mod client_tensor;
pub mod exception_barrier;
pub mod executor;
pub(crate) mod gpu;
mod gpu_region;
pub mod gpus;
pub mod handle_check;
mod host_pages;
mod mapped_region;
pub mod onnxruntime;
pub mod op_library;
pub mod opening;
pub mod outputs;
pub mod own_namespaces;
pub mod parameters;
pub mod patience;
pub mod pinned_memory;
mod primary_context;
pub mod process;
pub mod pytorch;
pub mod recorder;
pub mod tensorflow;
pub mod tensorrt;
