//! Sends requests at a pace and takes down how each ended.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::arrivals::Schedule;
use super::connection::{Connection, Connector, Failure};
use super::endpoint::Endpoint;
use super::expectation::Expectation;
use super::pace::{Arrivals, Pace};
use super::request::Request;
use super::timer::Timer;
use super::tls::Tls;

/// A request is late where it is sent so long after its moment.
pub const LATE: Duration = Duration::from_millis(1);
/// How long a slot waits after a broken connection, so that a server that is gone is not hammered.
const BACK_OFF: Duration = Duration::from_millis(10);
/// Different reasons that are told; more are counted under the last.
const REASONS: usize = 8;

/// What is sent where, and how answers are judged.
#[derive(Debug)]
pub struct Target {
    /// The server.
    pub endpoint: Endpoint,
    /// Its address.
    pub address: SocketAddr,
    /// How its connections begin, where they are with TLS.
    pub tls: Option<Tls>,
    /// Requests that are sent in turn, with what their answers must hold, where that is checked.
    pub requests: Vec<(Request, Option<Expectation>)>,
    /// The longest wait for an answer.
    pub limit: Duration,
}

/// How requests ended since the last look.
#[derive(Debug, Default)]
pub struct Tally {
    /// Latencies of right answers in microseconds.
    pub latencies: Vec<f64>,
    /// Wrong answers.
    pub wrong: usize,
    /// Requests without an answer.
    pub failed: usize,
    /// Requests that were sent late.
    pub late: usize,
    /// Requests whose moment had come (open loop).
    pub due: usize,
    /// What was said of failures and wrong answers.
    pub reasons: BTreeMap<String, usize>,
    /// When the last of them ended.
    pub last_end: Option<Instant>,
}

impl Tally {
    /// All requests.
    pub fn requests(&self) -> usize {
        self.latencies.len() + self.wrong + self.failed
    }

    /// Adds a later one.
    pub fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.wrong += other.wrong;
        self.failed += other.failed;
        self.late += other.late;
        self.due += other.due;
        self.last_end = other.last_end.or(self.last_end);
        for (reason, count) in other.reasons {
            self.count(reason, count);
        }
    }

    fn count(&mut self, reason: String, count: usize) {
        let is_known = self.reasons.contains_key(&reason);
        let reason = match is_known || self.reasons.len() < REASONS {
            true => reason,
            false => "other reasons".to_owned(),
        };
        *self.reasons.entry(reason).or_default() += count;
    }
}

/// Load that is being generated on the current runtime.
#[derive(Debug)]
pub struct Generator {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    target: Arc<Target>,
    connector: Connector,
    next: AtomicUsize,
    /// Requests that may still be sent.
    left: AtomicUsize,
    under_way: AtomicUsize,
    is_stopped: AtomicBool,
    tally: Mutex<Tally>,
    dispatch: Mutex<Dispatch>,
}

/// How the moments of an open loop find a slot.
#[derive(Debug, Default)]
struct Dispatch {
    /// Slots without a request; the last to have become idle is the first to get one.
    idle: Vec<oneshot::Sender<Instant>>,
    /// Moments for which there was no idle slot.
    waiting: VecDeque<Instant>,
}

