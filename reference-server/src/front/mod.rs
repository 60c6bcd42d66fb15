//! The front process: HTTP and gRPC, scheduling, the model repository, supervision of workers.
//!
//! Nothing of a framework or an op library is mapped here, so nothing in them can take the
//! server down.

pub mod admission;
pub mod backend_setting;
pub mod blocking;
pub mod collision;
pub mod connection;
pub mod death;
mod entries;
pub mod fingerprint;
pub mod given_files;
pub mod given_libraries;
pub mod grpc;
pub mod hosted;
pub mod hosting;
pub mod http;
pub mod inference;
pub mod inspections;
pub mod known_ops;
pub mod labels;
pub mod listener;
pub mod loaded_files;
pub mod loader;
pub mod metrics;
pub mod model_folder;
pub mod model_specification;
pub mod op_set;
pub mod options;
pub mod preload;
pub mod program;
pub mod repository;
pub mod restriction;
pub mod runtime_choice;
pub mod scheduler;
pub mod served_model;
pub mod server;
pub mod service;
pub mod settings;
pub mod shared_memory;
pub mod statistics;
pub mod tls;
pub mod trial;
pub mod worker;
pub mod worker_process;
pub mod workers;
