//! How many clients a port serves at a time, and how long they may keep it waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest default for `--max-connections`.
const MOST_CONNECTIONS: u64 = 4096;
/// Open files that the server asks the system for where it has fewer.
const WANTED_FILES: u64 = 65536;
/// Clients that are being told at the same time that there is no place for them.
const REFUSALS: usize = 32;
/// Time between two lines of the log about the same port.
const QUIET: Duration = Duration::from_secs(10);

/// Takes as many open files as the system lets this process have, up to what it can use: the limit
/// that shells and service managers set is meant for programs that hold few connections.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(WANTED_FILES);
    if current < wanted {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        // Without it, fewer connections are served at a time; nothing else goes wrong.
        setrlimit(Resource::Nofile, raised).ok();
    }
}

/// Connections that HTTP and gRPC each may have where the operator does not say: a quarter of the
/// files that this process may open, so that workers and regions find some however many clients come.
pub fn default_connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    (files / 4).clamp(1, MOST_CONNECTIONS) as usize
}

/// A connection's place among those that a port serves; free again when dropped.
pub type Place = OwnedSemaphorePermit;

/// Who is let in at one port.
#[derive(Debug)]
pub struct Admission {
    purpose: &'static str,
    most: usize,
    patience: Duration,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    /// When the log last had a line about this port.
    told: Mutex<Option<Instant>>,
}

impl Admission {
    /// `most` connections at a time to the port for `purpose`. `patience` is how long a client may
    /// take to send or to receive what comes next.
    pub fn new(purpose: &'static str, most: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            purpose,
            most,
            patience,
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            told: Mutex::default(),
        })
    }

    /// How long a client may take to send or to receive what comes next.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// A place for a connection that came; `None` where all are taken, which the log tells.
    pub fn admit(&self) -> Option<Place> {
        let place = self.places.clone().try_acquire_owned().ok();
        if place.is_none() {
            self.warn(format_args!("{}", self.refusal()));
        }
        place
    }

    /// What a client is told for which there is no place.
    pub fn refusal(&self) -> String {
        format!(
            "the server has no place for another connection over {}: {} are open; close one, or \
             start the server with a higher --max-connections",
            self.purpose, self.most
        )
    }

    /// The right to tell a client that there is no place; `None` where so many are being told that
    /// this one is turned away without a word.
    pub fn refuse(&self) -> Option<Place> {
        self.refusals.clone().try_acquire_owned().ok()
    }

    /// Writes a warning to the log unless there was one a moment ago: clients must not be able to
    /// fill it.
    pub fn warn(&self, what: std::fmt::Arguments<'_>) {
        let mut told = self.told.lock();
        if told.is_none_or(|told| told.elapsed() >= QUIET) {
            *told = Some(Instant::now());
            tracing::warn!("{what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_is_gone() {
        let admission = Admission::new("HTTP", 2, Duration::from_secs(1));
        let first = admission.admit().unwrap();
        let _second = admission.admit().unwrap();
        assert!(admission.admit().is_none());
        drop(first);
        assert!(admission.admit().is_some());
        assert!(admission.refusal().contains("HTTP: 2 are open"));
    }

    #[test]
    fn few_are_told_at_a_time() {
        let admission = Admission::new("HTTP", 1, Duration::from_secs(1));
        let told: Vec<_> = (0..REFUSALS).map(|_| admission.refuse()).collect();
        assert!(told.iter().all(Option::is_some));
        assert!(admission.refuse().is_none());
    }
}
