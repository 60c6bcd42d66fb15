//! Does it bring the framework along a second time?

use std::fs;
use std::path::Path;

use runtimes::Framework;

use crate::framework::registry;
use crate::loader::{Object, Scope};
use crate::{Finding, FindingId, Severity};

/// The library, or something that it would map, defines the framework's registry itself: what is
/// registered there is not seen by the runtime.
pub(crate) fn check(path: &Path, framework: Framework, scope: &Scope) -> Option<Finding> {
    let registry = registry(framework);
    let own = scope.in_runtime(registry);
    let is_runtime = |object: &Object| own.is_some_and(|own| is_same_file(&own.path, &object.path));
    let copy = scope
        .newcomers()
        .chain(scope.dependencies())
        .find(|object| object.image.symbols.exports(registry) && !is_runtime(object))?;
    let (title, runtime) = (framework.title(), scope.runtime_name);
    let (message, remedy) = if copy.path == path {
        (
            format!(
                "'{}' contains a copy of {title} of its own: what it registers there is not \
                 seen by {runtime}",
                path.display()
            ),
            format!("link it with the shared libraries of {title} instead of the static ones"),
        )
    } else {
        (
            format!(
                "'{}' brings a second copy of {title} along, '{}': what it registers there is \
                 not seen by {runtime}",
                path.display(),
                copy.path.display()
            ),
            format!(
                "remove that copy and link the library with the libraries of {runtime} under \
                 their own names"
            ),
        )
    };
    Some(Finding {
        severity: Severity::Warning,
        id: FindingId::SecondFramework,
        message,
        remedy,
    })
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| fs::canonicalize(path).ok();
    one == other || resolved(one).is_some_and(|one| resolved(other) == Some(one))
}
