//! Where the files of a framework lie on a machine: its library, what pip put beside it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Framework, LocateError, Version};

/// What is looked for at a path that a user gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    pub framework: Framework,
    /// Folders below the given one that may hold the library, in order of preference.
    pub folders: &'a [&'a str],
    /// Whether a file name is one of the library's; of several, the greatest wins.
    pub is_library: fn(&str) -> bool,
    /// Those names, for a sentence.
    pub pattern: &'static str,
}

impl Search<'_> {
    /// The library at `path`: the file itself, or one in a folder. Links are followed.
    pub(super) fn run(&self, path: &Path) -> Result<PathBuf, LocateError> {
        let given = fs::canonicalize(path).map_err(|source| LocateError::Unreadable {
            framework: self.framework,
            path: path.to_owned(),
            source,
        })?;
        if !given.is_dir() {
            return if self.accepts(&given) {
                Ok(given)
            } else {
                Err(self.not_found(path, vec![given]))
            };
        }
        let searched: Vec<PathBuf> = self.folders.iter().map(|below| given.join(below)).collect();
        searched
            .iter()
            .find_map(|folder| self.best_in(folder))
            .ok_or_else(|| self.not_found(path, searched))
    }

    fn best_in(&self, folder: &Path) -> Option<PathBuf> {
        fs::read_dir(folder)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| self.accepts(path))
            .filter_map(|path| fs::canonicalize(path).ok())
            .filter(|path| path.is_file())
            .max()
    }

    fn accepts(&self, path: &Path) -> bool {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(self.is_library)
    }

    fn not_found(&self, path: &Path, searched: Vec<PathBuf>) -> LocateError {
        LocateError::NotFound {
            framework: self.framework,
            path: path.to_owned(),
            pattern: self.pattern,
            searched,
        }
    }
}

/// The folder of an installed package: the library's own, or the one above it where the library
/// lies in one of the folders named `inner`.
pub(super) fn package_dir(library: &Path, inner: &[&str]) -> PathBuf {
    let folder = library.parent().unwrap_or(Path::new("/"));
    match folder.parent() {
        Some(parent) if inner.iter().any(|name| folder.ends_with(name)) => parent.to_owned(),
        _ => folder.to_owned(),
    }
}

/// The first of `folders` that exist with `file` in it, each.
pub(super) fn holding(folders: impl IntoIterator<Item = PathBuf>, file: &str) -> Vec<PathBuf> {
    folders
        .into_iter()
        .filter(|folder| folder.join(file).exists())
        .collect()
}

/// The version of the distribution that has one of `names`, from the folders that pip leaves beside
/// the packages, such as `torch-2.11.0+cpu.dist-info`. The names are written as pip writes them
/// there: in lower case, with `_` for `-` and `.`.
pub(super) fn version_of_distribution(site_packages: &Path, names: &[&str]) -> Option<Version> {
    fs::read_dir(site_packages)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (name, version) = name.strip_suffix(".dist-info")?.split_once('-')?;
            // Older tools kept the name as its authors write it.
            let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
            names
                .contains(&name.as_str())
                .then(|| leading_version(version))?
        })
        .max()
}

/// The version at the beginning of `text`: `2.11.0` of `2.11.0+cu130` and of `2.11.0a0`.
pub(super) fn leading_version(text: &str) -> Option<Version> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text[..end].trim_end_matches('.').parse().ok()
}

/// The Python tag of a package whose folder holds extension modules, such as
/// `_C.cpython-311-x86_64-linux-gnu.so`.
pub(super) fn python_tag(package_dir: &Path) -> Option<String> {
    fs::read_dir(package_dir).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let (_, tag) = name.split_once(".cpython-")?;
        let digits: String = tag.chars().take_while(char::is_ascii_digit).collect();
        (!digits.is_empty()).then(|| format!("cp{digits}"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_read_without_their_local_part() {
        for text in ["2.11.0+cu130", "2.11.0", " 2.11.0\n", "2.11.0a0+git"] {
            assert_eq!(
                leading_version(text),
                Some(Version::new(2, 11, 0)),
                "{text}"
            );
        }
        assert_eq!(leading_version("unknown"), None);
    }

    #[test]
    fn distributions_and_python_tags_are_read_from_names() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        for name in ["torch-2.9.1+cpu.dist-info", "torchvision-0.24.1.dist-info"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        fs::write(folder.path().join("_C.cpython-311-x86_64-linux-gnu.so"), "").expect("a file");
        let version = |names: &[&str]| version_of_distribution(folder.path(), names);
        assert_eq!(version(&["torch"]), Some(Version::new(2, 9, 1)));
        assert_eq!(version(&["torchvision"]), Some(Version::new(0, 24, 1)));
        assert_eq!(version(&["torchv"]), None);
        assert_eq!(python_tag(folder.path()).as_deref(), Some("cp311"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}|[0-9.+a-c]{0,12}") {
            if let Some(version) = leading_version(&text) {
                prop_assert!(text.trim().starts_with(&version.to_string()));
            }
        }
    }
}
