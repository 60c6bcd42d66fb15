//! The queue of one model version and the instances that empty it.
//!
//! A request goes straight to an idle instance where there is one; otherwise it waits here. With
//! dynamic batching, requests that fit together are served by one execution. The instances come
//! and go with worker processes; the queue outlives them.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::{Notify, oneshot};

use super::shared_memory::registration::Registration;
use super::statistics::Statistics;
use super::worker_process::WorkerProcess;
use crate::configuration::{DynamicBatching, QueuePolicy, QueueTimeoutAction};
use crate::ipc::arena::{FrontArena, InputBlock, OutputBlock};
use crate::ipc::descriptor::{RequestParts, Target, TensorPlace, read_tensors, write_execution};
use crate::ipc::lane::{
    Completion, ExecutionTimes, Holds, LANE_SLOTS, Refused, Submission, monotonic_ns,
};
use crate::protocol::{DataType, Shape, shape};

/// Longest error text of a worker, in bytes.
const LONGEST_TEXT: usize = 64 << 10;
/// Longest output descriptor of a worker, in bytes.
const LONGEST_DESCRIPTOR: usize = 1 << 20;

/// How a model's queue behaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Largest batch; 0 where the model does not batch.
    pub max_batch_size: u64,
    /// Dynamic batching, where the model asks for it.
    pub batching: Option<DynamicBatching>,
}

impl Policy {
    /// One execution a request, in the order of arrival.
    const PLAIN: Self = Self {
        max_batch_size: 0,
        batching: None,
    };

    /// The priority level of a request that asks for `asked`; 0 asks for the default. 1 is the
    /// most urgent.
    fn level(&self, asked: u64) -> u64 {
        match &self.batching {
            Some(batching) if batching.priority_levels > 0 => match asked {
                0 => batching.default_priority_level,
                asked => asked.min(batching.priority_levels),
            },
            _ => 0,
        }
    }

    /// What happens to requests of `level` that wait.
    fn queue(&self, level: u64) -> QueuePolicy {
        self.batching
            .as_ref()
            .map_or_else(QueuePolicy::default, |batching| {
                batching
                    .queue_policies
                    .get(&level)
                    .copied()
                    .unwrap_or(batching.default_queue_policy)
            })
    }

    /// Monotonic time after which a request may no longer wait.
    fn deadline(&self, job: &InferenceJob) -> Option<u64> {
        let queue = self.queue(self.level(job.priority));
        let asked = job.timeout.filter(|_| queue.allow_timeout_override);
        let limit = match (queue.default_timeout, asked) {
            (Some(default), Some(asked)) => Some(default.min(asked)),
            (default, asked) => default.or(asked),
        };
        limit.map(|limit| job.arrived.saturating_add(limit.as_nanos() as u64))
    }
}

/// One request, its inputs in shared memory.
#[derive(Debug)]
pub struct InferenceJob {
    /// The inputs' memory.
    pub block: InputBlock,
    /// Where each input is.
    pub inputs: SmallVec<[TensorPlace; 4]>,
    /// Wanted outputs, ascending.
    pub outputs: SmallVec<[u32; 4]>,
    /// The outputs that go to regions of the client.
    pub targets: SmallVec<[Target; 2]>,
    /// The regions of the client that inputs and outputs are in.
    pub client_memory: SmallVec<[Arc<Registration>; 2]>,
    /// First dimension of the inputs where the model batches; else 1.
    pub batch_size: u64,
    /// When the request arrived, monotonic ns.
    pub arrived: u64,
    /// The priority that the request asks for; 0 for the default.
    pub priority: u64,
    /// How long the request is willing to wait.
    pub timeout: Option<Duration>,
}

/// One output tensor in the worker's memory.
#[derive(Clone, Debug)]
pub struct OutputTensor {
    /// Index in the model's signature.
    pub number: u32,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions.
    pub shape: Shape,
    /// Elements; `BYTES` length-prefixed. Empty where the output is in a region of the client.
    pub data: Bytes,
    /// The worker wrote it where the client wants it.
    pub in_client_memory: bool,
}

