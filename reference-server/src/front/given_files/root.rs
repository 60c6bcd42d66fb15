//! The folder with all model files that came with load requests.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::Mutex;
use tempfile::TempDir;

use super::path::{FilePath, FilePathError, shortened};

/// Most files that a load request may have.
const MOST_FILES: usize = 1000;
/// Attempts to remove the folder at the end, while a load that was not waited for still writes into it.
const REMOVALS: usize = 10;

/// The folder with all model files that came with load requests. It is made when the first ones come, below
/// `$TMPDIR`, else in `/tmp`.
#[derive(Debug, Default)]
pub struct GivenFilesRoot(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// No files came yet.
    #[default]
    Unused,
    /// The folder.
    Open(PathBuf),
    /// The server ends.
    Closed,
}

/// A model's folder with the files of one load request, which is removed with this value.
#[derive(Debug)]
pub struct GivenFiles {
    folder: TempDir,
}

/// Files of a load request that cannot be loaded from.
#[derive(Debug, thiserror::Error)]
pub enum GivenFilesError {
    /// A path is no path in a model's folder.
    #[error("Invalid file parameter 'file:{path}': {reason}")]
    Path {
        /// The path as it was given, in short.
        path: String,
        /// What is wrong with it.
        reason: FilePathError,
    },
    /// Two files of one path.
    #[error("Invalid file parameter 'file:{0}': it is given twice; give each file once")]
    Twice(String),
    /// A path that leads through another file.
    #[error(
        "Invalid file parameter 'file:{path}', directory has been created as a file: 'file:{folder}' \
         is given, too; give one of them another name"
    )]
    InAFile {
        /// The longer path.
        path: String,
        /// The file that it leads through.
        folder: String,
    },
    /// More files than a model should have.
    #[error(
        "the load request has {0} files, and {MOST_FILES} are possible; put larger models into a \
         model repository"
    )]
    TooMany(usize),
    /// The server ends.
    #[error("the server is stopping and takes no files; send the request to another one")]
    Stopping,
    /// The disk is full, for one.
    #[error(
        "failed to write the files of the load request to '{folder}': {source}; make room there, or \
         start the server with another folder in TMPDIR"
    )]
    Write {
        /// The folder of the server.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl GivenFilesRoot {
    /// Writes files, each by its path in the model's folder, into a new folder. The content of each is let go
    /// of when it is written.
    ///
    /// # Errors
    /// A path is wrong, in which case nothing is written, or the files cannot be written.
    pub fn write(&self, files: Vec<(String, Bytes)>) -> Result<GivenFiles, GivenFilesError> {
        let files = checked(files)?;
        let root = self.open()?;
        let failed = |source| GivenFilesError::Write {
            folder: root.clone(),
            source,
        };
        // Removed again where a file cannot be written.
        let folder = private_folder(&root, "model-").map_err(failed)?;
        for (path, content) in files {
            write(folder.path(), &path, &content).map_err(failed)?;
        }
        Ok(GivenFiles { folder })
    }

    /// The folder, without symbolic links, once files came.
    pub fn path(&self) -> Option<PathBuf> {
        match &*self.0.lock() {
            State::Open(folder) => Some(folder.clone()),
            State::Unused | State::Closed => None,
        }
    }

    /// Removes the folder with all that is in it. Nothing is written any more.
    pub fn close(&self) {
        let State::Open(folder) = std::mem::replace(&mut *self.0.lock(), State::Closed) else {
            return;
        };
        let mut removed = Ok(());
        for _ in 0..REMOVALS {
            removed = std::fs::remove_dir_all(&folder);
            if removed.is_ok() {
                return;
            }
        }
        if let Err(error) = removed
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(
                "failed to remove '{}' with the files of load requests: {error}; remove it by hand",
                folder.display()
            );
        }
    }

    fn open(&self) -> Result<PathBuf, GivenFilesError> {
        let mut state = self.0.lock();
        match &*state {
            State::Open(folder) => Ok(folder.clone()),
            State::Closed => Err(GivenFilesError::Stopping),
            State::Unused => {
                let place = std::env::temp_dir();
                let made = place
                    .canonicalize()
                    .and_then(|place| private_folder(&place, "reference-server-"));
                let folder = made.map_err(|source| GivenFilesError::Write {
                    folder: place,
                    source,
                })?;
                let folder = folder.keep();
                *state = State::Open(folder.clone());
                Ok(folder)
            }
        }
    }
}

