//! Does it register anything?

use std::path::Path;

use crate::framework::{registers, registration};
use crate::loader::Scope;
use crate::symbol_name::demangle;
use crate::{Finding, FindingId, Severity};

/// Functions by which a library opens others: what those register does not show in its symbols.
const OPENS_OTHERS: [&str; 2] = ["dlopen", "dlmopen"];

/// What the files tell about whether a library registers ops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    /// It does; how, as the end of a sentence that names the library.
    Present(String),
    /// It does not.
    Absent {
        /// The sentence.
        finding: Finding,
        /// Whether the library opens no others, which might do so.
        certain: bool,
    },
}

/// Whether the library, or anything that it needs beside the runtime, registers ops.
pub(crate) fn check(path: &Path, scope: &Scope) -> Registration {
    let found = scope.beside_runtime().find_map(|object| {
        let symbol = registers(scope.runtime_name, &object.image)?;
        let who = if object.path == path {
            "it".to_owned()
        } else {
            format!("'{}', which comes with it,", object.path.display())
        };
        let does = if object.image.symbols.exports_function(symbol) {
            "exports"
        } else {
            "calls"
        };
        Some(format!("{who} {does} {}", demangle(symbol)))
    });
    if let Some(how) = found {
        return Registration::Present(how);
    }
    let opens_others = scope.newcomers().any(|object| {
        let mut references = object.image.symbols.references();
        references.any(|reference| OPENS_OTHERS.contains(&reference.name))
    });
    let (lack, remedy) = registration(scope.runtime_name.framework);
    let beyond = if opens_others {
        "; whether it opens another library that does shows only when it runs"
    } else {
        ""
    };
    Registration::Absent {
        finding: Finding {
            severity: Severity::Error,
            id: FindingId::RegistersNothing,
            message: format!("'{}' {lack}{beyond}", path.display()),
            remedy: remedy.to_owned(),
        },
        certain: !opens_others,
    }
}
