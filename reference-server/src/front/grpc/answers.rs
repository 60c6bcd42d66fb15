//! Answers of a connection that wait for the client to take them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;

/// The answers of one connection that the client has not taken yet.
///
/// In HTTP/2 a client says how much it is willing to receive, for each call and for all together. One
/// that never says so keeps its answers in the server's memory while its connection looks alive.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Since when each waits, with a number that tells them apart.
    waiting: Mutex<BTreeSet<(Instant, u64)>>,
    next: AtomicU64,
}

impl Answers {
    /// Since when the one that has waited longest does.
    pub fn oldest(&self) -> Option<Instant> {
        let waiting = self.0.waiting.lock();
        waiting.first().map(|(since, _)| *since)
    }

    /// An answer that begins to wait now.
    pub fn begin(&self) -> Delivery {
        let mut delivery = Delivery {
            answers: self.clone(),
            number: self.0.next.fetch_add(1, Ordering::Relaxed),
            waits_since: None,
        };
        delivery.waits();
        delivery
    }
}

/// One answer on its way to the client; delivered when dropped.
#[derive(Debug)]
pub struct Delivery {
    answers: Answers,
    number: u64,
    waits_since: Option<Instant>,
}

impl Delivery {
    /// A part of the answer waits from now on for the client.
    pub fn waits(&mut self) {
        self.taken();
        let now = Instant::now();
        self.answers.0.waiting.lock().insert((now, self.number));
        self.waits_since = Some(now);
    }

    /// The client took all that there is so far.
    pub fn taken(&mut self) {
        if let Some(since) = self.waits_since.take() {
            self.answers.0.waiting.lock().remove(&(since, self.number));
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.taken();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_that_waits_longest_counts() {
        let answers = Answers::default();
        assert_eq!(answers.oldest(), None);
        let mut first = answers.begin();
        let begin = answers.oldest();
        let second = answers.begin();
        assert_eq!(answers.oldest(), begin);
        first.taken();
        let later = answers.oldest();
        assert!(later >= begin);
        first.waits();
        assert_eq!(answers.oldest(), later);
        drop(second);
        assert!(answers.oldest() >= later);
        drop(first);
        assert_eq!(answers.oldest(), None);
    }
}
