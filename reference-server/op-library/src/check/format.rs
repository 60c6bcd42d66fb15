//! Is it an ELF file whose tables can be read?

use std::path::Path;

use crate::elf::{ImageError, describe};
use crate::{Finding, FindingId, Severity};

/// The file does not begin like an ELF file.
pub(crate) fn not_elf(path: &Path, start: &[u8]) -> Finding {
    Finding {
        severity: Severity::Error,
        id: FindingId::NotElf,
        message: format!(
            "'{}' is not an ELF file; it seems to be {}",
            path.display(),
            describe(start)
        ),
        remedy: "give the path of the shared library (.so) that was built for Linux".to_owned(),
    }
}

/// The file begins like an ELF file and cannot be read as one.
pub(crate) fn unreadable(path: &Path, len: u64, error: ImageError) -> Finding {
    match error {
        ImageError::Truncated { part, needs } => Finding {
            severity: Severity::Error,
            id: FindingId::TruncatedElf,
            message: format!(
                "'{}' is a truncated ELF file: its {part} ends at byte {needs}, and the file has \
                 {len} bytes",
                path.display()
            ),
            remedy: "copy or build it again; the last copy was interrupted".to_owned(),
        },
        ImageError::Corrupt { part } => Finding {
            severity: Severity::Error,
            id: FindingId::CorruptElf,
            message: format!(
                "'{}' is a damaged ELF file: its {part} cannot be read",
                path.display()
            ),
            remedy: "copy or build it again".to_owned(),
        },
    }
}
