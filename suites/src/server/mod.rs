//! One server process, from outside: launch, readiness, signals, and what `/proc` tells of it.
//!
//! Nothing here knows which server it is; flags are the caller's. A server never outlives its
//! [`ServerProcess`]: dropping it kills the whole process family, and the kernel does the same
//! when the thread that launched it dies.

mod family;
mod port;
mod process;

pub use family::{Member, MemoryUse};
pub use port::free_port;
pub use process::{Killer, ServerCommand, ServerError, ServerProcess, Termination, WaitError};
