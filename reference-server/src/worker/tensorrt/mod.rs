//! TensorRT as a worker's backend.
//!
//! [`Runtime`](runtime::Runtime) is the mapped `libnvinfer` with the [`bridge`] that was compiled
//! for it, since TensorRT has a C++ interface only. Plugin libraries register with the one registry
//! of the process ([`op_library`]). A plan is looked at before TensorRT gets it ([`plan`]), becomes
//! an [`engine`], whose inputs and outputs are its [`signature`], and is executed on the [`gpu`] by
//! an [`instance`]. Without a GPU everything up to the engine works: plugin libraries load, register
//! and collide. What TensorRT has to say goes to its [`log`]; [`diagnosis`] makes use of it.

mod backend;
mod bridge;
mod diagnosis;
mod element_type;
mod engine;
mod gpu;
mod instance;
mod log;
mod op_library;
mod plan;
mod plugin_field;
mod runtime;
mod signature;
mod version;

pub use backend::TensorRtBackend;
