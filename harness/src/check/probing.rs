//! Has libraries opened for real, in a process that is thrown away.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use op_library::Probe;
use rustix::process::{Pid, Signal, kill_process_group};
use suites::Cancellation;

use super::tried_runtime::TriedRuntime;

/// What one step with one library may take: the program's own default.
const STEP_LIMIT: Duration = Duration::from_secs(60);
/// What is waited beyond that, for the start and the end of the program.
const MARGIN: Duration = Duration::from_secs(60);
/// How often its end is looked for.
const INTERVAL: Duration = Duration::from_millis(5);

/// Starts the reference server's program `probe`.
#[derive(Debug, Clone)]
pub struct Prober {
    /// The server's executable.
    pub program: PathBuf,
    /// Where runtimes are installed.
    pub runtime_cache: PathBuf,
    /// Ends what is under way.
    pub cancellation: Cancellation,
}

/// Why nothing was observed.
#[derive(Debug, thiserror::Error)]
pub enum ProbingError {
    /// The program cannot be started, or what it writes not be read.
    #[error("failed to run '{} probe': {source}", program.display())]
    Program {
        /// The server's executable.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The program says that it could not make the experiment.
    #[error("the experiment could not be made: {said}")]
    NotMade {
        /// What it says.
        said: String,
    },
    /// The program did not come to an end.
    #[error("'{} probe' did not end within {limit:?} and was ended", program.display())]
    Late {
        /// The server's executable.
        program: PathBuf,
        /// How long was waited.
        limit: Duration,
    },
    /// The program wrote something else than the record of an experiment.
    #[error(
        "'{} probe' printed no record of an experiment ({source}); is it the server of this \
         harness?", program.display()
    )]
    NoRecord {
        /// The server's executable.
        program: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The check was ended.
    #[error("the check was ended before")]
    Cancelled,
}

impl Prober {
    /// Opens `libraries` one after the other in a process of `runtime`.
    ///
    /// # Errors
    /// Nothing was observed.
    pub fn probe(
        &self,
        runtime: &TriedRuntime,
        libraries: &[&Path],
    ) -> Result<Probe, ProbingError> {
        let failed = |source| ProbingError::Program {
            program: self.program.clone(),
            source,
        };
        let scratch = tempfile::tempdir().map_err(failed)?;
        let output = scratch.path().join("record.json");
        let errors = scratch.path().join("log");
        let child = Command::new(&self.program)
            .arg("probe")
            .arg("--runtime-cache")
            .arg(&self.runtime_cache)
            .args(["--runtime", &runtime.argument])
            .args(libraries)
            .stdin(Stdio::null())
            .stdout(File::create(&output).map_err(failed)?)
            .stderr(File::create(&errors).map_err(failed)?)
            // A group of its own: signals of the terminal do not reach it.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let count = u32::try_from(libraries.len()).unwrap_or(u32::MAX);
        let success = self.await_end(child, STEP_LIMIT * (count + 1) + MARGIN)?;
        if !success {
            let log = fs::read(&errors).map_err(failed)?;
            return Err(ProbingError::NotMade {
                said: complaint(&String::from_utf8_lossy(&log)),
            });
        }
        let record = fs::read(&output).map_err(failed)?;
        serde_json::from_slice(&record).map_err(|source| ProbingError::NoRecord {
            program: self.program.clone(),
            source,
        })
    }

    /// Whether it ended well; it is ended where it takes longer than `limit`.
    fn await_end(
        &self,
        mut child: std::process::Child,
        limit: Duration,
    ) -> Result<bool, ProbingError> {
        let program = || self.program.clone();
        let failed = |source| ProbingError::Program {
            program: program(),
            source,
        };
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                return Ok(status.success());
            }
            let cancelled = self.cancellation.is_cancelled();
            if cancelled || Instant::now() >= deadline {
                if let Some(group) = Pid::from_raw(child.id() as i32) {
                    // It may have ended meanwhile, which the wait tells.
                    let _ = kill_process_group(group, Signal::KILL);
                }
                child.wait().map_err(failed)?;
                return Err(if cancelled {
                    ProbingError::Cancelled
                } else {
                    ProbingError::Late {
                        program: program(),
                        limit,
                    }
                });
            }
            std::thread::sleep(INTERVAL);
        }
    }
}

/// The last error of the program's log, without time and severity; its last line where there is none.
fn complaint(log: &str) -> String {
    const SEVERITY: &str = " ERROR ";
    let error = log.lines().rev().find_map(|line| line.split_once(SEVERITY));
    let text = match error {
        Some((_, text)) => text,
        None => log.lines().next_back().unwrap_or("it says nothing"),
    };
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use runtimes::{Cache, Framework, Runtime};

    use super::super::tried_runtime::tried_runtimes;
    use super::*;

    /// What comes of a program that is this shell script.
    fn of_script(script: &str, cancellation: Cancellation) -> Result<Probe, ProbingError> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("server");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let library = folder.path().join("capi/libonnxruntime.so.1.32.0");
        fs::create_dir(library.parent().unwrap()).unwrap();
        fs::write(&library, "\0OrtGetApiBase\0").unwrap();
        let runtime = Runtime::in_place(Framework::OnnxRuntime, &library).unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let prober = Prober {
            program,
            runtime_cache: folder.path().to_owned(),
            cancellation,
        };
        prober.probe(
            &tried_runtimes(vec![runtime], &cache)[0],
            &[Path::new("/ops.so")],
        )
    }

    #[test]
    fn what_the_program_says_is_told() {
        let error = of_script(
            "echo '2026-01-01T00:00:00Z ERROR onnxruntime-1.32.0 cannot be used: no' >&2; exit 3",
            Cancellation::default(),
        );
        let text = error.unwrap_err().to_string();
        assert!(
            text.ends_with("made: onnxruntime-1.32.0 cannot be used: no"),
            "{text}"
        );
        let error = of_script("echo hello", Cancellation::default()).unwrap_err();
        assert!(error.to_string().contains("no record"), "{error}");
    }

    #[test]
    fn a_check_that_is_ended_ends_the_program() {
        let cancellation = Cancellation::default();
        cancellation.cancel();
        let begin = Instant::now();
        let error = of_script("sleep 1000", cancellation).unwrap_err();
        assert!(matches!(error, ProbingError::Cancelled), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(60));
    }
}