impl Generator {
    /// Opens the connections and begins to send.
    ///
    /// # Errors
    /// A connection cannot be opened, or there is no timer.
    pub async fn start(target: Arc<Target>, pace: Pace, seed: u64) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            connector: Connector::new(&target.endpoint, target.address, target.tls.clone()),
            target,
            next: AtomicUsize::new(0),
            left: AtomicUsize::new(usize::MAX),
            under_way: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
            tally: Mutex::default(),
            dispatch: Mutex::default(),
        });
        let mut connections = Vec::new();
        for slot in 0..pace.slots().max(1) {
            connections.push(shared.connector.connect(slot).await?);
        }
        let mut tasks = JoinSet::new();
        for (slot, connection) in (0..).zip(connections) {
            let slot = Slot {
                number: slot,
                connection: Some(connection),
                shared: Arc::clone(&shared),
            };
            match pace {
                Pace::Closed { .. } => tasks.spawn(slot.closed_loop()),
                Pace::Open { .. } => tasks.spawn(slot.open_loop()),
            };
        }
        if let Pace::Open { rate, arrivals, .. } = pace {
            let timer = Timer::new().map_err(|error| Failure::Broken(error.to_string()))?;
            tasks.spawn(dispatch(Arc::clone(&shared), timer, rate, arrivals, seed));
        }
        Ok(Self { shared, tasks })
    }

    /// What ended since the last call.
    pub fn take(&self) -> Tally {
        std::mem::take(&mut self.shared.tally())
    }

    /// How many requests ended since the last [`take`](Self::take), and how many of them were right.
    pub fn so_far(&self) -> (usize, usize) {
        let tally = self.shared.tally();
        (tally.requests(), tally.latencies.len())
    }

    /// Sends `requests` more and no others. Those that are under way are not among them.
    pub fn limit(&self, requests: usize) {
        self.shared.left.store(requests, Relaxed);
    }

    /// Whether a request is under way or waiting.
    pub fn is_busy(&self) -> bool {
        self.shared.under_way.load(Relaxed) > 0 || !self.shared.dispatch().waiting.is_empty()
    }

    /// Sends nothing more and waits for what is under way or waiting; what is not answered within the
    /// longest wait for an answer counts as failed.
    pub async fn stop(mut self) -> Tally {
        self.shared.is_stopped.store(true, Relaxed);
        // Idle slots end when nobody can give them a moment any more.
        self.shared.dispatch().idle.clear();
        let limit = self.shared.target.limit;
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let is_ended = tokio::time::timeout(limit, ended).await.is_ok();
        if !is_ended {
            self.tasks.abort_all();
        }
        let mut tally = self.take();
        let unanswered = match is_ended {
            true => 0,
            false => self.shared.under_way.load(Relaxed) + self.shared.dispatch().waiting.len(),
        };
        if unanswered > 0 {
            tally.failed += unanswered;
            tally.count(Failure::TimedOut(limit).to_string(), unanswered);
        }
        tally
    }
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        // All tasks share one thread: a panic in one is a panic of the harness.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dispatch(&self) -> MutexGuard<'_, Dispatch> {
        self.dispatch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more may be sent.
    fn may_send(&self) -> bool {
        if self.is_stopped.load(Relaxed) {
            return false;
        }
        let left = self.left.load(Relaxed);
        if left == 0 {
            return false;
        }
        self.left.store(
            left.saturating_sub(usize::from(left != usize::MAX)),
            Relaxed,
        );
        true
    }
}

/// Hands each moment of the schedule to an idle slot when it has come.
async fn dispatch(shared: Arc<Shared>, timer: Timer, rate: f64, arrivals: Arrivals, seed: u64) {
    let begin = Instant::now();
    for moment in Schedule::new(rate, arrivals, seed) {
        let Some(moment) = begin.checked_add(moment) else {
            return;
        };
        // The end of the load must not wait for a moment that is far away.
        loop {
            let ahead = moment.saturating_duration_since(Instant::now());
            if ahead.is_zero() || shared.is_stopped.load(Relaxed) {
                break;
            }
            let step = ahead.min(Duration::from_millis(100));
            if timer.sleep(step).await.is_err() {
                return;
            }
        }
        if !shared.may_send() {
            if shared.is_stopped.load(Relaxed) {
                return;
            }
            // The number that was asked for has been sent; the load has not been ended yet.
            if timer.sleep(Duration::from_millis(1)).await.is_err() {
                return;
            }
            continue;
        }
        shared.tally().due += 1;
        {
            let mut dispatch = shared.dispatch();
            let mut moment = Some(moment);
            while let Some(idle) = dispatch.idle.pop()
                && let Some(given) = moment.take()
            {
                // A slot that is gone gives the moment back.
                moment = idle.send(given).err();
                if moment.is_none() {
                    break;
                }
            }
            dispatch.waiting.extend(moment);
        }
        // Where the schedule is behind, the slots must get their turn all the same.
        tokio::task::yield_now().await;
    }
}

/// One place for a request under way.
struct Slot {
    number: u32,
    connection: Option<Connection>,
    shared: Arc<Shared>,
}

