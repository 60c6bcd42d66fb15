//! Sample op library for ONNX Runtime, written against its C interface.
//!
//! `RegisterCustomOps` adds one operator domain with BiasGelu, RmsNorm, Modulo and SelectAbove,
//! each of them once for every element type that it has a kernel for: ONNX Runtime merges
//! operators of one name into one schema and picks the kernel by the types of a node's inputs.
//!
//! What differs between builds of this library stands in a configuration block ([`layout`]) that
//! can be rewritten in the finished file.
//!
//! - [`registration`]: the entry point and the operator structs.
//! - [`interface`]: statuses, attributes and tensors of the C interface as Rust has them.
//! - one module an operator.
//! - [`device`]: kernels for GPUs, where they are linked in.
//! - [`fault`]: what goes wrong on request.

mod bias_gelu;
mod configuration;
mod device;
mod fault;
mod interface;
mod kernel;
#[allow(dead_code, reason = "the library reads what the builder writes")]
mod layout;
mod modulo;
mod registration;
mod rms_norm;
mod select_above;
