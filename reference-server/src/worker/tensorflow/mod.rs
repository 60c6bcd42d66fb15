//! TensorFlow as a worker's backend, through its C API.
//!
//! [`Runtime`](runtime::Runtime) is the mapped `libtensorflow_cc`; [`interface`] has the functions
//! that are used. Op libraries register for the whole process and stay for its life
//! ([`op_library`]; [`preloaded`] for those that were there before us). A model is read by us first
//! ([`model_file`], [`graph`], [`messages`]): so ops and kernels that nobody registered are found
//! when it is loaded ([`diagnosis`]), where TensorFlow would tell the first of them, or none until
//! the model is executed. Then it becomes one [`session`] for each device that it is on
//! ([`placement`]), which all its instances there share, with a [`signature`]. The hot path is
//! [`instance`]: inputs in shared memory are used in place, unless the model may keep them
//! ([`state`]). Which GPUs there are, and what they need, is [`cuda`]'s.

mod backend;
mod barrier;
mod cuda;
mod description;
mod diagnosis;
mod element_type;
mod graph;
mod instance;
mod interface;
mod messages;
mod model_file;
mod op_library;
mod placement;
mod preloaded;
mod runtime;
mod session;
mod signature;
mod state;
mod status;
mod string_tensor;
mod threads;

pub use backend::TensorFlowBackend;
pub use runtime::log_level;
