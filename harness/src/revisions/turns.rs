//! Two builds measure themselves in turns.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use suites::Cancellation;

use super::child::{ChildError, run_child};
use crate::gate::{MeasuredRun, NotMeasured};
use crate::results::{FolderError, ResultsFolder};

/// A revision that has been built.
#[derive(Debug, Clone)]
pub struct Revision {
    /// What it is called in sentences.
    pub name: String,
    /// Its harness.
    pub harness: PathBuf,
    /// Its server.
    pub server: PathBuf,
    /// Its sources: op libraries are built from them.
    pub sources: PathBuf,
}

/// How often, and what.
#[derive(Debug)]
pub struct Turns<'a> {
    /// Runs of each revision.
    pub pairs: usize,
    /// Options of `harness run` that select what is measured.
    pub options: &'a [String],
    /// A folder for the results.
    pub folder: &'a Path,
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

/// Which of two is measured first in each of `pairs` pairs; true for the first one. A pair in one order is
/// followed by one in the other, A B B A, so that a drift that is the same over four runs cancels.
pub fn order(pairs: usize) -> impl Iterator<Item = bool> {
    (0..pairs).map(|pair| pair % 2 == 0)
}

/// Measures both of `revisions` in turns; the n-th runs of both are a pair. `progress` is told what is
/// measured.
///
/// # Errors
/// [`TurnError`].
pub fn measure_in_turns(
    revisions: [&Revision; 2],
    turns: &Turns<'_>,
    cancellation: &Cancellation,
    mut progress: impl FnMut(&str),
) -> Result<[Vec<MeasuredRun>; 2], TurnError> {
    let mut runs = [Vec::new(), Vec::new()];
    for (pair, first_comes_first) in order(turns.pairs).enumerate() {
        let sides = if first_comes_first { [0, 1] } else { [1, 0] };
        for side in sides {
            let revision = revisions[side];
            progress(&format!(
                "pair {} of {}: measuring {}",
                pair + 1,
                turns.pairs,
                revision.name
            ));
            let folder = turns.folder.join(format!("{side}-{pair}"));
            runs[side].push(measure(revision, turns.options, &folder, cancellation)?);
        }
    }
    Ok(runs)
}

fn measure(
    revision: &Revision,
    options: &[String],
    folder: &Path,
    cancellation: &Cancellation,
) -> Result<MeasuredRun, TurnError> {
    let name = || revision.name.clone();
    std::fs::create_dir_all(folder).map_err(|source| TurnError::Io {
        attempt: "create the folder",
        path: folder.to_owned(),
        source,
    })?;
    let mut command = Command::new(&revision.harness);
    command
        .arg("run")
        .args(options)
        .arg("--server-bin")
        .arg(&revision.server)
        .arg("--results-dir")
        .arg(folder)
        .current_dir(&revision.sources);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_results;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn pairs_alternate_their_order() {
        assert_eq!(order(4).collect::<Vec<_>>(), [true, false, true, false]);
    }

    /// A program in the place of a harness, that leaves the results in `record`.
    fn revision(folder: &Path, name: &str, script: &str) -> Revision {
        let harness = folder.join(format!("{name}.sh"));
        std::fs::write(&harness, format!("#!/bin/sh\n{script}\n")).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&harness, executable).unwrap();
        Revision {
            name: name.to_owned(),
            harness,
            server: folder.join("server"),
            sources: folder.to_owned(),
        }
    }

    #[test]
    fn each_measures_itself_and_failures_name_who_failed() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let record = folder.join("record.json");
        std::fs::write(&record, serde_json::to_vec(&sample_results()).unwrap()).unwrap();
        // The last argument is the folder for results.
        let script = |name: &str| {
            format!(
                "for last do :; done; echo {name} \"$*\" >> {}; mkdir \"$last/run\"; cp {} \
                 \"$last/run/results.json\"; echo \"$last/run/report.html\"",
                folder.join("log").display(),
                record.display()
            )
        };
        let a = revision(folder, "a", &script("a"));
        let b = revision(folder, "b", &script("b"));
        let never = Cancellation::default();
        let options = ["--quick".to_owned()];
        let turns = |name: &str| folder.join(name);
        let at = turns("fine");
        let work = Turns {
            pairs: 3,
            options: &options,
            folder: &at,
        };
        let runs = measure_in_turns([&a, &b], &work, &never, |_| ()).unwrap();
        assert_eq!((runs[0].len(), runs[1].len()), (3, 3));
        let log = std::fs::read_to_string(folder.join("log")).unwrap();
        let who: String = log.lines().map(|line| &line[..1]).collect();
        assert_eq!(who, "abbaab");
        assert!(log.contains("run --quick --server-bin"), "{log}");

        let failing = revision(folder, "failing", "echo it broke >&2; exit 3");
        let at = turns("failing");
        let work = Turns {
            folder: &at,
            ..work
        };
        let error = measure_in_turns([&a, &failing], &work, &never, |_| ()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("failing") && error.contains("it broke"),
            "{error}"
        );
    }
}
