//! Does the library have the same idea of the framework's types as the runtime?
//!
//! A class that gets a further member, or an enumeration that gets a further value, changes how
//! compiled code uses it, and no symbol shows it: everything resolves, and the process dies when the
//! library registers. What changed when is known for some types.

use std::path::Path;

use runtimes::{Framework, RuntimeName};

use crate::built_for::PyTorchRelease;
use crate::elf::Image;
use crate::{Finding, FindingId, Severity};

/// A change of types by which libraries hand their ops over.
struct LayoutChange {
    /// The first release with it.
    since: PyTorchRelease,
    /// What changed.
    what: &'static str,
    /// Parts of the names of functions that are called with such a type.
    users: &'static [&'static str],
}

/// What is known, measured with published libraries and the headers of both sides.
const CHANGES: [LayoutChange; 1] = [LayoutChange {
    since: PyTorchRelease::new(2, 9),
    what: "c10::KernelFunction has got a further member and c10::IValue a further tag",
    users: &["11CppFunction", "17RegisterOperators", "10class_base"],
}];

/// The member that [`CHANGES`] is about is destroyed by inline code, which compilers leave in a
/// library as a function of its own.
const DESTRUCTOR: &str = "_ZN3c1014KernelFunctionD1Ev";
/// Functions that take a kernel.
const TAKE_KERNELS: [&str; 2] = ["11CppFunction", "17RegisterOperators"];

/// A library that was built before a change of what it hands over to `runtime`.
pub(crate) fn check(
    path: &Path,
    runtime: RuntimeName,
    image: &Image,
    built_for: &[PyTorchRelease],
) -> Option<Finding> {
    if runtime.framework != Framework::PyTorch {
        return None;
    }
    let version = runtime.version;
    let runtime = PyTorchRelease::new(version.major(), version.minor());
    let change = CHANGES.iter().find(|change| {
        change.since <= runtime
            && is_older(change, image, built_for)
            && image.symbols.references().any(|reference| {
                let mut users = change.users.iter();
                users.any(|user| reference.name.contains(user))
            })
    })?;
    let release = built_for.last().map_or_else(
        || format!("a release before {}", change.since),
        ToString::to_string,
    );
    Some(Finding {
        severity: Severity::Error,
        id: FindingId::OtherTypeLayout,
        message: format!(
            "'{}' was built for PyTorch {release}, and since {} {}: the library resolves and ends \
             the process, or mixes up values, when it registers its ops",
            path.display(),
            change.since,
            change.what
        ),
        remedy: format!("build it against the headers of PyTorch {runtime}"),
    })
}

/// A library that was built for another release than `runtime`, where nothing speaks against it.
pub(crate) fn other_release(
    path: &Path,
    runtime: RuntimeName,
    built_for: &[PyTorchRelease],
) -> Option<Finding> {
    let release = PyTorchRelease::new(runtime.version.major(), runtime.version.minor());
    let newest = built_for.last()?;
    if runtime.framework != Framework::PyTorch || built_for.contains(&release) {
        return None;
    }
    Some(Finding {
        severity: Severity::Warning,
        id: FindingId::BuiltForOtherRelease,
        message: format!(
            "'{}' was built for PyTorch {newest}, and {runtime} promises nothing to libraries of \
             other releases: whether its kernels compute rightly shows only when they run",
            path.display()
        ),
        remedy: format!("build it against the headers of PyTorch {release}"),
    })
}

/// Whether the library was built for a release before the change.
fn is_older(change: &LayoutChange, image: &Image, built_for: &[PyTorchRelease]) -> bool {
    let older = built_for
        .iter()
        .filter(|release| **release < change.since)
        .count();
    if older > 0 && older == built_for.len() {
        return true;
    }
    if older == 0 && !built_for.is_empty() {
        return false;
    }
    // Nothing tells, or it may be either.
    let mut references = image.symbols.references();
    let takes_kernels = references.any(|reference| {
        TAKE_KERNELS
            .iter()
            .any(|part| reference.name.contains(part))
    });
    takes_kernels && !image.symbols.exports(DESTRUCTOR)
}
