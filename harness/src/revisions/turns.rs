//! Two builds measure themselves in turns.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use suites::Cancellation;

use super::child::{ChildError, run_child};
use super::sources::{Sources, SourcesError};
use crate::gate::{MeasuredRun, NotMeasured};
use crate::results::{FolderError, ResultsFolder};

/// A revision that has been built.
#[derive(Debug, Clone)]
pub struct Revision {
    /// What it is called in sentences.
    pub name: String,
    /// Its commit.
    pub commit: String,
    /// Its harness.
    pub harness: PathBuf,
    /// Its server.
    pub server: PathBuf,
}

/// Pairs of runs that have been measured: the n-th runs of both revisions are a pair.
#[derive(Debug)]
pub struct Turns<'a> {
    /// The one that is compared with, and the one that is compared.
    pub revisions: [&'a Revision; 2],
    /// Where a revision lies while it measures itself: op libraries are built from its sources.
    pub sources: &'a Sources,
    /// Options of `harness run` that select what is measured.
    pub options: &'a [String],
    /// A folder for the results.
    pub folder: &'a Path,
    /// What each has measured.
    pub runs: [Vec<MeasuredRun>; 2],
}

/// Why two revisions could not be built and measured.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
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
    /// A process has no result.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A revision could not be checked out.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// It does not build.
    #[error(
        "failed to build {name}; cargo's last words are below: build that revision by itself first, or \
         compare with one that builds\n{last_words}"
    )]
    Build {
        /// Which revision.
        name: String,
        /// The end of what cargo wrote.
        last_words: String,
    },
    /// It does not measure.
    #[error(
        "failed to measure {name}: its harness ended with {status} and left no results; its last words are \
         below\n{last_words}"
    )]
    Run {
        /// Which revision.
        name: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote.
        last_words: String,
    },
    /// What it left cannot be read.
    #[error("failed to read what {name} measured: {source}")]
    Results {
        /// Which revision.
        name: String,
        /// Why.
        source: FolderError,
    },
    /// There is nothing in it.
    #[error("the run of {name} cannot be compared: {source}")]
    Nothing {
        /// Which revision.
        name: String,
        /// Why.
        source: NotMeasured,
    },
}

impl Turns<'_> {
    /// Measures `pairs` further pairs, and tells `progress` what is being measured.
    ///
    /// A pair in one order is followed by one in the other, A B B A, so that a drift that is the same over
    /// four runs cancels.
    ///
    /// # Errors
    /// [`TurnError`].
    pub fn measure(
        &mut self,
        pairs: usize,
        cancellation: &Cancellation,
        mut progress: impl FnMut(&str),
    ) -> Result<(), TurnError> {
        for _ in 0..pairs {
            let pair = self.runs[0].len();
            let order = if pair.is_multiple_of(2) {
                [0, 1]
            } else {
                [1, 0]
            };
            for side in order {
                let revision = self.revisions[side];
                progress(&format!("pair {}: measuring {}", pair + 1, revision.name));
                let folder = self.folder.join(format!("{side}-{pair}"));
                let run = self.run(revision, &folder, cancellation)?;
                self.runs[side].push(run);
            }
        }
        Ok(())
    }

    fn run(
        &self,
        revision: &Revision,
        folder: &Path,
        cancellation: &Cancellation,
    ) -> Result<MeasuredRun, TurnError> {
        let name = || revision.name.clone();
        self.sources.check_out(&revision.commit)?;
        std::fs::create_dir_all(folder).map_err(|source| TurnError::Io {
            attempt: "create the folder",
            path: folder.to_owned(),
            source,
        })?;
        let mut command = Command::new(&revision.harness);
        command
            .arg("run")
            .args(self.options)
            .arg("--server-bin")
            .arg(&revision.server)
            .arg("--results-dir")
            .arg(folder)
            .current_dir(self.sources.folder());
        let ended = run_child(&mut command, folder, cancellation)?;
        // The last line of a run is the path of its report, whatever came of its cases.
        let report = ended.output.lines().last().map(Path::new);
        let Some(results) = report.and_then(Path::parent).filter(|path| path.is_dir()) else {
            return Err(TurnError::Run {
                name: name(),
                status: ended.status.to_string(),
                last_words: ended.last_words,
            });
        };
        let results = ResultsFolder::at(results).read();
        let results = results.map_err(|source| TurnError::Results {
            name: name(),
            source,
        })?;
        MeasuredRun::of(&results).map_err(|source| TurnError::Nothing {
            name: name(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revisions::repository::tests::two_commits;
    use crate::sample::sample_results;
    use std::os::unix::fs::PermissionsExt;

    /// A program in the place of a harness.
    fn revision(folder: &Path, name: &str, commit: &str, script: &str) -> Revision {
        let harness = folder.join(format!("{name}.sh"));
        std::fs::write(&harness, format!("#!/bin/sh\n{script}\n")).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&harness, executable).unwrap();
        Revision {
            name: name.to_owned(),
            commit: commit.to_owned(),
            harness,
            server: folder.join("server"),
        }
    }

    #[test]
    fn each_measures_itself_and_failures_name_who_failed() {
        let (clone, repository) = two_commits();
        let [before, now] = ["HEAD~1", "HEAD"].map(|name| repository.commit(name).unwrap());
        let sources = Sources::open(&repository, &clone.path().join("sources")).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let record = folder.join("record.json");
        std::fs::write(&record, serde_json::to_vec(&sample_results()).unwrap()).unwrap();
        // The last argument is the folder for results; the working folder is that of the revision.
        let script = format!(
            "for last do :; done; echo $(cat file) \"$*\" >> {}; mkdir \"$last/run\"; cp {} \
             \"$last/run/results.json\"; echo \"$last/run/report.html\"",
            folder.join("log").display(),
            record.display()
        );
        let a = revision(folder, "a", &before, &script);
        let b = revision(folder, "b", &now, &script);
        let never = Cancellation::default();
        let options = ["--quick".to_owned()];
        let fine = folder.join("fine");
        let mut turns = Turns {
            revisions: [&a, &b],
            sources: &sources,
            options: &options,
            folder: &fine,
            runs: [Vec::new(), Vec::new()],
        };
        for pairs in [1, 2] {
            turns.measure(pairs, &never, |_| ()).unwrap();
        }
        assert_eq!((turns.runs[0].len(), turns.runs[1].len()), (3, 3));
        let log = std::fs::read_to_string(folder.join("log")).unwrap();
        let who: Vec<&str> = log
            .lines()
            .filter_map(|line| line.split_once(' ').map(|(who, _)| who))
            .collect();
        let (one, other) = ("first", "second");
        assert_eq!(who, [one, other, other, one, one, other]);
        assert!(log.contains("run --quick --server-bin"), "{log}");

        let failing = revision(folder, "failing", &now, "echo it broke >&2; exit 3");
        let at = folder.join("failing");
        let mut turns = Turns {
            revisions: [&a, &failing],
            folder: &at,
            runs: [Vec::new(), Vec::new()],
            ..turns
        };
        let error = turns.measure(1, &never, |_| ()).unwrap_err().to_string();
        assert!(
            error.contains("failing") && error.contains("it broke"),
            "{error}"
        );
    }
}