impl GivenFiles {
    /// The model's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Files by their paths, all of which can exist beside each other.
fn checked(files: Vec<(String, Bytes)>) -> Result<BTreeMap<FilePath, Bytes>, GivenFilesError> {
    if files.len() > MOST_FILES {
        return Err(GivenFilesError::TooMany(files.len()));
    }
    let mut by_path = BTreeMap::new();
    for (text, content) in files {
        let path = FilePath::parse(&text).map_err(|reason| GivenFilesError::Path {
            path: shortened(&text),
            reason,
        })?;
        if by_path.insert(path, content).is_some() {
            return Err(GivenFilesError::Twice(shortened(&text)));
        }
    }
    for path in by_path.keys() {
        if let Some(folder) = path.folders().find(|folder| by_path.contains_key(folder)) {
            return Err(GivenFilesError::InAFile {
                path: shortened(path.as_str()),
                folder: shortened(folder.as_str()),
            });
        }
    }
    Ok(by_path)
}

/// A new folder in `place` that only this user may enter.
fn private_folder(place: &Path, prefix: &str) -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(place)
}

/// Writes one file into a folder that nobody else writes into. Only its folders and itself are made: where
/// `folder` is gone, because the server ends, it stays away.
fn write(folder: &Path, path: &FilePath, content: &[u8]) -> io::Result<()> {
    for inner in path.folders() {
        match DirBuilder::new()
            .mode(0o700)
            .create(folder.join(inner.as_str()))
        {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.join(path.as_str()))?
        .write_all(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<(String, Bytes)> {
        let with_content =
            |path: &&str| ((*path).to_owned(), Bytes::copy_from_slice(path.as_bytes()));
        paths.iter().map(with_content).collect()
    }

    #[test]
    fn files_are_there_until_nobody_needs_them() {
        let root = GivenFilesRoot::default();
        assert_eq!(root.path(), None);
        let paths = ["1/model.onnx", "1/a/b/c", "2/a\\b", "labels.txt"];
        let given = root.write(files(&paths)).unwrap();
        let other = root.write(files(&["1/model.onnx"])).unwrap();
        for path in paths {
            let file = given.path().join(path);
            assert_eq!(std::fs::read(&file).unwrap(), path.as_bytes());
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let place = root.path().unwrap();
        for folder in [&*place, given.path(), &given.path().join("1/a")] {
            let mode = folder.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
            assert!(folder.starts_with(&place));
        }
        let folder = given.path().to_owned();
        drop(given);
        assert!(!folder.exists());
        assert!(other.path().join("1/model.onnx").exists());
        root.close();
        assert!(!place.exists());
        assert!(matches!(
            root.write(files(&["1/a"])),
            Err(GivenFilesError::Stopping)
        ));
    }

    #[test]
    fn files_that_cannot_be_together_are_refused_before_anything_is_written() {
        let root = GivenFilesRoot::default();
        for (paths, expected) in [
            (&["1/a", "../b"][..], "'file:../b': it must stay within"),
            (&["1/a", "1/a"], "'file:1/a': it is given twice"),
            (
                &["1/a/b", "1/a-", "1/a"],
                "'file:1/a/b', directory has been created as a file",
            ),
            (&["1", "1/a"], "'file:1' is given, too"),
        ] {
            let error = root.write(files(paths)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let many = (0..=MOST_FILES).map(|number| (format!("1/{number}"), Bytes::new()));
        let error = root.write(many.collect()).unwrap_err().to_string();
        assert!(error.contains("has 1001 files, and 1000"), "{error}");
        assert_eq!(root.path(), None);
    }

    #[test]
    fn a_folder_that_is_gone_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let path = FilePath::parse("1/a").unwrap();
        assert!(write(&gone, &path, b"").is_err());
        assert!(!gone.exists());
        // What is there already is not written over, and no link is followed.
        std::os::unix::fs::symlink(&gone, folder.path().join("link")).unwrap();
        let link = FilePath::parse("link").unwrap();
        assert!(write(folder.path(), &link, b"").is_err());
        assert!(!gone.exists());
    }
}