/// Why a request was not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InferenceError {
    /// The framework refused or failed.
    #[error("{0}")]
    Execution(String),
    /// The request is wrong, as the worker found in memory of the client.
    #[error(transparent)]
    Refused(Refused),
    /// The worker died while it served the request.
    #[error("{0}")]
    WorkerDied(String),
    /// The model is not, or no longer, served.
    #[error("{0}")]
    Unavailable(String),
    /// The queue is full.
    #[error("Exceeds maximum queue size")]
    QueueFull,
    /// The request waited too long.
    #[error("Request timeout expired")]
    QueueTimeout,
}

/// What a request ends with.
pub type Outcome = Result<Vec<OutputTensor>, InferenceError>;

struct Pending {
    job: InferenceJob,
    /// 1 is the most urgent; 0 where the model has no levels.
    level: u64,
    deadline: Option<u64>,
    answer: oneshot::Sender<Outcome>,
}

/// Requests that are executed together.
struct Running {
    requests: SmallVec<[Pending; 1]>,
    /// Keeps the descriptor's memory until the answer.
    _descriptor: InputBlock,
    submitted: u64,
}

struct Instance {
    process: Arc<WorkerProcess>,
    lane: u32,
    /// Number of the next completion.
    reaped: u32,
    running: VecDeque<Running>,
}

enum Status {
    /// Requests wait for a worker.
    Waiting,
    Serving,
    /// Requests are refused, for this reason.
    Stopped(String),
}

struct State {
    status: Status,
    queue: VecDeque<Pending>,
    instances: Vec<Instance>,
    /// The arena of the newest process; it outlives the process for requests that wait.
    arena: Option<Arc<FrontArena>>,
    /// A task waits for the delay of the oldest request.
    timer: bool,
    words: Vec<u64>,
}

impl State {
    /// Whether no request waits or is being executed.
    fn is_idle(&self) -> bool {
        self.queue.is_empty()
            && self
                .instances
                .iter()
                .all(|instance| instance.running.is_empty())
    }
}

/// See the module.
pub struct Scheduler {
    /// Known once the model is loaded, which is before the first request.
    policy: OnceLock<Policy>,
    statistics: Arc<Statistics>,
    state: Mutex<State>,
    drained: Notify,
}

impl Scheduler {
    /// A scheduler without instances: requests wait.
    pub fn new(statistics: Arc<Statistics>) -> Arc<Self> {
        Arc::new(Self {
            policy: OnceLock::new(),
            statistics,
            state: Mutex::new(State {
                status: Status::Waiting,
                queue: VecDeque::new(),
                instances: Vec::new(),
                arena: None,
                timer: false,
                words: Vec::new(),
            }),
            drained: Notify::new(),
        })
    }

    /// Says how the queue behaves; before the first request, and once.
    pub fn set_policy(&self, policy: Policy) {
        self.policy.get_or_init(|| policy);
    }

    fn policy(&self) -> &Policy {
        // Looking must not settle it: the queue is looked after before the policy is known.
        self.policy.get().unwrap_or(&Policy::PLAIN)
    }

    /// Takes a request; the receiver gets its outcome.
    ///
    /// # Errors
    /// The model is stopped, or its queue is full.
    pub fn submit(
        self: &Arc<Self>,
        job: InferenceJob,
    ) -> Result<oneshot::Receiver<Outcome>, InferenceError> {
        let (answer, outcome) = oneshot::channel();
        let mut state = self.state.lock();
        if let Status::Stopped(reason) = &state.status {
            return Err(InferenceError::Unavailable(reason.clone()));
        }
        let policy = self.policy();
        let level = policy.level(job.priority);
        if let Some(most) = policy.queue(level).max_queue_size
            && state
                .queue
                .iter()
                .filter(|waiting| waiting.level == level)
                .count()
                >= most as usize
        {
            return Err(InferenceError::QueueFull);
        }
        let deadline = policy.deadline(&job);
        let position = state
            .queue
            .partition_point(|waiting| waiting.level <= level);
        state.queue.insert(
            position,
            Pending {
                job,
                level,
                deadline,
                answer,
            },
        );
        self.dispatch(&mut state);
        Ok(outcome)
    }

