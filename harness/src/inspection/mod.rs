//! What is known about op libraries and the runtimes that they are to work with, put together from
//! the files themselves and, where that is asked for, from a trial in a process that is thrown away.
//!
//! - [`runtimes`] says which runtimes are meant, [`record`] holds what was found about each library,
//!   as JSON shows it, and [`text`] shows it to people.

pub mod record;
pub mod runtimes;
pub mod text;
