//! Reading ELF files the way the dynamic loader sees them: by program headers and the dynamic
//! table, not by sections, which a stripped library need not have.
//!
//! Files are read with positioned reads and never mapped: a mapped file that someone truncates (a
//! linker that rebuilds it) ends the reading process with SIGBUS.

mod bytes;
mod header;
mod image;
mod kind;
mod local_symbols;
mod memory;
mod notes;
mod relocations;
mod sections;
mod symbols;
mod without_code;

pub(crate) use bytes::{Bytes, FileBytes};
pub(crate) use header::{Header, HeaderError, ObjectType};
pub(crate) use image::{Image, ImageError, VersionNeed, half, long, word};
pub(crate) use kind::describe;
pub(crate) use local_symbols::LocalSymbols;
pub(crate) use memory::Memory;
pub(crate) use notes::iterate as notes;
pub(crate) use relocations::iterate as relocations;
pub(crate) use sections::Sections;
pub(crate) use symbols::{Reference, Symbols};
pub use without_code::content_without_code;