    /// Lets `lanes` of `process` serve requests from now on.
    pub fn attach(self: &Arc<Self>, process: &Arc<WorkerProcess>, lanes: &[u32]) {
        let mut state = self.state.lock();
        if matches!(state.status, Status::Stopped(_)) {
            return;
        }
        state.instances = lanes
            .iter()
            .map(|&lane| Instance {
                process: process.clone(),
                lane,
                reaped: 0,
                running: VecDeque::new(),
            })
            .collect();
        state.arena = Some(process.arena().clone());
        state.status = Status::Serving;
        self.dispatch(&mut state);
    }

    /// Takes the instances away because their process, or the model's place in it, is gone. What
    /// was completed counts. Requests that were being executed fail with `failure`; those that had
    /// not begun wait for the next process, or fail where the scheduler is stopped. Returns true
    /// where a request was being executed.
    pub fn detach(&self, failure: &InferenceError) -> bool {
        let mut state = self.state.lock();
        self.collect(&mut state);
        let mut at_fault = false;
        let mut waiting = Vec::new();
        for mut instance in std::mem::take(&mut state.instances) {
            let started = instance
                .process
                .arena()
                .region()
                .lane(instance.lane)
                .started();
            let executing = started.wrapping_sub(instance.reaped) as usize;
            for (position, running) in instance.running.drain(..).enumerate() {
                if position >= executing {
                    waiting.extend(running.requests);
                    continue;
                }
                at_fault = true;
                self.fail_all(running.requests, failure);
            }
        }
        waiting.sort_by_key(|pending| pending.job.arrived);
        if let Status::Stopped(reason) = &state.status {
            let reason = InferenceError::Unavailable(reason.clone());
            self.fail_all(waiting, &reason);
        } else {
            for pending in waiting.into_iter().rev() {
                state.queue.push_front(pending);
            }
            state.status = Status::Waiting;
        }
        self.tell_if_idle(&state);
        at_fault
    }

    /// Refuses requests from now on and fails those that wait, for `reason`.
    pub fn stop(&self, reason: &str) {
        let mut state = self.state.lock();
        state.status = Status::Stopped(reason.to_owned());
        for pending in std::mem::take(&mut state.queue) {
            self.fail(pending, InferenceError::Unavailable(reason.to_owned()));
        }
        self.drained.notify_waiters();
    }

    /// Waits until no request waits or is being executed.
    pub async fn drain(&self) {
        loop {
            let notified = self.drained.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.idle() {
                return;
            }
            notified.await;
        }
    }

    fn idle(&self) -> bool {
        self.state.lock().is_idle()
    }

