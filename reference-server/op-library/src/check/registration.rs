//! Does it register anything?

use std::path::Path;

use runtimes::Framework;

use crate::framework::{registers, registration};
use crate::loader::Scope;
use crate::{Finding, FindingId, Severity};

/// Functions by which a library gets hold of others when it runs: what those register, or what it
/// looks up by name, does not show in its symbols.
const OPENS_OTHERS: [&str; 4] = ["dlopen", "dlmopen", "dlsym", "dlvsym"];

/// Neither the library nor anything that comes with it can register an op. It is found only where
/// that is certain.
pub(crate) fn check(path: &Path, framework: Framework, scope: &Scope) -> Option<Finding> {
    let silent = scope.newcomers().all(|object| {
        let opens_others = object
            .image
            .symbols
            .references()
            .any(|reference| OPENS_OTHERS.contains(&reference.name));
        !opens_others && !registers(framework, &object.image)
    });
    let (lack, remedy) = registration(framework);
    silent.then(|| Finding {
        severity: Severity::Error,
        id: FindingId::RegistersNothing,
        message: format!("'{}' {lack}", path.display()),
        remedy: remedy.to_owned(),
    })
}
