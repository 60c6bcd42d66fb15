//! The shared libraries of Python, which op libraries that are extension modules cannot be loaded without.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Minor versions of Python 3 that packages are built for.
const MINOR_VERSIONS: std::ops::RangeInclusive<u32> = 9..=16;

/// Where distributions put the library.
const FOLDERS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
];

/// The shared libraries of Python on this machine, the one that the op library at `library` needs
/// first: its file name tells where it is that of an extension module, and else `runtime`, the tag
/// of the Python that the runtime's own extension modules are built for.
pub fn python_libraries_for(library: &Path, runtime: Option<&str>) -> Vec<PathBuf> {
    python_libraries(module_tag(library).as_deref().or(runtime))
}

/// The tag in the file name of an extension module: `cp311` of `ops.cpython-311-x86_64-linux-gnu.so`.
fn module_tag(library: &Path) -> Option<String> {
    let name = library.file_name()?.to_str()?;
    let (_, rest) = name.rsplit_once(".cpython-")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    Some(format!("cp{}", &rest[..digits]))
}

/// The shared libraries of Python on this machine: where distributions put them, beside each
/// interpreter on the search path, and where pyenv and conda put them. The one that `tag` means
/// (`cp311` is Python 3.11) comes first.
///
/// An extension module leaves the interpreter's symbols undefined. Most interpreters of
/// distributions are programs without a library; there it is a package of its own.
fn python_libraries(tag: Option<&str>) -> Vec<PathBuf> {
    let wanted = tag.and_then(python_library_name);
    let mut libraries: Vec<PathBuf> = folders()
        .iter()
        .flat_map(|folder| MINOR_VERSIONS.map(|minor| folder.join(file_name(3, minor))))
        .filter_map(|path| fs::canonicalize(path).ok())
        .filter(|path| path.is_file())
        .collect();
    libraries.sort();
    libraries.dedup();
    let is_other = |path: &PathBuf| wanted.as_deref().is_none_or(|name| !path.ends_with(name));
    libraries.sort_by_key(is_other);
    libraries
}

/// The file name of the library that `tag` means: `libpython3.11.so.1.0` of `cp311`.
pub fn python_library_name(tag: &str) -> Option<String> {
    let (major, minor) = tag.strip_prefix("cp")?.split_at_checked(1)?;
    Some(file_name(major.parse().ok()?, minor.parse().ok()?))
}

fn file_name(major: u32, minor: u32) -> String {
    format!("libpython{major}.{minor}.so.1.0")
}

fn folders() -> BTreeSet<PathBuf> {
    let mut folders: BTreeSet<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
    let names = MINOR_VERSIONS.map(|minor| format!("python3.{minor}"));
    for name in names.chain(["python3".to_owned()]) {
        // A virtual environment has a link to the interpreter that it was made from.
        let interpreters = which::which_all(name).into_iter().flatten();
        folders.extend(
            interpreters
                .filter_map(|path| fs::canonicalize(path).ok())
                .filter_map(|path| Some(path.ancestors().nth(2)?.join("lib"))),
        );
    }
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let pyenv = variable("PYENV_ROOT").or_else(|| Some(variable("HOME")?.join(".pyenv")));
    if let Some(pyenv) = pyenv {
        folders.extend(libraries_of_versions(&pyenv.join("versions")));
    }
    folders.extend(variable("CONDA_PREFIX").map(|root| root.join("lib")));
    folders
}

fn libraries_of_versions(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let versions = fs::read_dir(folder).into_iter().flatten().flatten();
    versions.map(|version| version.path().join("lib"))
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
    }

    #[test]
    fn the_name_of_an_extension_module_has_a_tag() {
        for (name, tag) in [
            ("/a/ops.cpython-311-x86_64-linux-gnu.so", Some("cp311")),
            ("ops.cpython-312.so", Some("cp312")),
            ("ops.abi3.so", None),
            ("libops.so", None),
        ] {
            assert_eq!(module_tag(Path::new(name)).as_deref(), tag, "{name}");
        }
    }

    #[test]
    fn the_name_of_the_library_goes_before_the_runtime() {
        for library in &python_libraries(None) {
            let name = library.file_name().and_then(|name| name.to_str());
            let minor = name
                .and_then(|name| name.strip_prefix("libpython3."))
                .and_then(|rest| rest.split('.').next())
                .expect("such a name");
            let module = format!("ops.cpython-3{minor}-x86_64-linux-gnu.so");
            let ordered = python_libraries_for(Path::new(&module), Some("cp39"));
            assert_eq!(ordered[0].file_name(), library.file_name());
        }
    }

    #[test]
    fn the_library_of_the_tag_comes_first() {
        let all = python_libraries(None);
        for library in &all {
            let name = library.file_name().and_then(|name| name.to_str());
            let minor = name
                .and_then(|name| name.strip_prefix("libpython3."))
                .and_then(|rest| rest.split('.').next())
                .expect("such a name");
            let ordered = python_libraries(Some(&format!("cp3{minor}")));
            assert_eq!(ordered[0].file_name(), library.file_name());
            assert_eq!(ordered.len(), all.len());
        }
    }

    proptest! {
        #[test]
        fn any_tag_is_read_or_refused(tag in "(cp)?\\PC{0,6}|cp[0-9]{0,4}") {
            let _ = python_library_name(&tag);
        }
    }
}
