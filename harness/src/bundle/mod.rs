//! A run that is prepared on one machine and made on another, which has no Rust, no compiler, no
//! Python and no network.
//!
//! - [`Contents`] is what goes into a bundle; [`pack`] writes it as parts, with the program of
//!   [`unpacker`] at the head of the first.
//! - [`Manifest`] is what a bundle says about itself: which cases it is for, and what it needs of the
//!   machine, which [`host`] compares with what is there.
//! - [`Bundle`] is one that was unpacked, to run from.
//!
//! Unpacked, `harness` and `reference-server` lie beside `cache`, which is laid out as the cache of
//! any machine, with a list of what is ready-made ([`runtimes::Prebuilt`]).

mod contents;
mod error;
mod host;
mod manifest;
mod pack;
mod unpacked;
pub mod unpacker;

pub use contents::Contents;
pub use error::BundleError;
pub use manifest::{Manifest, Needed};
pub use pack::{Packed, pack};
pub use unpacked::Bundle;
