//! Ctrl-C and SIGTERM end a run cleanly: servers are stopped, and what was done is kept.

use suites::Cancellation;
use tokio::signal::unix::{SignalKind, signal};

/// The conventional exit status of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Cancels `cancellation` at the first SIGINT or SIGTERM and ends the process at the second. Where
/// signals cannot be watched, they end the process as usual.
pub fn watch(cancellation: Cancellation) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        else {
            return;
        };
        runtime.block_on(async {
            let (Ok(mut interrupt), Ok(mut terminate)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
            ) else {
                return;
            };
            for first in [true, false] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if first {
                    eprintln!("\nending: what was done so far is kept; once more ends at once");
                    cancellation.cancel();
                } else {
                    std::process::exit(INTERRUPTED);
                }
            }
        });
    });
}
