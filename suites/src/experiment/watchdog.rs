//! Ends a case that takes too long or whose run is cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::options::Cancellation;
use crate::server::Killer;

/// How often the switch and the clock are looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Kills a server when its time is up or the run is cancelled: every request to it ends then, and
/// with them the case. Dropping it lets the server go on.
pub struct Watchdog {
    /// Dropped to end the thread.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    bite: Arc<AtomicU8>,
}

/// Why a watchdog killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bite {
    /// The time is up.
    TimeLimit,
    /// The run is cancelled.
    Cancelled,
}

impl Watchdog {
    /// Watches over the server of `killer` until `deadline`.
    pub fn new(killer: Killer, deadline: Instant, cancellation: Cancellation) -> Self {
        let (alive, ended) = channel::<()>();
        let bite = Arc::new(AtomicU8::new(0));
        let thread = std::thread::spawn({
            let bite = Arc::clone(&bite);
            move || {
                while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(INTERVAL) {
                    let reason = match () {
                        () if cancellation.is_cancelled() => 2,
                        () if Instant::now() >= deadline => 1,
                        () => continue,
                    };
                    bite.store(reason, Ordering::SeqCst);
                    killer.kill();
                    return;
                }
            }
        });
        Self {
            alive: Some(alive),
            thread: Some(thread),
            bite,
        }
    }

    /// Whether, and why, it killed the server.
    pub fn bite(&self) -> Option<Bite> {
        match self.bite.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Bite::TimeLimit),
            _ => Some(Bite::Cancelled),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell; a panic in it was printed already.
            let _ = thread.join();
        }
    }
}
