//! Where revisions are checked out to be built and measured.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::git::git;
use super::repository::Repository;

/// A folder in which one revision after the other is checked out.
///
/// It is the same folder for all, because the path of a source is part of the names in a program, and
/// with them of where code lies in memory: at one path a commit gives the same program each time, and
/// cargo builds again only what differs between two. Its history is that of the clone, in which it
/// leaves no trace.
#[derive(Debug)]
pub struct Sources {
    folder: PathBuf,
    /// Held until this is dropped.
    _lock: File,
}

/// Why a revision could not be checked out.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The operating system refused.
    #[error("failed to {attempt} {}: {source}; check the path, its permissions and the free space", path.display())]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another one works in it.
    #[error(
        "another `harness gate --against` works in {}: two would disturb each other, so wait for its end",
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// git refused.
    #[error(
        "failed to check out {commit} in {}: {reason}; delete that folder, and it is made again",
        folder.display()
    )]
    CheckOut {
        /// The commit.
        commit: String,
        /// The folder.
        folder: PathBuf,
        /// In git's words.
        reason: String,
    },
}

impl Sources {
    /// The folder `folder` for revisions of `repository`; it is made where it does not exist.
    ///
    /// # Errors
    /// [`SourcesError`].
    pub fn open(repository: &Repository, folder: &Path) -> Result<Self, SourcesError> {
        fs::create_dir_all(folder).map_err(io_error("create the folder", folder))?;
        let path = folder.with_extension("lock");
        let lock = File::create(&path).map_err(io_error("write", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SourcesError::InUse {
                    folder: folder.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
        }
        let sources = Self {
            folder: folder.to_owned(),
            _lock: lock,
        };
        git(folder, &["init", "--quiet", "--template="])
            .map_err(|reason| sources.refused("anything", reason))?;
        // The objects of the clone serve here too, even where it is a shallow one.
        let alternates = folder.join(".git/objects/info/alternates");
        let objects = format!("{}\n", repository.objects().display());
        fs::create_dir_all(folder.join(".git/objects/info"))
            .and_then(|()| fs::write(&alternates, objects))
            .map_err(io_error("write", &alternates))?;
        Ok(sources)
    }

    /// Where they lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts the files of `commit` there.
    ///
    /// # Errors
    /// [`SourcesError::CheckOut`].
    pub fn check_out(&self, commit: &str) -> Result<(), SourcesError> {
        // Quietly: otherwise git looks through the history, which a shallow clone does not have.
        let line = ["checkout", "--quiet", "--force", "--detach", commit];
        git(&self.folder, &line)
            .map(drop)
            .map_err(|reason| self.refused(commit, reason))
    }

    fn refused(&self, commit: &str, reason: String) -> SourcesError {
        SourcesError::CheckOut {
            commit: commit.to_owned(),
            folder: self.folder.clone(),
            reason,
        }
    }
}

fn io_error(attempt: &'static str, path: &Path) -> impl Fn(io::Error) -> SourcesError {
    let path = path.to_owned();
    move |source| SourcesError::Io {
        attempt,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revisions::repository::tests::two_commits;

    #[test]
    fn one_revision_after_the_other_lies_at_one_path() {
        let (clone, repository) = two_commits();
        let folder = clone.path().join("target/gate/sources");
        let (first, second) = ("HEAD~1", "HEAD");
        for _ in 0..2 {
            let sources = Sources::open(&repository, &folder).unwrap();
            for (name, content) in [(first, "first"), (second, "second"), (first, "first")] {
                let commit = repository.commit(name).unwrap();
                sources.check_out(&commit).unwrap();
                let file = sources.folder().join("file");
                assert_eq!(fs::read_to_string(&file).unwrap(), content);
                fs::write(&file, "changed").unwrap();
            }
        }
        assert_eq!(
            fs::read_to_string(clone.path().join("file")).unwrap(),
            "second",
            "the clone itself stays as it is"
        );
    }

    #[test]
    fn a_shallow_clone_has_its_commit_too() {
        let (origin, _) = two_commits();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", origin.path().display());
        git(folder.path(), &["clone", "--quiet", "--depth=1", &url, "."]).unwrap();
        let repository = Repository::around(folder.path()).unwrap();
        let sources = Sources::open(&repository, &folder.path().join("sources")).unwrap();
        let commit = repository.commit("HEAD").unwrap();
        sources.check_out(&commit).unwrap();
        sources.check_out(&commit).unwrap();
        assert!(sources.folder().join("file").is_file());
    }

    #[test]
    fn one_at_a_time() {
        let (clone, repository) = two_commits();
        let folder = clone.path().join("sources");
        let first = Sources::open(&repository, &folder).unwrap();
        let error = Sources::open(&repository, &folder).unwrap_err();
        assert!(matches!(error, SourcesError::InUse { .. }), "{error}");
        drop(first);
        let sources = Sources::open(&repository, &folder).unwrap();
        let error = sources.check_out("no-such-commit").unwrap_err().to_string();
        assert!(
            error.contains("no-such-commit") && error.contains("delete that folder"),
            "{error}"
        );
    }
}
