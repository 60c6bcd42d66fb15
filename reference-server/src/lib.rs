//! Reference inference server for custom operators: KServe v2 over isolated worker processes.
//!
//! The *front* process speaks HTTP, schedules and supervises; it never maps framework or
//! op-library code. *Workers* are the same executable started with a hidden sub-command: each
//! hosts one runtime and one set of op libraries. The two meet in [`ipc`]. A [`probe`] is a front
//! without a server: one worker, in which op libraries are tried. [`measure`] is a worker without a
//! front, in which models are timed.

pub mod command_line;
pub mod configuration;
pub mod front;
pub mod ipc;
pub mod measure;
pub mod probe;
pub mod protocol;
pub mod worker;