    /// Whether requests are refused.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state.lock().status, Status::Stopped(_))
    }

    /// Requests that wait for an instance.
    pub fn queued(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// The arena into which a new request's inputs are best written; `None` before the first
    /// worker came.
    pub fn arena(&self) -> Option<Arc<FrontArena>> {
        self.state.lock().arena.clone()
    }

    /// How long the oldest execution has been under way.
    pub fn oldest_execution(&self) -> Option<Duration> {
        let now = monotonic_ns();
        let state = self.state.lock();
        let oldest = state
            .instances
            .iter()
            .filter_map(|instance| instance.running.front());
        oldest
            .map(|running| Duration::from_nanos(now.saturating_sub(running.submitted)))
            .max()
    }

    /// Takes completions from all lanes, answers their requests, and submits what waits.
    pub fn reap(self: &Arc<Self>) {
        let mut state = self.state.lock();
        self.collect(&mut state);
        self.dispatch(&mut state);
        self.tell_if_idle(&state);
    }

    /// Submits what can be submitted, and lets go of requests that waited too long or that nobody
    /// waits for any more. To be called now and then: nothing else may happen for a while.
    pub fn look_after(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.queue.retain(|pending| !pending.answer.is_closed());
        self.dispatch(&mut state);
        self.tell_if_idle(&state);
    }

    fn tell_if_idle(&self, state: &State) {
        if state.is_idle() {
            self.drained.notify_waiters();
        }
    }

    /// Takes completions from all lanes and answers their requests.
    fn collect(&self, state: &mut State) {
        for instance in &mut state.instances {
            let process = instance.process.clone();
            let lane = process.arena().region().lane(instance.lane);
            let before = instance.running.len();
            while !instance.running.is_empty()
                && let Some(completion) = lane.completion(instance.reaped)
                && let Some(running) = instance.running.pop_front()
            {
                instance.reaped = instance.reaped.wrapping_add(1);
                let ExecutionTimes { start, end, .. } = completion.times;
                process.answered(end.saturating_sub(start));
                self.answer(process.arena(), running, completion);
            }
            // Executions in one lane follow each other: the next began when this one ended.
            if instance.running.len() != before
                && let Some(next) = instance.running.front_mut()
            {
                next.submitted = monotonic_ns();
            }
        }
    }

    fn answer(&self, arena: &Arc<FrontArena>, running: Running, completion: Completion) {
        let now = monotonic_ns();
        let targets = &running.requests[0].job.targets;
        match outputs(arena, completion, targets) {
            Ok(outputs) => {
                let arrivals: SmallVec<[u64; 8]> = running
                    .requests
                    .iter()
                    .map(|pending| pending.job.arrived)
                    .collect();
                let total: u64 = running
                    .requests
                    .iter()
                    .map(|pending| pending.job.batch_size)
                    .sum();
                match split(outputs, &running.requests, total) {
                    Ok(parts) => {
                        self.statistics
                            .executed(&arrivals, total, completion.times, now);
                        for (pending, part) in running.requests.into_iter().zip(parts) {
                            // A client that went away no longer listens.
                            pending.answer.send(Ok(part)).ok();
                        }
                    }
                    Err(error) => self.fail_all(running.requests, &error),
                }
            }
            Err(error) => self.fail_all(running.requests, &error),
        }
    }

    fn fail_all(&self, requests: impl IntoIterator<Item = Pending>, error: &InferenceError) {
        for pending in requests {
            self.fail(pending, error.clone());
        }
    }

    fn fail(&self, pending: Pending, error: InferenceError) {
        self.statistics
            .failed(monotonic_ns().saturating_sub(pending.job.arrived));
        pending.answer.send(Err(error)).ok();
    }

    /// Submits what can be submitted now.
    fn dispatch(self: &Arc<Self>, state: &mut State) {
        self.expire(state);
        while !state.queue.is_empty() {
            let depth = self.depth(state);
            let Some(instance) = state
                .instances
                .iter_mut()
                .enumerate()
                .map(|(index, instance)| (instance.running.len(), index))
                .min()
                .filter(|&(running, _)| running < depth)
                .map(|(_, index)| index)
            else {
                return;
            };
            let Some(count) = self.batch(state) else {
                return;
            };
            let requests: SmallVec<[Pending; 1]> = state.queue.drain(..count).collect();
            let State {
                instances, words, ..
            } = state;
            self.run(&mut instances[instance], words, requests);
        }
    }

    /// How many executions one lane may hold. A single instance works its lane off in order, so
    /// a deep lane saves wake-ups; with several, a request must not wait behind a slow one while
    /// another instance is idle; with batching, what waits here can still grow.
    fn depth(&self, state: &State) -> usize {
        match (&self.policy().batching, state.instances.len()) {
            (Some(batching), _) => {
                let waiting: u64 = state
                    .queue
                    .iter()
                    .map(|pending| pending.job.batch_size)
                    .sum();
                let full = waiting >= self.policy().max_batch_size && !batching.preserve_ordering;
                if full { 2 } else { 1 }
            }
            (None, 1) => LANE_SLOTS as usize / 2,
            (None, _) => 2,
        }
    }

    /// How many requests from the head of the queue to execute together now; `None` for "wait".
    fn batch(self: &Arc<Self>, state: &mut State) -> Option<usize> {
        let Some(batching) = &self.policy().batching else {
            return Some(1);
        };
        let largest = self.policy().max_batch_size.max(1);
        let mut sizes: Vec<u64> = Vec::new();
        let mut total = 0;
        for pending in &state.queue {
            if !fits(&state.queue[0].job, &pending.job)
                || (total + pending.job.batch_size > largest && total > 0)
            {
                break;
            }
            total += pending.job.batch_size;
            sizes.push(total);
        }
        let blocked = sizes.len() < state.queue.len();
        if blocked || total >= largest {
            return Some(sizes.len());
        }
        if let Some(count) = sizes.iter().rposition(|size| {
            batching
                .preferred_batch_sizes
                .iter()
                .any(|wanted| u64::from(*wanted) == *size)
        }) {
            return Some(count + 1);
        }
        let waited = monotonic_ns().saturating_sub(state.queue[0].job.arrived);
        let delay = batching
            .max_queue_delay
            .saturating_sub(Duration::from_nanos(waited));
        if delay.is_zero() {
            return Some(sizes.len());
        }
        if !std::mem::replace(&mut state.timer, true) {
            let scheduler = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let mut state = scheduler.state.lock();
                state.timer = false;
                scheduler.dispatch(&mut state);
            });
        }
        None
    }

    /// Fails requests that waited too long, or lets them wait behind all others.
    fn expire(&self, state: &mut State) {
        // Who went away does not hold up those behind.
        while state
            .queue
            .front()
            .is_some_and(|pending| pending.answer.is_closed())
        {
            state.queue.pop_front();
        }
        // Only the policies of dynamic batching set limits.
        if self.policy().batching.is_none() {
            return;
        }
        let now = monotonic_ns();
        let late = |pending: &Pending| pending.deadline.is_some_and(|deadline| now > deadline);
        let mut position = 0;
        let mut delayed = Vec::new();
        while position < state.queue.len() {
            if !late(&state.queue[position]) {
                position += 1;
                continue;
            }
            let mut pending = state
                .queue
                .remove(position)
                .expect("position is in the queue");
            match self.policy().queue(pending.level).timeout_action {
                QueueTimeoutAction::Reject => self.fail(pending, InferenceError::QueueTimeout),
                QueueTimeoutAction::Delay => {
                    pending.deadline = None;
                    pending.level = u64::MAX;
                    delayed.push(pending);
                }
            }
        }
        state.queue.extend(delayed);
    }

    fn run(
        &self,
        instance: &mut Instance,
        words: &mut Vec<u64>,
        mut requests: SmallVec<[Pending; 1]>,
    ) {
        let arena = instance.process.arena();
        for pending in &mut requests {
            if let Err(error) = move_to(arena, &mut pending.job) {
                self.fail_all(requests, &error);
                return;
            }
        }
        let regions = requests
            .iter()
            .flat_map(|pending| &pending.job.client_memory);
        for region in regions {
            if let Err(error) = instance.process.grants().give(region) {
                let error = InferenceError::Unavailable(format!(
                    "failed to hand the shared memory region '{}' to the worker: {error}",
                    region.name()
                ));
                self.fail_all(requests, &error);
                return;
            }
        }
        words.clear();
        write_execution(
            &requests[0].job.outputs,
            requests.iter().map(|pending| RequestParts {
                block: pending.job.block.span(),
                inputs: &pending.job.inputs,
                targets: &pending.job.targets,
            }),
            words,
        );
        let Some(mut descriptor) = arena.allocate(words.len() * 8) else {
            self.fail_all(requests, &exhausted());
            return;
        };
        descriptor
            .bytes_mut()
            .copy_from_slice(bytemuck::cast_slice(words));
        let submission = Submission {
            offset: descriptor.offset(),
            words: words.len() as u32,
        };
        instance.running.push_back(Running {
            requests,
            _descriptor: descriptor,
            submitted: monotonic_ns(),
        });
        let asleep = arena.region().lane(instance.lane).submit(submission);
        instance.process.submitted(instance.lane, asleep);
    }
}

