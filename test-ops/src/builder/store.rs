use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::BuildError;

/// The cache folder of built files. What is in it appears in one step and does not change.
#[derive(Debug, Clone)]
pub(super) struct Store {
    root: PathBuf,
}

impl Store {
    pub(super) fn new(root: PathBuf) -> Store {
        Store { root }
    }

    /// Its folder, which exists from the first build on.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder `name`; where it is missing `fill` fills it. Of threads and processes that want
    /// the same folder at the same time one fills it and the others wait.
    pub(super) fn folder(
        &self,
        name: &str,
        fill: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<PathBuf, BuildError> {
        let folder = self.root.join(name);
        if folder.is_dir() {
            return Ok(folder);
        }
        let locks = self.root.join("locks");
        fs::create_dir_all(&locks).map_err(BuildError::writing(&locks))?;
        let lock = locks.join(name);
        let file = File::create(&lock).map_err(BuildError::writing(&lock))?;
        file.lock().map_err(BuildError::writing(&lock))?;
        if folder.is_dir() {
            return Ok(folder);
        }
        let scratch = self.scratch()?;
        fill(scratch.path())?;
        fs::rename(scratch.path(), &folder).map_err(BuildError::writing(&folder))?;
        Ok(folder)
    }

    /// The file `name/file_name`; where it is missing `make` makes it. It is for what costs
    /// milliseconds: nobody waits, the last one wins.
    pub(super) fn file(
        &self,
        name: &str,
        file_name: &str,
        make: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<PathBuf, BuildError> {
        let folder = self.root.join(name);
        let file = folder.join(file_name);
        if file.is_file() {
            return Ok(file);
        }
        let scratch = self.scratch()?;
        let product = scratch.path().join(file_name);
        make(&product)?;
        fs::create_dir_all(&folder).map_err(BuildError::writing(&folder))?;
        fs::rename(&product, &file).map_err(BuildError::writing(&file))?;
        Ok(file)
    }

    fn scratch(&self) -> Result<TempDir, BuildError> {
        fs::create_dir_all(&self.root).map_err(BuildError::writing(&self.root))?;
        tempfile::Builder::new()
            .prefix(".building-")
            .tempdir_in(&self.root)
            .map_err(BuildError::writing(&self.root))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_folder_is_filled_once() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path().join("cache"));
        let fills = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let folder = store.folder("same", |folder| {
                        fills.fetch_add(1, Ordering::Relaxed);
                        fs::write(folder.join("file"), "text").map_err(BuildError::writing(folder))
                    });
                    assert!(folder.unwrap().join("file").is_file());
                });
            }
        });
        assert_eq!(fills.into_inner(), 1);
    }

    #[test]
    fn what_fails_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path().to_owned());
        let fail = |path: &Path| {
            fs::write(path.join("half"), "").map_err(BuildError::writing(path))?;
            Err(BuildError::Sources {
                path: path.to_owned(),
            })
        };
        store.folder("broken", fail).unwrap_err();
        assert!(!root.path().join("broken").exists());
        let left: Vec<_> = fs::read_dir(root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["locks"]);
        store.folder("broken", |_| Ok(())).unwrap();
    }
}
