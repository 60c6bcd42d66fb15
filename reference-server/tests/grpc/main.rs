//! The server's gRPC interface from outside: a real server process, real ONNX Runtime, the sample op
//! library, and the reference maths as judge.
//!
//! The client is generated from the same declarations as the server. That they are Triton's is what
//! `tritonclient.rs` proves, with the client from PyPI.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/onnx.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod onnx;

#[path = "../support/shared_memory.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod shared_memory;

mod client;
mod connections;
mod data_types;
mod extensions;
mod health;
mod inference;
mod model_files;
mod models;
mod refusals;
mod regions;
mod repositories;
mod request;
mod streaming;
