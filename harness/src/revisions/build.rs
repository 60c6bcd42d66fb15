//! Builds a revision.

use std::path::{Path, PathBuf};
use std::process::Command;

use suites::Cancellation;

use super::child::run_child;
use super::sources::Sources;
use super::turns::{Revision, TurnError};

/// What is built, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// The commit.
    pub commit: &'a str,
    /// What it is called in sentences.
    pub name: &'a str,
    /// Where it is checked out.
    pub sources: &'a Sources,
    /// The folder in which cargo keeps what it builds: the same for all revisions, which share everything
    /// that they do not differ in.
    pub target: &'a Path,
    /// A new folder for the two programs, which the next build would overwrite.
    pub programs: &'a Path,
}

/// Builds the harness and the server as they are measured: with optimization.
///
/// # Errors
/// [`TurnError`].
pub fn build(build: &Build<'_>, cancellation: &Cancellation) -> Result<Revision, TurnError> {
    build.sources.check_out(build.commit)?;
    std::fs::create_dir_all(build.programs).map_err(|source| TurnError::Io {
        attempt: "create the folder",
        path: build.programs.to_owned(),
        source,
    })?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--locked", "--release", "--bins"])
        .args(["--package", "harness", "--package", "reference-server"])
        .arg("--target-dir")
        .arg(build.target)
        .current_dir(build.sources.folder());
    let ended = run_child(&mut command, build.programs, cancellation)?;
    if !ended.status.success() {
        return Err(TurnError::Build {
            name: build.name.to_owned(),
            last_words: ended.last_words,
        });
    }
    let program = |name: &str| -> Result<PathBuf, TurnError> {
        let kept = build.programs.join(name);
        let built = build.target.join("release").join(name);
        match std::fs::copy(&built, &kept) {
            Ok(_) => Ok(kept),
            Err(source) => Err(TurnError::Io {
                attempt: "copy the program",
                path: built,
                source,
            }),
        }
    };
    Ok(Revision {
        name: build.name.to_owned(),
        commit: build.commit.to_owned(),
        harness: program("harness")?,
        server: program("reference-server")?,
    })
}
