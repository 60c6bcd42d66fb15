//! The parts that a bundle is cut into: how they are written, checked and unpacked.
//!
//! A bundle is a tar archive, compressed with zstd and cut into files `part-000`, `part-001`, … The
//! first one is the program of this package with the beginning of the archive behind it, so that it
//! unpacks itself and the others where nothing is installed:
//!
//! ```text
//! part-000   program, header, archive, index, trailer
//! part-001   header, archive
//! ```
//!
//! - [`PartWriter`] cuts; [`Parts`] finds the parts of one bundle among files and checks each of
//!   them before anything is unpacked.
//! - A header says which bundle the part is of and its number, the [`Index`] how long each part is and
//!   what its content hashes to.
//! - [`unpack()`] does all of it, for the program and for `harness unbundle` alike.

mod c_library;
mod error;
mod header;
mod index;
mod parts;
mod trailer;
mod unpack;
mod writer;

pub use c_library::CLibraryVersion;
pub use error::{Problem, UnpackError, WriteError};
pub use header::{BundleId, part_name};
pub use index::{Index, Part};
pub use parts::{Parts, beside};
pub use unpack::{MANIFEST, Unpacked, unpack};
pub use writer::PartWriter;
