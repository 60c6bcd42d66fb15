//! How long an instance's thread waits before it sleeps.
//!
//! Waking a thread on an idle processor takes far longer than a small execution, above all in a
//! virtual machine. While requests follow each other closely, the thread therefore looks for the
//! next one for a while. It does so only where the last few came within that while, where the
//! machine has another processor to spare, and in one thread of a worker at a time: an idle server
//! takes no processor time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ipc::lane::{Lane, monotonic_ns};

/// Longest wait without sleeping.
const LONGEST_NS: u64 = 200_000;
/// Gaps count as this at most, so that a burst after a pause is recognised within a few requests.
const GAP_CAP_NS: u64 = 4 * LONGEST_NS;

/// The waiting of one thread.
#[derive(Debug)]
pub struct Patience {
    /// Held while a thread of this worker waits without sleeping; `None` with one processor.
    spinner: Option<Arc<AtomicBool>>,
    /// When the thread ran out of work.
    idle_since: Option<u64>,
    /// Running average of the time from there to the next request.
    gap_ns: u64,
}

impl Patience {
    /// The patience of a thread that shares `spinner` with the other threads of its worker.
    pub fn new(spinner: Arc<AtomicBool>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            spinner: (processors > 1).then_some(spinner),
            idle_since: None,
            gap_ns: GAP_CAP_NS,
        }
    }

    /// Notes that there is work.
    pub fn taken(&mut self) {
        if let Some(since) = self.idle_since.take() {
            let gap = monotonic_ns().saturating_sub(since).min(GAP_CAP_NS);
            self.gap_ns = (self.gap_ns * 3 + gap) / 4;
        }
    }

    /// Waits for work without sleeping. Returns false where the thread should sleep.
    pub fn wait(&mut self, lane: &Lane) -> bool {
        let since = *self.idle_since.get_or_insert_with(monotonic_ns);
        let Some(spinner) = &self.spinner else {
            return false;
        };
        if self.gap_ns > LONGEST_NS || spinner.swap(true, Ordering::Acquire) {
            return false;
        }
        let mut found = lane.has_submission();
        while !found && monotonic_ns().saturating_sub(since) < LONGEST_NS {
            // Whoever else wants this processor gets it: above all the front, where both share one.
            rustix::thread::sched_yield();
            found = lane.has_submission();
        }
        spinner.store(false, Ordering::Release);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::lane::Submission;
    use crate::ipc::region::Region;

    fn patience(spinner: &Arc<AtomicBool>) -> Patience {
        Patience {
            spinner: Some(spinner.clone()),
            idle_since: None,
            gap_ns: GAP_CAP_NS,
        }
    }

    #[test]
    fn only_close_requests_make_a_thread_wait_awake() {
        let region = Region::create().unwrap();
        let lane = region.lane(0);
        let spinner = Arc::new(AtomicBool::new(false));
        let mut patience = patience(&spinner);
        assert!(!patience.wait(lane), "nothing is known yet");
        for _ in 0..20 {
            patience.idle_since = Some(monotonic_ns());
            patience.taken();
        }
        assert!(patience.gap_ns < LONGEST_NS);
        assert!(!lane.submit(Submission {
            offset: 0,
            words: 1
        }));
        assert!(patience.wait(lane), "work is there at once");
        patience.taken();
        lane.take().unwrap();
        assert!(!patience.wait(lane), "nothing comes in time");
        for _ in 0..20 {
            patience.idle_since = Some(0);
            patience.taken();
        }
        assert!(patience.gap_ns > LONGEST_NS, "long gaps end the waiting");
    }

    #[test]
    fn one_thread_of_a_worker_waits_awake_at_a_time() {
        let region = Region::create().unwrap();
        let spinner = Arc::new(AtomicBool::new(true));
        let mut patience = patience(&spinner);
        patience.gap_ns = 0;
        assert!(!patience.wait(region.lane(0)));
        assert!(spinner.load(Ordering::Relaxed), "somebody else holds it");
    }
}
