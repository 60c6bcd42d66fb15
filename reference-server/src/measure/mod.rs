//! `reference-server measure`: models executed in this process, without a front or HTTP, so that the
//! time of their kernels can be measured in all frameworks alike.
//!
//! The [`command`] maps one runtime as a worker does and then answers requests, one JSON object a line
//! ([`measure_protocol`]). A [`session`] holds the models, which are loaded by the backends that serve
//! them, and inputs in memory as an [`arena`](crate::ipc::arena) has it. On a GPU, the time of kernels
//! comes from the GPU's own activity records ([`cupti`]), which the driver writes whoever launches a
//! kernel; [`gpu`] overwrites the caches between executions and copies memory, [`clocks`] tells whether
//! the GPU was slowed down.

mod clocks;
pub mod command;
mod cupti;
mod error;
mod gpu;
mod inputs;
pub mod options;
mod outputs;
mod session;
mod timeline;
