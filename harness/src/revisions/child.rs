//! A process that ends with the run.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use suites::Cancellation;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long it may take to end by itself when it is asked to.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines of output that are told where it fails.
const TOLD: usize = 20;

/// Why a process has no result.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not be started, or what it writes could not be kept.
    #[error("failed to {attempt} {}: {source}; check that it is there and the free space", path.display())]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The run was ended.
    #[error("ended before everything was measured")]
    Cancelled,
}

/// What a process came to.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub output: String,
    /// The last lines of what it wrote to standard error.
    pub last_words: String,
}

/// Runs `command` to its end and keeps what it writes in files in `folder` meanwhile. Where the run is
/// cancelled, it is asked to end (SIGTERM), and killed with all its children where it does not.
///
/// # Errors
/// [`ChildError`].
pub fn run_child(
    command: &mut Command,
    folder: &Path,
    cancellation: &Cancellation,
) -> Result<Ended, ChildError> {
    let program = PathBuf::from(command.get_program());
    let (output, errors) = (folder.join("stdout"), folder.join("stderr"));
    let file = |path: &Path| File::create(path).map_err(io_error("write", path));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file(&output)?)
        .stderr(file(&errors)?)
        // A group of its own: an interrupt of the terminal reaches it once, from here.
        .process_group(0)
        .spawn()
        .map_err(io_error("start", &program))?;
    let group = child.id();
    let mut asked: Option<Instant> = None;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(io_error("wait for", &program))? {
            break status;
        }
        match asked {
            None if cancellation.is_cancelled() => {
                // Not SIGINT, which what runs in the background of a script ignores.
                signal(group, libc::SIGTERM);
                asked = Some(Instant::now());
            }
            Some(asked) if asked.elapsed() > PATIENCE => signal(group, libc::SIGKILL),
            _ => {}
        }
        std::thread::sleep(INTERVAL);
    };
    if cancellation.is_cancelled() {
        return Err(ChildError::Cancelled);
    }
    let text = |path: &Path| {
        let bytes = std::fs::read(path).map_err(io_error("read", path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let errors = text(&errors)?;
    let lines: Vec<&str> = errors.lines().collect();
    Ok(Ended {
        status,
        output: text(&output)?,
        last_words: lines[lines.len().saturating_sub(TOLD)..].join("\n"),
    })
}

/// Sends `signal` to the process group of a child that has not been waited for.
fn signal(group: u32, signal: libc::c_int) {
    let Ok(group) = libc::pid_t::try_from(group) else {
        return;
    };
    // SAFETY: kill takes two numbers and touches no memory of this process. The group is that of a child
    // that has not been waited for, so its number has not been given to another one.
    unsafe { libc::kill(-group, signal) };
}

fn io_error(attempt: &'static str, path: &Path) -> impl Fn(io::Error) -> ChildError {
    let path = path.to_owned();
    move |source| ChildError::Io {
        attempt,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn what_it_writes_and_how_it_ends_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let never = Cancellation::default();
        let line = "echo out; for i in $(seq 50); do echo error $i >&2; done; exit 3";
        let ended = run_child(&mut shell(line), folder.path(), &never).unwrap();
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(ended.output, "out\n");
        assert_eq!(ended.last_words.lines().count(), TOLD);
        assert!(ended.last_words.ends_with("error 50"));
        let error = run_child(&mut Command::new("/no/such/program"), folder.path(), &never);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("/no/such/program"), "{error}");
    }

    #[test]
    fn it_ends_with_the_run_and_so_do_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let cancellation = Cancellation::default();
        let other = cancellation.clone();
        let started = folder.path().join("started");
        let waited = started.clone();
        std::thread::spawn(move || {
            let deadline = Instant::now() + Duration::from_secs(20);
            while !waited.exists() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            other.cancel();
        });
        let begin = Instant::now();
        let line = format!("touch {}; sleep 600", started.display());
        let ended = run_child(&mut shell(&line), folder.path(), &cancellation);
        assert!(matches!(ended, Err(ChildError::Cancelled)), "{ended:?}");
        assert!(begin.elapsed() < PATIENCE);
    }
}
