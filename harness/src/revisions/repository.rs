//! The clone that the harness was built from.

use std::path::{Path, PathBuf};

use super::git::git;

/// The clone.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
    objects: PathBuf,
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
        let answer = |question: &[&str]| {
            git(folder, question).map_err(|reason| RevisionError::NoClone {
                folder: folder.to_owned(),
                reason,
            })
        };
        let root = PathBuf::from(answer(&["rev-parse", "--show-toplevel"])?);
        // Where it is told relative to the folder, the join makes it absolute.
        let objects = folder.join(answer(&["rev-parse", "--git-path", "objects"])?);
        Ok(Self { root, objects })
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

    /// Where its objects are.
    #[must_use]
    pub fn objects(&self) -> &Path {
        &self.objects
    }

    fn no_clone(&self, reason: String) -> RevisionError {
        RevisionError::NoClone {
            folder: self.root.clone(),
            reason,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::fs;

    /// A clone with two commits.
    pub fn two_commits() -> (tempfile::TempDir, Repository) {
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
    fn what_cannot_be_measured_is_told_with_a_remedy() {
        let (folder, repository) = two_commits();
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
    }
}
