//! gRPC: KServe v2 with Triton's extensions, and the standard health service.

mod answers;
mod arriving;
pub mod calls;
pub mod health;
pub mod infer;
pub mod inference_service;
pub mod model;
pub mod options;
pub mod repository;
mod restricted;
pub mod server;
mod settings;
mod shared_memory;
pub mod status;
pub mod stream;
mod timed_connection;
