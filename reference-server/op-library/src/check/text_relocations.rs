//! Can its code be mapped read-only?

use std::path::Path;

use crate::elf::Image;
use crate::{Finding, FindingId, Severity};

/// The loader has to write into its code to map it.
pub(crate) fn check(path: &Path, image: &Image) -> Vec<Finding> {
    if !image.text_relocations {
        return Vec::new();
    }
    vec![Finding {
        severity: Severity::Warning,
        id: FindingId::TextRelocations,
        message: format!(
            "'{}' has text relocations: its code is made writable to load it, which SELinux and \
             services with MemoryDenyWriteExecute= refuse",
            path.display()
        ),
        remedy: "compile all of its sources, and the static libraries in it, with -fPIC; \
                 -Wl,-z,text names at link time what is not"
            .to_owned(),
    }]
}
