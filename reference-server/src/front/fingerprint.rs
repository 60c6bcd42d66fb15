//! What files looked like when they were loaded, to tell whether they changed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Identity, size and modification time of files, by path.
///
/// A file that a linker writes anew has another inode; one that is overwritten has another time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<PathBuf, [i64; 5]>);

impl Fingerprint {
    /// Of all files below `folder`. What cannot be read is left out.
    pub fn of_folder(folder: &Path) -> Self {
        let mut fingerprint = Self::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                // Links are not followed, so that a loop of links ends.
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    _ => fingerprint.add(&entry.path()),
                }
            }
        }
        fingerprint
    }

    /// Adds one file, or notes that it is not there.
    pub fn add(&mut self, file: &Path) {
        let seen = std::fs::metadata(file).map_or([0; 5], |data| {
            [
                data.dev() as i64,
                data.ino() as i64,
                data.size() as i64,
                data.mtime(),
                data.mtime_nsec(),
            ]
        });
        self.0.insert(file.to_owned(), seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_shows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("1").join("model.onnx");
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "one").unwrap();
        let first = Fingerprint::of_folder(folder.path());
        assert_eq!(first, Fingerprint::of_folder(folder.path()));
        let replacement = folder.path().join("new");
        std::fs::write(&replacement, "two").unwrap();
        std::fs::rename(&replacement, &file).unwrap();
        let second = Fingerprint::of_folder(folder.path());
        assert_ne!(first, second);
        std::fs::remove_file(&file).unwrap();
        assert_ne!(second, Fingerprint::of_folder(folder.path()));
    }

    #[test]
    fn a_file_that_appears_shows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lib.so");
        let seen = || {
            let mut fingerprint = Fingerprint::default();
            fingerprint.add(&file);
            fingerprint
        };
        let before = seen();
        std::fs::write(&file, "").unwrap();
        assert_ne!(before, seen());
    }
}
