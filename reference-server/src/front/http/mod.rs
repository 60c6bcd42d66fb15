//! HTTP/REST: KServe v2 with Triton's extensions.

pub mod answer;
pub mod body;
pub mod infer;
pub mod model;
pub mod reader;
pub mod repository;
pub mod route;
pub mod server;
mod settings;
mod shared_memory;