/// Whether two requests can be served by one execution. One with tensors in regions of a client is
/// executed alone: what the client does to its region must not reach the requests of others.
fn fits(first: &InferenceJob, other: &InferenceJob) -> bool {
    if !first.client_memory.is_empty() || !other.client_memory.is_empty() {
        return std::ptr::eq(first, other);
    }
    first.outputs == other.outputs
        && first.inputs.len() == other.inputs.len()
        && first.inputs.iter().zip(&other.inputs).all(|(a, b)| {
            a.number == b.number
                && a.data_type == b.data_type
                && a.shape.len() == b.shape.len()
                && a.shape[1..] == b.shape[1..]
        })
}

fn exhausted() -> InferenceError {
    InferenceError::Execution("no shared memory left for the request's inputs".to_owned())
}

/// Copies a request's inputs where they were written for a process that is gone.
fn move_to(arena: &Arc<FrontArena>, job: &mut InferenceJob) -> Result<(), InferenceError> {
    if job.block.belongs_to(arena) {
        return Ok(());
    }
    let mut block = arena
        .allocate(job.block.bytes().len())
        .ok_or_else(exhausted)?;
    block.bytes_mut().copy_from_slice(job.block.bytes());
    let own = job.inputs.iter_mut().filter(|input| input.memory.is_none());
    for input in own {
        input.offset = input.offset - job.block.offset() + block.offset();
    }
    job.block = block;
    Ok(())
}

