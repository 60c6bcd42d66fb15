//! Processes that an op library started: they end with the experiment.

use std::io;

use procfs::process::{Process, all_processes};
use rustix::process::{Pid, Signal, WaitOptions};

/// Makes this process the parent of every descendant that loses its own.
///
/// # Errors
/// The kernel refuses.
pub fn adopt_orphans() -> io::Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(Into::into)
}

/// Ends all descendants of this process and waits until they are gone. To be called where nobody
/// else waits for a child any more.
pub fn end_all() {
    loop {
        for child in children() {
            // One that has ended meanwhile still waits to be reaped, so the number is its own.
            rustix::process::kill_process(child, Signal::KILL).ok();
        }
        // What a child leaves behind has become a child of ours when its end is told.
        if rustix::process::wait(WaitOptions::empty()).is_err() {
            return;
        }
    }
}

fn children() -> Vec<Pid> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let is_child = |process: &Process| process.stat().is_ok_and(|stat| stat.ppid == own);
    all_processes().map_or_else(
        |_| Vec::new(),
        |processes| {
            processes
                .flatten()
                .filter(is_child)
                .filter_map(|process| Pid::from_raw(process.pid))
                .collect()
        },
    )
}
