//! Which release of its framework a library was built for, as far as the file tells.

mod pytorch;

pub use pytorch::PyTorchRelease;
pub(crate) use pytorch::{header_lines, releases_of};
