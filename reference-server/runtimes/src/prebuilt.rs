//! What a cache holds ready-made because it was filled on another machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::Cache;

/// The list, in the cache's folder.
const FILE: &str = "prebuilt.toml";

/// What a cache holds ready-made because it was filled on another machine: bridges, op libraries and
/// the like, each by what it was asked for.
///
/// Such files are usually found by a hash of their sources, their compiler and the paths of their
/// headers. On a machine that has none of these the list stands in for it, and nothing is built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prebuilt {
    #[serde(skip)]
    root: PathBuf,
    /// What was asked for, and its file relative to the cache's folder.
    #[serde(default)]
    products: BTreeMap<String, PathBuf>,
}

impl Prebuilt {
    /// The list of `cache`; `None` where it has none, so that what is missing is built.
    ///
    /// # Errors
    /// There is a list, and it cannot be read.
    pub fn of(cache: &Cache) -> Result<Option<Self>, PrebuiltError> {
        let path = cache.root().join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PrebuiltError::Unreadable { path, source }),
        };
        let list: Self = toml::from_str(&text).map_err(|error| PrebuiltError::Unreadable {
            path,
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
        Ok(Some(Self {
            root: cache.root().to_owned(),
            ..list
        }))
    }

    /// Adds what `request` asks for: `file`, relative to the cache's folder.
    pub fn add(&mut self, request: String, file: PathBuf) {
        self.products.insert(request, file);
    }

    /// The file of what `request` asks for.
    ///
    /// # Errors
    /// It is not on the list, or its file is gone.
    pub fn file(&self, request: &str) -> Result<PathBuf, PrebuiltError> {
        let file = self.products.get(request).map(|file| self.root.join(file));
        file.filter(|file| file.is_file())
            .ok_or_else(|| PrebuiltError::Missing {
                request: request.to_owned(),
                root: self.root.clone(),
            })
    }

    /// Writes the list into the folder of a cache.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, cache_root: &Path) -> Result<(), PrebuiltError> {
        let path = cache_root.join(FILE);
        let text = toml::to_string(self).map_err(io::Error::other);
        text.and_then(|text| fs::write(&path, text))
            .map_err(|source| PrebuiltError::Unwritable { path, source })
    }
}

/// Why something ready-made cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrebuiltError {
    /// It was not packed.
    #[error(
        "the bundle has no {request} ('{}' was filled on another machine, so nothing is built for \
         it here); make the bundle again with the cases that need it", root.display()
    )]
    Missing {
        /// What was asked for.
        request: String,
        /// The cache.
        root: PathBuf,
    },
    /// The list cannot be read.
    #[error("failed to read '{}': {source}; unpack the bundle again", path.display())]
    Unreadable {
        /// The list.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The list cannot be written.
    #[error("failed to write '{}': {source}", path.display())]
    Unwritable {
        /// The list.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_found_wherever_the_cache_comes_to_lie() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("built");
        fs::create_dir_all(root.join("bridges")).unwrap();
        fs::write(root.join("bridges/a.so"), "").unwrap();
        assert_eq!(Prebuilt::of(&Cache::at(&root).unwrap()).unwrap(), None);
        let mut list = Prebuilt::default();
        list.add("bridge to pytorch-2.11.0".into(), "bridges/a.so".into());
        list.write(&root).unwrap();

        let moved = folder.path().join("moved");
        fs::rename(&root, &moved).unwrap();
        let list = Prebuilt::of(&Cache::at(&moved).unwrap()).unwrap().unwrap();
        let file = list.file("bridge to pytorch-2.11.0").unwrap();
        assert_eq!(file, moved.join("bridges/a.so"));
        let error = list
            .file("bridge to pytorch-2.9.1")
            .unwrap_err()
            .to_string();
        assert!(error.contains("no bridge to pytorch-2.9.1"), "{error}");
        fs::remove_file(file).unwrap();
        assert!(list.file("bridge to pytorch-2.11.0").is_err());
    }

    #[test]
    fn a_list_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "products = 1").unwrap();
        let error = Prebuilt::of(&Cache::at(folder.path()).unwrap()).unwrap_err();
        assert!(error.to_string().contains(FILE), "{error}");
    }
}
