//! The harness: runs the suites, measures, and writes what came of it where people and CI read it.
//!
//! - [`measurement`] takes samples and says how far they can be trusted, on top of [`statistics`].
//! - [`experiments`] arranges servers and gives them to the measuring engine.
//! - [`load`] puts a server under load that speaks the protocol, whoever made it.
//! - [`inspection`] says what op libraries are, and what becomes of them in a runtime.
//! - [`command_line`] says what can be typed, [`commands`] does it, [`exit_code`] is how it ends.
//! - [`engine_plans`] are the TensorRT plans that cases and measurements run.
//! - [`bundle`] takes a run to a machine on which nothing can be built.
//! - [`gate`] says whether a build has become slower than another one.
//! - [`results`] is the record of a run and the folder it is kept in; [`report`] renders it.

pub mod bundle;
pub mod command_line;
pub mod commands;
pub mod engine_plans;
pub mod exit_code;
pub mod experiments;
pub mod gate;
pub mod inspection;
pub mod load;
pub mod measurement;
pub mod report;
pub mod results;
pub mod statistics;

mod check;
mod command_text;
mod commit;
mod interrupt;
mod preflight;
mod quantity;
mod revisions;
mod terminal;
mod versioned_json;

// The made-up run is shared with the tests under `tests/`, which see this package from outside.
#[cfg(test)]
extern crate self as harness;
#[cfg(test)]
#[path = "../tests/sample/mod.rs"]
mod sample;