/// Reads what a worker answered; every number in it is checked.
fn outputs(
    arena: &Arc<FrontArena>,
    completion: Completion,
    targets: &[Target],
) -> Result<Vec<OutputTensor>, InferenceError> {
    let damaged =
        |what: &str| InferenceError::Execution(format!("the worker's answer is damaged: {what}"));
    let length = completion.length as usize;
    let (bytes, most) = match completion.holds {
        Holds::Outputs => (length * 8, LONGEST_DESCRIPTOR),
        Holds::Failure | Holds::Refusal => (length, LONGEST_TEXT),
    };
    if bytes > most {
        return Err(damaged("it is longer than an answer can be"));
    }
    let answer = arena
        .output(completion.offset, bytes)
        .ok_or_else(|| damaged("it leaves the shared memory"))?;
    match completion.holds {
        Holds::Outputs => {}
        Holds::Failure => {
            let text = String::from_utf8_lossy(answer.as_ref()).into_owned();
            return Err(InferenceError::Execution(text));
        }
        Holds::Refusal => {
            let refused = serde_json::from_slice(answer.as_ref());
            return Err(match refused {
                Ok(refused) => InferenceError::Refused(refused),
                Err(error) => damaged(&error.to_string()),
            });
        }
    }
    let words: SmallVec<[u64; 32]> = answer
        .as_ref()
        .chunks_exact(8)
        .map(|word| u64::from_ne_bytes(word.try_into().expect("chunks of eight")))
        .collect();
    let places = read_tensors(&words).map_err(|error| damaged(&error.to_string()))?;
    places
        .into_iter()
        .map(|place| {
            let data = match place.memory {
                Some(_) => {
                    let is_wanted = |target: &Target| {
                        target.output == place.number
                            && Some(target.memory) == place.memory
                            && target.bytes >= place.bytes
                    };
                    if !targets.iter().any(is_wanted) {
                        return Err(damaged("a tensor is in a region that is not for it"));
                    }
                    Bytes::new()
                }
                None => {
                    let block: Option<OutputBlock> = usize::try_from(place.bytes)
                        .ok()
                        .and_then(|bytes| arena.output(place.offset, bytes));
                    let block =
                        block.ok_or_else(|| damaged("a tensor leaves the shared memory"))?;
                    Bytes::from_owner(block)
                }
            };
            let fits = match shape::byte_size(place.data_type, &place.shape) {
                Ok(Some(expected)) => expected as u64 == place.bytes,
                // Each byte string has a length in front, of four bytes.
                Ok(None) => shape::element_count(&place.shape)
                    .is_ok_and(|count| count as u64 <= place.bytes / 4),
                Err(_) => false,
            };
            if !fits {
                return Err(damaged("a tensor's size does not fit its shape"));
            }
            Ok(OutputTensor {
                number: place.number,
                data_type: place.data_type,
                shape: place.shape,
                data,
                in_client_memory: place.memory.is_some(),
            })
        })
        .collect()
}

/// Where each of the `rows` rows of a tensor ends, in bytes; the argument counts from 1. `None`
/// where the rows are not of equal numbers of elements.
fn row_ends(output: &OutputTensor, rows: usize) -> Option<Box<dyn Fn(usize) -> usize>> {
    if output.data_type != DataType::Bytes {
        let row = output.data.len() / rows;
        return (row * rows == output.data.len()).then(|| Box::new(move |n| n * row) as Box<_>);
    }
    let elements = shape::element_count(&output.shape).ok()?;
    let per_row = elements / rows;
    let mut ends = Vec::with_capacity(elements + 1);
    ends.push(0);
    let mut rest: &[u8] = &output.data;
    for _ in 0..elements {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        rest = tail.get(u32::from_le_bytes(*length) as usize..)?;
        ends.push(output.data.len() - rest.len());
    }
    rest.is_empty()
        .then(|| Box::new(move |n| ends[n * per_row]) as Box<_>)
}

