//! Do the libraries that it needs have the versions that it asks for?

use std::path::Path;

use crate::loader::{Object, Scope};
use crate::{Finding, FindingId, Severity};

/// A needed library lacks a version, such as `GLIBC_2.38`: the library was built on a newer system.
pub(crate) fn check(path: &Path, scope: &Scope) -> Vec<Finding> {
    scope
        .newcomers()
        .filter_map(|object| check_object(path, object, scope))
        .collect()
}

/// One finding for an object and the first file that lacks versions; it names the highest.
fn check_object(path: &Path, object: &Object, scope: &Scope) -> Option<Finding> {
    let missing = |need: &&crate::elf::VersionNeed| {
        !need.weak
            && scope.by_name(&need.file).is_some_and(|provider| {
                let defined = &provider.image.version_definitions;
                // A library without any versions is accepted by the loader.
                !defined.is_empty() && !defined.contains(&need.version)
            })
    };
    let needs = &object.image.version_needs;
    let file = &needs.iter().find(missing)?.file;
    let need = needs
        .iter()
        .filter(|need| need.file == *file)
        .filter(missing)
        .max_by_key(|need| version_key(&need.version))?;
    let provider = scope.by_name(file)?;
    let family = family(&need.version);
    let newest = provider
        .image
        .version_definitions
        .iter()
        .filter(|version| self::family(version) == family)
        .max_by_key(|version| version_key(version));
    let has = newest.map_or_else(
        || format!("has no version of {family}"),
        |newest| format!("has versions up to {newest}"),
    );
    let who = object.named_beside(path);
    let source = match family {
        "GLIBC" => {
            "a system whose C library is not newer than this machine's (an older base image)"
        }
        "GLIBCXX" | "CXXABI" | "GCC" => {
            "a system whose C++ runtime is not newer than this machine's, or install the newer \
             libstdc++ here"
        }
        _ => "the version of that library that is installed here",
    };
    Some(Finding {
        severity: Severity::Error,
        id: FindingId::SymbolVersionMissing,
        message: format!(
            "{who} needs {} of {file}, and '{}' {has}",
            need.version,
            provider.path.display()
        ),
        remedy: format!("build it on {source}"),
    })
}

/// `GLIBC` of `GLIBC_2.38`.
fn family(version: &str) -> &str {
    version
        .rsplit_once('_')
        .map_or(version, |(family, _)| family)
}

/// The numbers of a version, to be compared in order.
fn version_key(version: &str) -> Vec<u64> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(version_key("GLIBC_2.4") < version_key("GLIBC_2.38"));
        assert!(version_key("GLIBC_2.2.5") < version_key("GLIBC_2.17"));
        assert_eq!(family("CXXABI_1.3.13"), "CXXABI");
        assert_eq!(family("odd"), "odd");
    }
}
