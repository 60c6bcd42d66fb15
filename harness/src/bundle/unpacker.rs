//! The program at the head of a bundle's first part.

use std::path::PathBuf;

use suites::{BinaryError, Order};

/// Linked with everything in it, so that it runs whatever C library there is.
const UNPACKER: Order<'_> = Order {
    package: "unbundler",
    arguments: &[
        "--profile",
        "unpacker",
        "--target",
        "x86_64-unknown-linux-gnu",
    ],
    compiler_flags: Some("-Ctarget-feature=+crt-static"),
};

/// The program, built unless it is there; `progress` gets each line that cargo writes.
///
/// # Errors
/// It cannot be built. What may be missing beside the tools that everything needs is the archive of the
/// C library (Fedora: `dnf install glibc-static`).
pub fn build(progress: impl FnMut(&str)) -> Result<PathBuf, BinaryError> {
    suites::build(&UNPACKER, progress)
}
