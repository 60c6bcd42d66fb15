//! The shared library of a Python, which some op libraries of PyTorch cannot be loaded without.

use std::fs;
use std::path::{Path, PathBuf};

/// Where distributions put the library beside the interpreter's own prefix.
const FOLDERS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
];

/// The shared library of the Python that `tag` means (`cp311` is Python 3.11), where this machine
/// has it: beside the interpreter on the search path, or where distributions put it.
///
/// An extension module leaves the interpreter's symbols undefined. Most interpreters of
/// distributions are programs without a library; there it is a package of its own.
pub fn python_library(tag: &str) -> Option<PathBuf> {
    let name = python_library_name(tag)?;
    let interpreter = name.strip_prefix("lib")?.split(".so").next()?;
    let beside = [interpreter, "python3"]
        .into_iter()
        .filter_map(|program| which::which(program).ok())
        .filter_map(|program| fs::canonicalize(program).ok())
        .filter_map(|program| Some(program.parent()?.parent()?.join("lib")));
    beside
        .chain(FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(&name))
        .find_map(|path| regular_file(&path))
}

/// `libpython3.11.so.1.0` of `cp311`.
pub fn python_library_name(tag: &str) -> Option<String> {
    let digits = tag.strip_prefix("cp")?;
    let (major, minor) = digits.split_at_checked(1)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(major) && is_number(minor)).then(|| format!("libpython{major}.{minor}.so.1.0"))
}

fn regular_file(path: &Path) -> Option<PathBuf> {
    let path = fs::canonicalize(path).ok()?;
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tag_names_a_library() {
        let name = python_library_name("cp311");
        assert_eq!(name.as_deref(), Some("libpython3.11.so.1.0"));
        assert_eq!(python_library_name("py3"), None);
        assert_eq!(python_library("cp399"), None);
    }

    proptest! {
        #[test]
        fn any_tag_is_read_or_refused(tag in "(cp)?\\PC{0,6}|cp[0-9]{0,4}") {
            let _ = python_library_name(&tag);
        }
    }
}
