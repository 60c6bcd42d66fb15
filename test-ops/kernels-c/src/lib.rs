//! C interface of the package `op-kernels`, for op libraries in C++. `include/op_kernels.h`
//! declares and documents it.
//!
//! One module an operator; each has one function for an element type, made by a macro. Functions
//! check what they are given, and neither a wrong length nor a panic crosses the interface: both
//! are a [`Status`].

mod bias_gelu;
mod modulo;
mod rms_norm;
mod select_above;
mod signature;
mod slice;
mod status;

pub use bias_gelu::*;
pub use modulo::*;
pub use rms_norm::*;
pub use select_above::*;
pub use signature::*;
pub use status::Status;
