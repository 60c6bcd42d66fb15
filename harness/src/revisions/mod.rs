//! Two revisions of the project, built alike and measured in turns.
//!
//! A [`Repository`] checks the other revision out in a worktree, [`build`] builds the harness and the server
//! of each, and [`measure_in_turns`] has each measure itself, A B B A A B …, so that what changes slowly on
//! the machine is the same for both. Everything that is made lies in one temporary folder, apart from
//! what cargo keeps between builds.

mod build;
mod child;
mod repository;
mod turns;

pub use build::{Build, build};
pub use repository::Repository;
pub use turns::{Turns, measure_in_turns};
