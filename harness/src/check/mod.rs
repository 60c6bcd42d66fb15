//! Checks what a user brings: op libraries, and models that need them.
//!
//! - A [`subject`] is a library with what its file tells; [`library`] has each opened in a process
//!   that is thrown away, in every runtime that it may be for, and compares.
//! - [`pair`] opens two in one process, and [`meeting`] says beforehand what comes of that.
//! - [`repository`] has a server load the models of a repository one after the other, runs each with
//!   a made-up [`request`], and unloads it.
//!
//! All of it becomes cases ([`case`](mod@case)), which files and reports treat like those of a run.

mod case;
mod library;
mod meeting;
mod model_file;
mod model_folder;
mod pair;
mod repository;
mod request;
mod side_by_side;
mod subject;
mod tried_runtime;

pub use library::{check_libraries, did};
pub use model_folder::require_model;
pub use pair::check_pairs;
pub use repository::{RepositoryOptions, check_repository};
pub use subject::{Subject, given_twice, subjects};
pub use tried_runtime::{TriedRuntime, tried_runtimes};
