//! Code for GPUs in a library, and which GPUs can run it.
//!
//! Only headers are read: they tell the architecture, and nothing has to be decompressed for it.

mod architecture;
mod code;
mod cubin;
mod fat_binary;
mod offload_bundle;

pub use architecture::{Architecture, ComputeCapability, Portability};
pub use code::GpuCode;
pub(crate) use code::Module;
