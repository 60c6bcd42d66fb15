//! Will it be gone when it is closed?

use std::path::Path;

use object::elf;
use runtimes::Framework;

use crate::elf::Image;
use crate::symbol_name::demangle;
use crate::{Finding, FindingId, Severity};

/// Something in the library keeps it mapped until the process ends.
///
/// PyTorch and TensorFlow never close a library, so that nothing comes of it in theirs.
pub(crate) fn check(path: &Path, image: &Image, frameworks: &[Framework]) -> Vec<Finding> {
    let is_kept = |framework| matches!(framework, &Framework::PyTorch | &Framework::TensorFlow);
    if !frameworks.is_empty() && frameworks.iter().all(is_kept) {
        return Vec::new();
    }
    let consequence = "; until then it is gone only when its worker ends";
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
            remedy: format!("build it with -fno-gnu-unique{consequence}"),
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
            remedy: format!("link it without -z nodelete{consequence}"),
        });
    }
    findings
}
