//! Does the file hold everything that its header announces?

use std::path::Path;

use crate::elf::Header;
use crate::{Finding, FindingId, Severity};

/// The section table, which the loader does not read, lies behind the file's end. What the loader
/// does read is checked when the file's tables are read.
pub(crate) fn check(path: &Path, header: &Header, len: u64) -> Vec<Finding> {
    let end = header.section_headers.end();
    if end <= len {
        return Vec::new();
    }
    vec![Finding {
        severity: Severity::Warning,
        id: FindingId::TruncatedElf,
        message: format!(
            "'{}' seems to be an incomplete copy: its section table ends at byte {end}, and the \
             file has {len} bytes",
            path.display()
        ),
        remedy: "copy it again".to_owned(),
    }]
}
