//! The clone that the harness was built from.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The clone.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
}

/// Why a revision cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// There is no clone.
    #[error(
        "failed to find the clone that this harness was built from, at {}: {reason}; `--against` builds \
         another revision and works in a clone only, with git on the search path",
        folder.display()
    )]
    NoClone {
        /// Where it should be.
        folder: PathBuf,
        /// In git's words.
        reason: String,
    },
    /// What would be measured is no revision.
    #[error(
        "files differ from the commit that is checked out: {}; commit them or put them away (`git stash`), \
         so that what is measured can be named",
        files.join(", ")
    )]
    Dirty {
        /// The files, as git lists them.
        files: Vec<String>,
    },
    /// There is no such revision.
    #[error(
        "'{name}' names no commit of this clone: check its spelling; where a branch is meant that is only \
         on the server, `git fetch` it first, and in a CI job check out the whole history (fetch-depth: 0)"
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// It could not be checked out.
    #[error("failed to check out {commit} in {}: {reason}; check the free space and `git worktree list`", folder.display())]
    CheckOut {
        /// The commit.
        commit: String,
        /// Where to.
        folder: PathBuf,
        /// In git's words.
        reason: String,
    },
}

impl Repository {
    /// The clone that this harness was built from.
    ///
    /// # Errors
    /// [`RevisionError::NoClone`].
    pub fn of_this_harness() -> Result<Self, RevisionError> {
        Self::around(Path::new(env!("CARGO_MANIFEST_DIR")))
    }

    /// The clone that `folder` lies in.
    ///
    /// # Errors
    /// [`RevisionError::NoClone`].
    pub fn around(folder: &Path) -> Result<Self, RevisionError> {
        match git(folder, &["rev-parse", "--show-toplevel"]) {
            Ok(root) => Ok(Self { root: root.into() }),
            Err(reason) => Err(RevisionError::NoClone {
                folder: folder.to_owned(),
                reason,
            }),
        }
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The commit that is checked out.
    ///
    /// # Errors
    /// [`RevisionError::Dirty`] where files that are tracked differ from it.
    pub fn head(&self) -> Result<String, RevisionError> {
        let changed = git(
            &self.root,
            &["status", "--porcelain", "--untracked-files=no"],
        );
        let changed = changed.map_err(|reason| self.no_clone(reason))?;
        if !changed.is_empty() {
            let files = changed
                .lines()
                .filter_map(|line| line.split_whitespace().last());
            return Err(RevisionError::Dirty {
                files: files.map(str::to_owned).collect(),
            });
        }
        self.commit("HEAD")
    }

    /// The commit that `name` names.
    ///
    /// # Errors
    /// [`RevisionError::Unknown`].
    pub fn commit(&self, name: &str) -> Result<String, RevisionError> {
        let unknown = || RevisionError::Unknown {
            name: name.to_owned(),
        };
        // A name that begins so would be read as an option.
        if name.starts_with('-') {
            return Err(unknown());
        }
        let wanted = format!("{name}^{{commit}}");
        git(&self.root, &["rev-parse", "--verify", "--quiet", &wanted]).map_err(|_| unknown())
    }

    /// Checks `commit` out in `folder`, which does not exist yet.
    ///
    /// # Errors
    /// [`RevisionError::CheckOut`].
    pub fn check_out(&self, commit: &str, folder: &Path) -> Result<Worktree, RevisionError> {
        let path = folder.to_string_lossy();
        let added = git(&self.root, &["worktree", "add", "--detach", &path, commit]);
        added.map_err(|reason| RevisionError::CheckOut {
            commit: commit.to_owned(),
            folder: folder.to_owned(),
            reason,
        })?;
        // Only now: what has not been made here is not taken away.
        Ok(Worktree {
            repository: self.clone(),
            folder: folder.to_owned(),
        })
    }

    fn no_clone(&self, reason: String) -> RevisionError {
        RevisionError::NoClone {
            folder: self.root.clone(),
            reason,
        }
    }
}

/// A folder with another revision; it goes when this is dropped.
#[derive(Debug)]
pub struct Worktree {
    repository: Repository,
    folder: PathBuf,
}

impl Worktree {
    /// Where it lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        let path = self.folder.to_string_lossy();
        // Where git cannot remove it, the folder goes all the same, and git forgets what is gone.
        let root = &self.repository.root;
        let _ = git(root, &["worktree", "remove", "--force", &path]);
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = git(root, &["worktree", "prune"]);
    }
}

/// What git answers in `folder`, without the last line end.
///
/// # Errors
/// What it complains of, or why it could not be started.
fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    // Variables that a git hook has set would name another repository.
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .map_err(|error| format!("git could not be started ({error})"))?;
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    if status.success() {
        Ok(String::from_utf8_lossy(&stdout).trim_end().to_owned())
    } else {
        Err(String::from_utf8_lossy(&stderr).trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A clone with two commits.
    fn clone() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
            let line: Vec<&str> = identity.iter().chain(arguments).copied().collect();
            git(folder.path(), &line).unwrap()
        };
        git(&["init", "--quiet"]);
        for content in ["first", "second"] {
            fs::write(folder.path().join("file"), content).unwrap();
            git(&["add", "file"]);
            git(&["commit", "--quiet", "--message", content]);
        }
        let repository = Repository::around(folder.path()).unwrap();
        (folder, repository)
    }

    #[test]
    fn another_revision_is_checked_out_and_goes_again() {
        let (_clone, repository) = clone();
        let other = tempfile::tempdir().unwrap();
        let commit = repository.commit("HEAD~1").unwrap();
        let worktree = repository
            .check_out(&commit, &other.path().join("tree"))
            .unwrap();
        let file = worktree.folder().join("file");
        assert_eq!(fs::read_to_string(&file).unwrap(), "first");
        fs::write(&file, "changed").unwrap();
        drop(worktree);
        assert!(!other.path().join("tree").exists());
        let trees = git(repository.root(), &["worktree", "list"]).unwrap();
        assert_eq!(trees.lines().count(), 1, "{trees}");
    }

    #[test]
    fn what_cannot_be_measured_is_told_with_a_remedy() {
        let (folder, repository) = clone();
        for name in ["no-such-branch", "--help", "HEAD~7"] {
            let error = repository.commit(name).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("git fetch"),
                "{error}"
            );
        }
        fs::write(folder.path().join("untracked"), "").unwrap();
        assert!(repository.head().is_ok());
        fs::write(folder.path().join("file"), "third").unwrap();
        let error = repository.head().unwrap_err().to_string();
        assert!(
            error.contains("file") && error.contains("git stash"),
            "{error}"
        );
        let nowhere = tempfile::tempdir().unwrap();
        let error = Repository::around(nowhere.path()).unwrap_err().to_string();
        assert!(error.contains("in a clone only"), "{error}");
        let error = repository
            .check_out("HEAD", folder.path())
            .map(|_| ())
            .unwrap_err();
        assert!(matches!(error, RevisionError::CheckOut { .. }), "{error}");
        assert!(folder.path().join("file").exists(), "what was there stays");
    }
}
