//! Op libraries that were looked at, so that one that did not change is not read again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use op_library::{InspectError, OpLibrary};
use parking_lot::Mutex;

use crate::worker::op_library::FileIdentity;

/// See the module.
#[derive(Default)]
pub struct Inspections(Mutex<HashMap<PathBuf, (FileIdentity, Arc<OpLibrary>)>>);

impl Inspections {
    /// What the file at `path` tells now.
    ///
    /// # Errors
    /// There is no regular file that can be read.
    pub fn of(&self, path: &Path) -> Result<Arc<OpLibrary>, InspectError> {
        let identity = FileIdentity::of(path).ok();
        if let Some(identity) = identity
            && let Some((known, library)) = self.0.lock().get(path)
            && *known == identity
        {
            return Ok(library.clone());
        }
        let library = Arc::new(op_library::inspect(path)?);
        if let Some(identity) = identity {
            self.0
                .lock()
                .insert(path.to_owned(), (identity, library.clone()));
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
}
