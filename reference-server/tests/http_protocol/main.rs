//! The server's HTTP/REST interface from outside: a real server process, real ONNX Runtime, the
//! sample op library, and the reference maths as judge.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/onnx.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod onnx;

#[path = "../support/shared_memory.rs"]
mod shared_memory;

mod batching;
mod compression;
mod control_modes;
mod data_types;
mod extensions;
mod inference;
mod instance_groups;
mod isolation;
mod metadata;
mod metrics;
mod model_files;
mod regions;
mod regions_in_frameworks;
mod repositories;
mod shutdown;
mod versions;
