//! Two revisions of the project, built alike and measured in turns.
//!
//! [`Sources`] is a folder in which each revision of the [`Repository`] is checked out at the same path,
//! [`build`] builds its harness and its server there, and [`Turns`] has each measure itself, A B B A A B …,
//! so that what changes slowly on the machine is the same for both.

mod build;
mod child;
mod git;
mod repository;
mod sources;
mod turns;

pub use build::{Build, build};
pub use repository::Repository;
pub use sources::Sources;
pub use turns::Turns;
