//! `reference-server probe`: what really happens when op libraries are opened.
//!
//! The [`command`] finds the runtime, makes one [`experiment`] in one worker process that is thrown
//! away, and prints its record, an [`op_library::Probe`], as JSON. The libraries are opened by the
//! code that serves models, one after the other, and nothing that an inspection knows keeps any of
//! them from it. ONNX Runtime looks at ops only when it creates a session, for which there is a
//! [`session_model`]. Whatever a library has started ends with the experiment
//! ([`descendants`]).

pub mod command;
mod descendants;
pub mod error;
mod experiment;
pub mod options;
mod session_model;
