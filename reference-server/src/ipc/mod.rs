//! How the front and a worker talk.
//!
//! Control messages (load, unload) are lines of JSON on a socket pair: [`control`]. Executions
//! go through shared memory: a [`region`] that both map, with an [`arena`] for tensors on each
//! side, a [`lane`] of submissions and completions for every model instance, and [`descriptor`]s
//! that say where in the region the tensors of one execution are, or in which [`client_memory`].
//! Waking costs a system call
//! only where the other side sleeps: a futex for an instance thread, an eventfd for the front.
//! Whether a client's memory on a GPU is there is a [`handle_check`]'s to say, in a process of its own.
//!
//! The front trusts nothing that it reads from a region: a worker runs foreign code.
//!
//! Why not an IPC library: `iceoryx2` offers the shared-memory part, but a waiting side that
//! joins tokio's event loop, a region that vanishes with its last process (an anonymous file
//! handed over by descriptor, nothing to clean up after a crash), and reading a dead worker's
//! state are what this server needs of it and what it does not have.

pub mod arena;
pub mod client_memory;
pub mod control;
pub mod descriptor;
pub mod handle_check;
pub mod heap;
pub mod lane;
pub mod pinned;
pub mod region;