/// Gives each request of a batch its part of the outputs.
fn split(
    outputs: Vec<OutputTensor>,
    requests: &[Pending],
    total: u64,
) -> Result<SmallVec<[Vec<OutputTensor>; 1]>, InferenceError> {
    if requests.len() == 1 {
        return Ok(std::iter::once(outputs).collect());
    }
    let mut parts: SmallVec<[Vec<OutputTensor>; 1]> = requests.iter().map(|_| Vec::new()).collect();
    for output in outputs {
        let uneven = || {
            InferenceError::Execution(format!(
                "output {} of shape {:?} cannot be split among a batch of {total}: its first \
                 dimension is not the batch; serve the model with max_batch_size: 0",
                output.number,
                output.shape.as_slice()
            ))
        };
        if output.shape.first() != Some(&(total as i64)) {
            return Err(uneven());
        }
        let ends = row_ends(&output, total as usize).ok_or_else(uneven)?;
        let (mut start, mut row) = (0, 0);
        for (part, pending) in parts.iter_mut().zip(requests) {
            row += pending.job.batch_size as usize;
            let end = if row == 0 { 0 } else { ends(row) };
            let mut shape = output.shape.clone();
            shape[0] = pending.job.batch_size as i64;
            part.push(OutputTensor {
                number: output.number,
                data_type: output.data_type,
                shape,
                data: output.data.slice(start..end),
                in_client_memory: false,
            });
            start = end;
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::region::Region;

    fn job(arena: &Arc<FrontArena>, batch_size: u64) -> InferenceJob {
        InferenceJob {
            block: arena.allocate(64).unwrap(),
            inputs: SmallVec::new(),
            outputs: SmallVec::new(),
            targets: SmallVec::new(),
            client_memory: SmallVec::new(),
            batch_size,
            arrived: monotonic_ns(),
            priority: 0,
            timeout: None,
        }
    }

    fn scheduler() -> (Arc<Scheduler>, Arc<FrontArena>) {
        let arena = FrontArena::new(Region::create().unwrap());
        (Scheduler::new(Arc::new(Statistics::default())), arena)
    }

    #[tokio::test]
    async fn requests_wait_for_a_worker_and_fail_when_the_model_is_stopped() {
        let (scheduler, arena) = scheduler();
        let waiting = scheduler.submit(job(&arena, 1)).unwrap();
        assert_eq!(scheduler.queued(), 1);
        scheduler.stop("enough");
        assert_eq!(
            waiting.await.unwrap().unwrap_err(),
            InferenceError::Unavailable("enough".into())
        );
        assert!(scheduler.submit(job(&arena, 1)).is_err());
        scheduler.drain().await;
    }

    #[test]
    fn who_went_away_does_not_stay_in_the_queue() {
        let (scheduler, arena) = scheduler();
        drop(scheduler.submit(job(&arena, 1)).unwrap());
        let _patient = scheduler.submit(job(&arena, 1)).unwrap();
        scheduler.look_after();
        assert_eq!(scheduler.queued(), 1);
    }

    #[test]
    fn looking_after_a_queue_does_not_settle_its_policy() {
        let (scheduler, _arena) = scheduler();
        scheduler.look_after();
        scheduler.set_policy(Policy {
            max_batch_size: 8,
            batching: None,
        });
        assert_eq!(scheduler.policy().max_batch_size, 8);
    }

    #[test]
    fn rows_of_byte_strings_end_where_their_elements_do() {
        let strings = |data: &'static [u8], shape: &[i64]| OutputTensor {
            number: 0,
            data_type: DataType::Bytes,
            shape: Shape::from_slice(shape),
            data: Bytes::from_static(data),
            in_client_memory: false,
        };
        let good = strings(b"\x01\0\0\0a\0\0\0\0\x02\0\0\0bc\x01\0\0\0d", &[2, 2]);
        let ends = row_ends(&good, 2).unwrap();
        assert_eq!((ends(1), ends(2)), (9, 20));
        assert!(row_ends(&strings(b"\x09\0\0\0a", &[1, 1]), 1).is_none());
    }
}
