//! Will it be gone when it is closed?

use std::path::Path;

use object::elf;

use crate::elf::Image;
use crate::symbol_name::demangle;
use crate::{Finding, FindingId, Severity};

/// Something in the library keeps it mapped until the process ends.
pub(crate) fn check(path: &Path, image: &Image) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut unique: Vec<&str> = image.symbols.unique_names().collect();
    unique.sort_unstable();
    if let Some(first) = unique.first() {
        let others = match unique.len() - 1 {
            0 => String::new(),
            1 => " and one other".to_owned(),
            more => format!(" and {more} others"),
        };
        findings.push(Finding {
            severity: Severity::Warning,
            id: FindingId::PinnedByUniqueSymbol,
            message: format!(
                "'{}' stays mapped after it is closed: it defines the STB_GNU_UNIQUE symbol \
                 {}{others}",
                path.display(),
                demangle(first)
            ),
            remedy:
                "build it with -fno-gnu-unique; until then it is gone only when its worker ends"
                    .to_owned(),
        });
    }
    if image.flags_1 & elf::DF_1_NODELETE.0 != 0 {
        findings.push(Finding {
            severity: Severity::Warning,
            id: FindingId::PinnedByFlag,
            message: format!(
                "'{}' stays mapped after it is closed: it is linked with -z nodelete",
                path.display()
            ),
            remedy: "link it without -z nodelete; until then it is gone only when its worker ends"
                .to_owned(),
        });
    }
    findings
}
