//! The sub-command: from its arguments to the end of standard input.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::FromRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use measure_protocol::Request;
use runtimes::Cache;

use super::error::MeasureError;
use super::options::{MeasureOptions, NOT_READY};
use super::session::Session;
use crate::front::hosted::Hosted;
use crate::front::preload::{Finding, VARIABLE};
use crate::front::program::own_program;
use crate::front::worker_process::environment;
use crate::ipc::arena::WorkerArena;
use crate::ipc::region::Region;

/// Tells a process that it was started with the environment of a worker.
const PREPARED: &str = "REFERENCE_SERVER_MEASURE_PREPARED";

/// Answers requests until standard input ends. `preloaded` is what became of `LD_PRELOAD`, which is no
/// part of what is measured. Returns the exit status.
pub fn run(options: &MeasureOptions, preloaded: &[Finding]) -> ExitCode {
    for library in preloaded {
        tracing::warn!(
            "'{}' in {VARIABLE} is no part of what is measured",
            library.entry.display()
        );
    }
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(NOT_READY)
        }
    }
}

fn serve(options: &MeasureOptions) -> Result<(), MeasureError> {
    let cache = Cache::locate(options.runtime_cache.as_deref())?;
    let runtime = options.runtime.find(&cache)?;
    let bridge = bridges::build(&runtime, &cache)?;
    let hosted = Hosted::new(&runtime, bridge, Vec::new());
    if std::env::var_os(PREPARED).is_none() {
        // The dynamic loader reads its search path once, when a process starts.
        let error = Command::new(own_program())
            .args(std::env::args_os().skip(1))
            .envs(environment(&hosted.library_dirs))
            .env(PREPARED, "1")
            .exec();
        return Err(MeasureError::Process(error));
    }
    let mut replies = claim_output().map_err(MeasureError::Process)?;
    let region = Region::create().map_err(|error| MeasureError::Process(error.into()))?;
    region
        .pinned()
        .set_budget(options.pinned_memory_pool_byte_size);
    let arena = WorkerArena::new(region);
    let mut session = Session::open(&hosted.specification(), arena, options.cupti.as_deref())?;
    for line in io::stdin().lock().lines() {
        let line = line.map_err(MeasureError::Pipe)?;
        if line.trim().is_empty() {
            continue;
        }
        let request: Request = serde_json::from_str(&line).map_err(MeasureError::Request)?;
        let reply = session.answer(request);
        let mut line = serde_json::to_vec(&reply)
            .map_err(io::Error::from)
            .map_err(MeasureError::Pipe)?;
        line.push(b'\n');
        replies.write_all(&line).map_err(MeasureError::Pipe)?;
    }
    Ok(())
}

/// Takes standard output for the replies alone: what a framework or an op library prints there goes to
/// standard error from here on.
fn claim_output() -> io::Result<File> {
    // SAFETY: only duplicates a descriptor, which nothing else owns yet.
    let own = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_DUPFD_CLOEXEC, 3) };
    if own < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and is owned by nobody.
    let own = unsafe { File::from_raw_fd(own) };
    // SAFETY: replaces what the number of standard output stands for; Rust's own output is not used.
    if unsafe { libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(own)
}
