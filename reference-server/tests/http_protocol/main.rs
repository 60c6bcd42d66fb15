//! The server's HTTP/REST interface from outside: a real server process, real ONNX Runtime, the
//! sample op library, and the reference maths as judge.

#[path = "../support/mod.rs"]
mod support;

mod batching;
mod compression;
mod control_modes;
mod inference;
mod isolation;
mod metadata;
mod metrics;
mod repositories;
mod shutdown;
mod versions;