impl Slot {
    async fn closed_loop(mut self) {
        while !self.shared.is_stopped.load(Relaxed) {
            if self.shared.may_send() {
                self.perform(None).await;
            } else {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    async fn open_loop(mut self) {
        loop {
            let next = self.shared.dispatch().waiting.pop_front();
            let moment = match next {
                Some(moment) => moment,
                None if self.shared.is_stopped.load(Relaxed) => return,
                None => {
                    let (sender, receiver) = oneshot::channel();
                    self.shared.dispatch().idle.push(sender);
                    match receiver.await {
                        Ok(moment) => moment,
                        Err(_) => return,
                    }
                }
            };
            self.perform(Some(moment)).await;
        }
    }

    /// Sends a request and takes down how it ended. Its latency counts from `moment`, where it was to
    /// be sent at one.
    async fn perform(&mut self, moment: Option<Instant>) {
        let shared = &self.shared;
        shared.under_way.fetch_add(1, Relaxed);
        let target = &shared.target;
        let index = match target.requests.len() {
            1 => 0,
            several => shared.next.fetch_add(1, Relaxed) % several,
        };
        let (request, expectation) = &target.requests[index];
        let begin = Instant::now();
        let connection = &mut self.connection;
        if connection.as_ref().is_some_and(Connection::is_closed) {
            *connection = None;
        }
        let exchange = async {
            let connection = match connection {
                Some(connection) => connection,
                none => none.insert(shared.connector.connect(self.number).await?),
            };
            connection.exchange(request, expectation.is_some()).await
        };
        let ended = tokio::time::timeout(target.limit, exchange).await;
        let end = Instant::now();
        let answer = ended.unwrap_or(Err(Failure::TimedOut(target.limit)));
        let is_broken = matches!(answer, Err(Failure::Broken(_) | Failure::TimedOut(_)));
        {
            let mut tally = shared.tally();
            let origin = moment.unwrap_or(begin);
            tally.late += usize::from(begin.saturating_duration_since(origin) > LATE);
            tally.last_end = Some(end);
            match answer {
                Ok(answer) => {
                    let checked = expectation.as_ref().map_or(Ok(()), |expectation| {
                        expectation.check(target.endpoint.protocol, &answer)
                    });
                    match checked {
                        Ok(()) => tally.latencies.push((end - origin).as_secs_f64() * 1e6),
                        Err(reason) => {
                            tally.wrong += 1;
                            tally.count(format!("wrong answer: {reason}"), 1);
                        }
                    }
                }
                Err(failure) => {
                    tally.failed += 1;
                    tally.count(failure.to_string(), 1);
                }
            }
        }
        shared.under_way.fetch_sub(1, Relaxed);
        if is_broken {
            self.connection = None;
            tokio::time::sleep(BACK_OFF).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::data::Tensor;
    use crate::load::data_type::DataType;
    use crate::load::overhead::null_target;

    /// Load until there are `requests`: what had ended until then, how long that took, and the rest.
    fn run(pace: Pace, requests: usize, url: &str) -> (Tally, Duration, Tally) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let endpoint: Endpoint = url.parse().unwrap();
            let tensor = Tensor {
                name: "x".into(),
                data_type: DataType::Fp32,
                shape: vec![1, 16],
                bytes: vec![0; 64],
            };
            let request = Request::inference(&endpoint, "null", None, &[tensor]).unwrap();
            let target = null_target(endpoint.protocol, request, vec![7; 100].into());
            let target = Arc::new(target.await.unwrap());
            let generator = Generator::start(target, pace, 1).await.unwrap();
            let begin = Instant::now();
            while generator.so_far().0 < requests {
                assert!(
                    begin.elapsed() < Duration::from_secs(60),
                    "too few requests"
                );
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let (counted, elapsed) = (generator.take(), begin.elapsed());
            (counted, elapsed, generator.stop().await)
        })
    }

    const PROTOCOLS: [&str; 2] = ["http://127.0.0.1:1", "grpc://127.0.0.1:1"];

    #[test]
    fn a_closed_loop_keeps_every_slot_busy() {
        for url in PROTOCOLS {
            let pace = Pace::Closed { concurrency: 8 };
            let (counted, _, rest) = run(pace, 50, url);
            assert_eq!(
                (counted.failed, counted.wrong, counted.late),
                (0, 0, 0),
                "{counted:?}"
            );
            // Each has one under way when it ends, beside what ended since the last look.
            assert!(rest.latencies.len() >= 8, "{url}");
        }
    }

    #[test]
    fn an_open_loop_sends_no_request_before_its_moment() {
        for url in PROTOCOLS {
            let pace = Pace::Open {
                rate: 500.0,
                arrivals: Arrivals::Constant,
                connections: 8,
            };
            let (counted, elapsed, rest) = run(pace, 100, url);
            assert!(elapsed >= Duration::from_millis(198), "{url}: {elapsed:?}");
            let most = elapsed.as_secs_f64() * 500.0 + 2.0;
            assert!(counted.requests() as f64 <= most, "{url}: {counted:?}");
            assert_eq!(counted.failed + rest.failed, 0, "{url}: {counted:?}");
            let all = counted.requests() + rest.requests();
            assert_eq!(counted.due + rest.due, all, "{url}");
        }
    }
}
