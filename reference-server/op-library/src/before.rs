//! What is in a worker's process before it opens a library.

use crate::OpLibrary;

/// The op libraries, and libraries of no framework, that a worker has in its process already: what
/// they brought in need not be found again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a> {
    /// Mapped with the worker's executable, in the order of `LD_PRELOAD`. They and what they need
    /// come first in every look-up of a symbol, and a library's name means the one of them that has
    /// it.
    ///
    /// A library that is among them itself (by its path) is mapped with them and before the
    /// runtime; `loaded` says nothing about such a one.
    pub preloaded: &'a [&'a OpLibrary],
    /// Opened one after the other when the runtime was there. They satisfy the names of needed
    /// libraries; their symbols are visible to nobody else.
    pub loaded: &'a [&'a OpLibrary],
}
