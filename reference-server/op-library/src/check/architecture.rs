//! Is it for this machine?

use std::path::Path;

use crate::elf::Header;
use crate::{Finding, FindingId, Severity};

/// The processor, the word size or the byte order is another one.
pub(crate) fn check(path: &Path, header: &Header) -> Vec<Finding> {
    if header.is_native() {
        return Vec::new();
    }
    let native = Header::native_architecture();
    vec![Finding {
        severity: Severity::Error,
        id: FindingId::OtherArchitecture,
        message: format!(
            "'{}' is built for another architecture: the file is {header}, this machine is {native}",
            path.display()
        ),
        remedy: format!("build it for {native}"),
    }]
}
