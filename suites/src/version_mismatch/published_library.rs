//! Op libraries of published packages, pinned as the catalogue pins runtimes.

use std::fmt;
use std::path::PathBuf;
use std::sync::LazyLock;

use runtimes::{Framework, Package, Version};
use serde::Deserialize;

/// One op library of a published package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedLibrary {
    /// Whose op library it is.
    pub framework: Framework,
    /// Its file, relative to the folder that the package is installed in.
    pub path: PathBuf,
    /// What cases about it are called.
    pub name: String,
    /// It is one of those that are tried where not all runtimes are.
    #[serde(default)]
    pub small: bool,
    /// The catalogued runtimes that have its ops once it is loaded; it fails in the others.
    pub fits: Vec<Version>,
    /// The package, of which the library and what it needs are used.
    pub package: Package,
}

impl PublishedLibrary {
    /// All that this build knows of.
    pub fn all() -> &'static [Self] {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            library: Vec<PublishedLibrary>,
        }
        static ALL: LazyLock<Vec<PublishedLibrary>> = LazyLock::new(|| {
            let file: File = toml::from_str(include_str!("published.toml"))
                .expect("the list of published libraries is valid");
            file.library
        });
        &ALL
    }
}

/// Package, version and the library's place in it.
impl fmt::Display for PublishedLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} {}",
            self.path.display(),
            self.package.name,
            self.package.version
        )
    }
}

#[cfg(test)]
mod tests {
    use runtimes::{Catalog, RuntimeName};

    use super::*;

    #[test]
    fn every_entry_can_be_installed_and_names_catalogued_runtimes() {
        for library in PublishedLibrary::all() {
            library.package.check().expect("a package");
            let path = library.path.to_str().expect("a path");
            let mut used = library.package.files.iter();
            assert!(
                used.any(|pattern| pattern.fit(path).is_some()),
                "{library}: not among the used files"
            );
            for &version in &library.fits {
                let name = RuntimeName::new(library.framework, version);
                assert!(Catalog::builtin().get(&name).is_some(), "{library}: {name}");
            }
        }
    }

    #[test]
    fn the_small_selection_has_one_version_of_each_package() {
        let all = PublishedLibrary::all();
        let small: Vec<&str> = all
            .iter()
            .filter(|library| library.small)
            .map(|library| library.package.name.as_str())
            .collect();
        let mut packages = small.clone();
        packages.sort_unstable();
        packages.dedup();
        assert_eq!(packages.len(), small.len(), "{small:?}");
        for library in all {
            assert!(
                packages.contains(&library.package.name.as_str()),
                "{library}"
            );
        }
    }
}
