//! Requests to a healthy model, without a pause, from a thread of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::{Client, ClientError};
use crate::experiment::question::Question;
use crate::observation::Traffic;

/// Answers that the model must have given before the trouble begins.
const WARM_UP: u64 = 10;
/// Pause after a failed request, so that a server that is gone is not asked a million times.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(1);

/// Traffic that is under way. Dropping it ends it.
pub struct RunningTraffic {
    model: String,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    stop: AtomicBool,
    trouble: AtomicBool,
    before: AtomicU64,
    after: AtomicU64,
    failures: AtomicU64,
    first_failure: Mutex<Option<String>>,
}

impl RunningTraffic {
    /// Begins to ask `question` at the server, over one connection.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub fn start(
        server: SocketAddr,
        question: Question,
        limit: Duration,
    ) -> Result<Self, ClientError> {
        let client = Client::new(server, limit)?;
        let state = Arc::new(State::default());
        let model = question.model.clone();
        let thread = std::thread::spawn({
            let state = Arc::clone(&state);
            move || state.run(&client, &question)
        });
        Ok(Self {
            model,
            state,
            thread: Some(thread),
        })
    }

    /// Waits until the model has answered a few times; from then on requests count as sent after
    /// the trouble began. `false`: it did not answer so often within `limit`.
    pub fn warm_up(&self, limit: Duration) -> bool {
        let warm = self.await_count(&self.state.before, WARM_UP, limit);
        self.state.trouble.store(true, Ordering::SeqCst);
        warm
    }

    /// Waits until `count` further requests were sent. `false`: not within `limit`.
    pub fn await_further(&self, count: u64, limit: Duration) -> bool {
        let target = self.state.after.load(Ordering::SeqCst) + count;
        self.await_count(&self.state.after, target, limit)
    }

    fn await_count(&self, counter: &AtomicU64, target: u64, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while counter.load(Ordering::SeqCst) < target {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Ends it and tells what came of it.
    pub fn finish(mut self) -> Traffic {
        self.stop();
        let failure = self
            .state
            .first_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Traffic {
            model: self.model.clone(),
            requests_before: self.state.before.load(Ordering::SeqCst),
            requests_after: self.state.after.load(Ordering::SeqCst),
            failures: self.state.failures.load(Ordering::SeqCst),
            first_failure: failure.clone(),
        }
    }

    fn stop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            self.state.fail("the traffic's thread panicked".to_owned());
        }
    }
}

impl Drop for RunningTraffic {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    fn run(&self, client: &Client, question: &Question) {
        while !self.stop.load(Ordering::SeqCst) {
            // Counted by when it is sent: a request that is under way when the trouble begins is
            // one of those before.
            let counter = if self.trouble.load(Ordering::SeqCst) {
                &self.after
            } else {
                &self.before
            };
            if let Err(failure) = question.ask(client) {
                self.fail(failure.to_string());
                std::thread::sleep(PAUSE_AFTER_FAILURE);
            }
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn fail(&self, text: String) {
        self.failures.fetch_add(1, Ordering::SeqCst);
        self.first_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(text);
    }
}
