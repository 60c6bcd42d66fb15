//! What this machine has that decides whether a file can be mapped or its code can run.

mod c_library;
mod gpus;
mod processor;

pub(crate) use c_library::{CLibraryVersion, tunable};
pub(crate) use gpus::Gpu;
pub use gpus::gpu_count;
pub(crate) use processor::Level;
