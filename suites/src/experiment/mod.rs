//! How one case is carried out: files, server, steps, observation.
//!
//! The [`supply`] builds op libraries, the [`folder`] turns an arrangement into files, [`steps`]
//! turn it into requests, [`finding`] turns what a client gets back into an outcome and a phase,
//! [`answers`] tell which op library answered, [`gpu_memory`] what is in use on the GPUs. [`conduct()`] does all of it for one case and
//! compares what was found with what is expected.

mod answers;
mod conduct;
mod finding;
mod folder;
mod gpu_memory;
mod launch;
mod plan;
mod question;
mod ready;
mod reproduction;
mod steps;
mod supply;
mod traffic;
mod trial;
mod watchdog;

pub use finding::Finding;

pub(crate) use conduct::{Setting, conduct, unrun};
pub(crate) use supply::{Supply, Variant};
