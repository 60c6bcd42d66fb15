//! Has op libraries opened for real, in a worker of a runtime that is thrown away.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use op_library::Probe;
use runtimes::{Origin, Runtime};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::options::Cancellation;

/// How often the end of a probe is looked for.
const INTERVAL: Duration = Duration::from_millis(5);

/// Why a probe was not made.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The program cannot be started, or what it writes not be read.
    #[error("could not run '{} probe': {source}", program.display())]
    Program {
        /// The server's executable.
        program: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The program did not come to an end.
    #[error("'{} probe' did not end within {limit:?}", program.display())]
    Late {
        /// The server's executable.
        program: PathBuf,
        /// How long was waited.
        limit: Duration,
    },
    /// The program wrote something else than a probe's record.
    #[error("'{} probe' printed no record ({reason}); it says: {said}", program.display())]
    NoRecord {
        /// The server's executable.
        program: PathBuf,
        /// What is wrong with what it wrote.
        reason: String,
        /// What it wrote to standard error.
        said: String,
    },
    /// The run was ended early.
    #[error("the run was ended before '{} probe' had ended", program.display())]
    Cancelled {
        /// The server's executable.
        program: PathBuf,
    },
}

/// Makes probes by the server's own program, which opens libraries with the code that serves models
/// and without a look at the file before.
#[derive(Clone, Debug)]
pub struct Prober {
    /// The server's executable.
    pub program: PathBuf,
    /// Where runtimes are installed.
    pub runtime_cache: PathBuf,
    /// Longest time that one probe may take.
    pub limit: Duration,
    /// Ends a probe early.
    pub cancellation: Cancellation,
}

impl Prober {
    /// Opens `libraries` one after the other in one process of `runtime`.
    ///
    /// # Errors
    /// The program cannot be run, does not end in time, or prints no record.
    pub fn probe(&self, runtime: &Runtime, libraries: &[&Path]) -> Result<Probe, ProbeError> {
        let program = &self.program;
        let failed = |source| ProbeError::Program {
            program: program.clone(),
            source,
        };
        let output = tempfile::tempfile().map_err(failed)?;
        let errors = tempfile::tempfile().map_err(failed)?;
        let mut child = Command::new(program)
            .arg("probe")
            .arg("--runtime-cache")
            .arg(&self.runtime_cache)
            .arg("--runtime")
            .arg(argument(runtime))
            .args(libraries)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(failed)?)
            .stderr(errors.try_clone().map_err(failed)?)
            // A group of its own: signals of the terminal do not reach it.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let deadline = Instant::now() + self.limit;
        let ended = loop {
            if child.try_wait().map_err(failed)?.is_some() {
                break true;
            }
            if self.cancellation.is_cancelled() || Instant::now() >= deadline {
                break false;
            }
            std::thread::sleep(INTERVAL);
        };
        if !ended {
            if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
                // It may have ended meanwhile, which the wait tells.
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait().map_err(failed)?;
            return Err(if self.cancellation.is_cancelled() {
                ProbeError::Cancelled {
                    program: program.clone(),
                }
            } else {
                ProbeError::Late {
                    program: program.clone(),
                    limit: self.limit,
                }
            });
        }
        let text = content(output).map_err(failed)?;
        serde_json::from_str(&text).map_err(|error| ProbeError::NoRecord {
            program: program.clone(),
            reason: error.to_string(),
            said: content(errors).unwrap_or_default().trim().to_owned(),
        })
    }
}

/// How the program is told which runtime is meant.
fn argument(runtime: &Runtime) -> String {
    match runtime.origin {
        Origin::Cache => runtime.name.to_string(),
        Origin::InPlace => format!(
            "{}={}",
            runtime.name.framework,
            runtime.main_library.display()
        ),
    }
}

/// What the program wrote to a file that it shares with this process.
fn content(mut file: std::fs::File) -> io::Result<String> {
    use std::io::Seek;
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use runtimes::{Framework, RuntimeName, Size, Version};

    use super::*;

    /// What a program with this script makes of a probe that may take `limit`.
    fn probe(script: &str, limit: Duration) -> Result<Probe, ProbeError> {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let program = folder.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
        let prober = Prober {
            program,
            runtime_cache: folder.path().to_owned(),
            limit,
            cancellation: Cancellation::default(),
        };
        let runtime = Runtime {
            name: RuntimeName::new(Framework::PyTorch, Version::new(2, 11, 0)),
            main_library: "/opt/torch/lib/libtorch_cpu.so".into(),
            library_dirs: Vec::new(),
            package_dir: "/opt/torch".into(),
            origin: Origin::InPlace,
            size: Size::Small,
            include_dirs: Vec::new(),
            bundled: Vec::new(),
            python: None,
        };
        prober.probe(&runtime, &[Path::new("/opt/ops/libops.so")])
    }

    #[test]
    fn the_record_is_read_and_the_runtime_is_named_by_its_place() {
        let script = r#"[ "$5" = pytorch=/opt/torch/lib/libtorch_cpu.so ] || exit 1
            echo '{"runtime": "pytorch-2.11.0", "libraries": [], "duration_ms": 7}'"#;
        let record = probe(script, Duration::from_secs(20)).expect("a record");
        assert_eq!(record.duration_ms, 7);
    }

    #[test]
    fn a_program_without_a_record_or_an_end_is_told() {
        let error = probe("echo trouble >&2; exit 3", Duration::from_secs(20)).unwrap_err();
        assert!(error.to_string().contains("trouble"), "{error}");
        let error = probe("sleep 60", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, ProbeError::Late { .. }), "{error}");
    }
}
