//! ONNX Runtime as a worker's backend.
//!
//! [`Runtime`](runtime::Runtime) is the mapped `libonnxruntime`. Op libraries are opened by us, not
//! by ONNX Runtime ([`op_library`]), and get an API table in which the calls that register ops are
//! recorded ([`registration`]); each op is a struct that describes itself ([`custom_op`]). A model is one [`session`] for each instance; its inputs and
//! outputs are read from there ([`signature`]). The hot path is [`instance`]: tensors in shared
//! memory are used in place, or copied to and from a GPU; which of those there are, and what they need,
//! is [`cuda`]'s. When a session cannot be created, [`diagnosis`] reads the model file
//! ([`model_file`]) and finds the ops that nobody registered.

mod backend;
mod cuda;
mod custom_op;
mod diagnosis;
mod element_type;
mod gpu_memory;
mod instance;
mod model_file;
mod op_library;
mod registration;
mod runtime;
mod session;
mod signature;
mod status;
mod string_tensor;
mod threads;

pub use backend::OnnxRuntimeBackend;
