//! Does it register anything?

use std::path::Path;

use runtimes::Framework;

use crate::framework::{registers, registration};
use crate::loader::Scope;
use crate::symbol_name::demangle;
use crate::{Finding, FindingId, Severity};

/// Functions by which a library gets hold of others when it runs: what those register, or what it
/// looks up by name, does not show in its symbols.
const OPENS_OTHERS: [&str; 4] = ["dlopen", "dlmopen", "dlsym", "dlvsym"];

/// Opens the parts of its offloading devices, and nothing of others: most libraries with OpenMP need
/// it.
const OPENMP: &str = "libgomp.so.1";

/// What the files tell about whether a library registers ops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    /// It does; how, as the end of a sentence that names the library.
    Certain(String),
    /// It does not.
    Absent(Finding),
    /// It may get hold of something that does; how, as the end of a sentence.
    Open(String),
}

/// Whether the library, or anything that it needs beside the runtime, registers ops.
pub(crate) fn check(path: &Path, framework: Framework, scope: &Scope) -> Registration {
    let found = scope.beside_runtime().find_map(|object| {
        let symbol = registers(framework, &object.image)?;
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
        return Registration::Certain(how);
    }
    let opener = scope.beside_runtime().find_map(|object| {
        if object.image.soname.as_deref() == Some(OPENMP) {
            return None;
        }
        let mut references = object.image.symbols.references();
        let opens = references.find(|reference| OPENS_OTHERS.contains(&reference.name))?;
        Some(format!("'{}' calls {}", object.path.display(), opens.name))
    });
    if let Some(how) = opener {
        return Registration::Open(how);
    }
    let (lack, remedy) = registration(framework);
    Registration::Absent(Finding {
        severity: Severity::Error,
        id: FindingId::RegistersNothing,
        message: format!("'{}' {lack}", path.display()),
        remedy: remedy.to_owned(),
    })
}
