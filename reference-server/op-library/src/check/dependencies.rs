//! Is every library found that it needs?

use std::path::Path;

use crate::loader::MissingLink;
use crate::{Finding, FindingId, Severity};

/// A needed library is not where the dynamic loader looks.
pub(crate) fn missing(path: &Path, link: &MissingLink) -> Finding {
    let name = &link.name;
    let through = if link.needed_by == path {
        String::new()
    } else {
        format!(" through '{}'", link.needed_by.display())
    };
    let passed_over: String = link
        .passed_over
        .iter()
        .map(|(file, architecture)| match architecture {
            Some(architecture) => format!(
                "; '{}' is built for another architecture ({architecture})",
                file.display()
            ),
            None => format!("; '{}' is not a usable shared library", file.display()),
        })
        .collect();
    Finding {
        severity: Severity::Error,
        id: FindingId::MissingDependency,
        message: format!(
            "'{}' needs the library {name}{through}, which is not found{passed_over}",
            path.display()
        ),
        remedy: format!(
            "install the package that holds {name}, or put it beside the library that needs it \
             and link that one with -Wl,-rpath,'$ORIGIN'"
        ),
    }
}
