//! The front process: HTTP, scheduling, the model repository, supervision of workers.
//!
//! Nothing of a framework or an op library is mapped here, so nothing in them can take the
//! server down.

pub mod fingerprint;
pub mod http;
pub mod known_ops;
pub mod loader;
pub mod metrics;
pub mod options;
pub mod repository;
pub mod scheduler;
pub mod served_model;
pub mod server;
pub mod statistics;
pub mod worker;
pub mod worker_process;
pub mod workers;
