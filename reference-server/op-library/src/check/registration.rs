//! Does it register anything?

use std::path::Path;

use runtimes::Framework;

use crate::framework::{registers, registration};
use crate::loader::Scope;
use crate::{Finding, FindingId, Severity};

/// Functions by which a library gets hold of others when it runs: what those register, or what it
/// looks up by name, does not show in its symbols.
const OPENS_OTHERS: [&str; 4] = ["dlopen", "dlmopen", "dlsym", "dlvsym"];

/// Opens the parts of its offloading devices, and nothing of others: most libraries with OpenMP need
/// it.
const OPENMP: &str = "libgomp.so.1";

/// Neither the library nor anything that it needs beside the runtime can register an op. It is found
/// only where that is certain.
pub(crate) fn check(path: &Path, framework: Framework, scope: &Scope) -> Option<Finding> {
    let silent = scope.beside_runtime().all(|object| {
        let image = &object.image;
        let opens_others = image.soname.as_deref() != Some(OPENMP)
            && image
                .symbols
                .references()
                .any(|reference| OPENS_OTHERS.contains(&reference.name));
        !opens_others && !registers(framework, image)
    });
    let (lack, remedy) = registration(framework);
    silent.then(|| Finding {
        severity: Severity::Error,
        id: FindingId::RegistersNothing,
        message: format!("'{}' {lack}", path.display()),
        remedy: remedy.to_owned(),
    })
}
