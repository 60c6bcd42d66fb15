//! Op libraries that were looked at, so that one that did not change is not read again.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use op_library::{InspectError, OpLibrary};
use parking_lot::Mutex;

use crate::worker::op_library::FileIdentity;

/// How many libraries are remembered that nobody uses any more.
const REMEMBERED: usize = 64;

/// See the module.
#[derive(Default)]
pub struct Inspections(Mutex<HashMap<PathBuf, (Seen, Arc<OpLibrary>)>>);

/// What a file looked like when it was inspected.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    identity: FileIdentity,
    /// When the file system last changed anything about it. Unlike the time of the content, no
    /// copying tool sets it back.
    status_changed: (i64, i64),
}

impl Seen {
    fn of(path: &Path) -> std::io::Result<Self> {
        let data = std::fs::metadata(path)?;
        Ok(Self {
            identity: FileIdentity::of(path)?,
            status_changed: (data.ctime(), data.ctime_nsec()),
        })
    }
}

impl Inspections {
    /// What the file at `path` tells now.
    ///
    /// # Errors
    /// There is no regular file that can be read.
    pub fn of(&self, path: &Path) -> Result<Arc<OpLibrary>, InspectError> {
        let seen = Seen::of(path).ok();
        if let Some(seen) = seen
            && let Some((known, library)) = self.0.lock().get(path)
            && *known == seen
        {
            return Ok(library.clone());
        }
        let library = Arc::new(op_library::inspect(path)?);
        if let Some(seen) = seen {
            let mut known = self.0.lock();
            if known.len() >= REMEMBERED {
                known.retain(|_, (_, library)| Arc::strong_count(library) > 1);
            }
            known.insert(path.to_owned(), (seen, library.clone()));
        }
        Ok(library)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_once_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        let inspections = Inspections::default();
        assert!(inspections.of(&path).is_err());
        std::fs::write(&path, "one").unwrap();
        let first = inspections.of(&path).unwrap();
        assert!(Arc::ptr_eq(&first, &inspections.of(&path).unwrap()));
        std::fs::write(&path, "three").unwrap();
        let second = inspections.of(&path).unwrap();
        assert_ne!(first.content_hash, second.content_hash);
    }

    #[test]
    fn content_of_the_same_size_and_time_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        let inspections = Inspections::default();
        std::fs::write(&path, "one").unwrap();
        let first = inspections.of(&path).unwrap();
        let seen = Seen::of(&path).unwrap();
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        // The clock of the file system has steps.
        while Seen::of(&path).unwrap().status_changed == seen.status_changed {
            std::fs::write(&path, "two").unwrap();
            let file = std::fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(time).unwrap();
        }
        assert!(Seen::of(&path).unwrap().identity == seen.identity);
        let second = inspections.of(&path).unwrap();
        assert_ne!(first.content_hash, second.content_hash);
    }

    #[test]
    fn libraries_that_nobody_uses_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let inspections = Inspections::default();
        let inspect = |number: usize| {
            let path = folder.path().join(format!("lib{number}.so"));
            std::fs::write(&path, number.to_string()).unwrap();
            inspections.of(&path).unwrap()
        };
        let used = inspect(0);
        for number in 1..3 * REMEMBERED {
            inspect(number);
        }
        assert!(inspections.0.lock().len() <= REMEMBERED);
        assert!(Arc::ptr_eq(
            &used,
            &inspections.of(&folder.path().join("lib0.so")).unwrap()
        ));
    }
}
