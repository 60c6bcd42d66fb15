//! Which file a path leads to, and whether it is still the same one.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file and the state of its content.
///
/// Two equal identities mean: the same file with unchanged content, as far as the file system
/// tells. A rebuilt library differs in its inode (where it replaced the file) or in its time of
/// change (where it overwrote it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl FileIdentity {
    /// The identity of the file that `path` leads to now, through symbolic links.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }

    /// Whether `path` leads to one of `files`.
    pub fn is_among(path: &Path, files: &[PathBuf]) -> bool {
        let identity = Self::of(path).ok();
        files
            .iter()
            .any(|file| file == path || (identity.is_some() && Self::of(file).ok() == identity))
    }

    /// Whether both are the same file, whatever its content.
    pub fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_replaced_file_is_another_and_an_overwritten_one_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        let link = folder.path().join("link.so");
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let old = FileIdentity::of(&path).unwrap();
        assert_eq!(FileIdentity::of(&link).unwrap(), old);
        assert!(FileIdentity::is_among(&link, std::slice::from_ref(&path)));
        assert!(!FileIdentity::is_among(
            &link,
            &[folder.path().join("absent.so")]
        ));

        fs::write(&path, "longer").unwrap();
        let overwritten = FileIdentity::of(&path).unwrap();
        assert!(overwritten.is_same_file(&old));
        assert_ne!(overwritten, old);

        let new = folder.path().join("new.so");
        fs::write(&new, "longer").unwrap();
        fs::rename(&new, &path).unwrap();
        assert!(!FileIdentity::of(&path).unwrap().is_same_file(&old));
    }
}
