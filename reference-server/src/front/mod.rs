//! The front process: HTTP, scheduling, the model repository, supervision of workers.
//!
//! Nothing of a framework or an op library is mapped here, so nothing in them can take the
//! server down.

pub mod options;
pub mod scheduler;
pub mod statistics;
pub mod worker;
pub mod worker_process;
