//! Does it register anything?

use std::path::Path;

use runtimes::Framework;

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
        /// Whether the library opens no others, which might do so, and calls nothing that registers,
        /// which the reading of its code might have missed the way to.
        certain: bool,
    },
}

/// Whether the library, or anything that it needs beside the runtime, registers ops. `when_opened`:
/// whether the library's own code does so when it is opened, as far as the code tells; it counts for
/// PyTorch.
pub(crate) fn check(path: &Path, scope: &Scope, when_opened: Option<bool>) -> Registration {
    let only_later =
        scope.runtime_name.framework == Framework::PyTorch && when_opened == Some(false);
    let found = scope.beside_runtime().find_map(|object| {
        if only_later && object.path == path {
            return None;
        }
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
    let (lack, remedy) = if only_later {
        (
            "registers nothing when it is opened: its code that does runs later, such as when Python \
             imports it as a module",
            "register its ops in static initializers (TORCH_LIBRARY at the top level of a file)",
        )
    } else {
        registration(scope.runtime_name.framework)
    };
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
        certain: !opens_others && !only_later,
    }
}
