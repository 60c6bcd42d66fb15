//! What the tests from outside share: a repository of sample models, the real server as a child
//! process, an HTTP client, and inference requests with their tensors.
//!
//! Nothing here uses the server's own code, so that a fault cannot cancel itself out.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod client;
pub mod deadline;
pub mod inference;
pub mod model_files;
pub mod samples;
pub mod server;
