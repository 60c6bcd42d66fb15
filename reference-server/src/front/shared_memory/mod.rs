//! Shared-memory regions that clients register, and how workers come by them.
//!
//! The front knows the bounds of a [`registration`] and holds its file; it maps nothing of it. What
//! a region is stands in [`RegisteredMemory`](registration::RegisteredMemory), which has a variant for
//! each kind of memory. Workers get what they need through [`grants`]. CUDA memory is opened by the
//! process of [`handle_check`] before it is registered, so that a client hears at once of a wrong handle.

pub mod grants;
pub mod handle_check;
pub mod key;
pub mod registration;
pub mod registry;
