//! The thread of one model instance: takes submissions from its lane, executes, answers.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use smallvec::SmallVec;

use super::backend::{ExecutionError, InputTensor, Instance, TensorData};
use super::client_memory::{Access, ClientMemory};
use super::client_tensor::{ClientInput, ClientOutput, NoAnswer};
use super::outputs::Outputs;
use super::patience::Patience;
use super::pinned_memory::{PinnedMemory, PinnedMemoryUser};
use crate::ipc::arena::WorkerArena;
use crate::ipc::descriptor::{Execution, RequestPlace, TensorPlace, read_execution, write_tensors};
use crate::ipc::lane::{Completion, ExecutionTimes, Holds, Submission, monotonic_ns};

/// What all executors of a worker share.
#[derive(Clone)]
pub struct Surroundings {
    /// The worker's side of the region.
    pub arena: Arc<WorkerArena>,
    /// What of the region is pinned for GPUs.
    pub pinned: Arc<PinnedMemory>,
    /// Shared memory of clients.
    pub client_memory: Arc<ClientMemory>,
    /// Wakes the front.
    pub doorbell: Arc<OwnedFd>,
    /// Held by the one thread that waits without sleeping.
    pub spinner: Arc<AtomicBool>,
}

/// A running executor. Dropping it ends the thread after the execution under way and drops the
/// instance.
pub struct Executor {
    surroundings: Surroundings,
    lane: u32,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Executor {
    /// Starts a thread for `instance` on lane number `lane`.
    ///
    /// # Errors
    /// The system's error when it refuses a thread.
    pub fn start(
        surroundings: Surroundings,
        lane: u32,
        instance: Box<dyn Instance>,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new()
            .name(format!("instance-{lane}"))
            .spawn({
                let surroundings = surroundings.clone();
                let stop = stop.clone();
                move || run(&surroundings, lane, instance, &stop)
            })?;
        Ok(Self {
            surroundings,
            lane,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("joined once");
        let lane = self.surroundings.arena.region().lane(self.lane);
        while !thread.is_finished() {
            // The thread may be between its look at `stop` and its sleep, so one wake may miss.
            lane.wake();
            std::thread::park_timeout(std::time::Duration::from_micros(200));
        }
        thread.join().ok();
    }
}

fn run(
    surroundings: &Surroundings,
    number: u32,
    mut instance: Box<dyn Instance>,
    stop: &AtomicBool,
) {
    let region = surroundings.arena.region();
    let lane = region.lane(number);
    // Dropped before the instance, whose state on the GPU it needs.
    let pinned = surroundings.pinned.user(instance.gpu_transfers());
    let mut scratch = Scratch::default();
    let mut patience = Patience::new(surroundings.spinner.clone());
    loop {
        if let Some(submission) = lane.take() {
            patience.taken();
            let completion = execute(
                surroundings,
                &pinned,
                instance.as_mut(),
                submission,
                &mut scratch,
            );
            lane.complete(completion);
            if region.ring(number) {
                // The counter cannot overflow: the front needs no more than one ring a look.
                rustix::io::write(&surroundings.doorbell, &1u64.to_ne_bytes()).ok();
            }
            let may_be_lost = completion.holds == Holds::Failure && scratch.has_regions();
            if instance.is_lost() || may_be_lost && surroundings.client_memory.is_lost() {
                end_of_gpu();
            }
        } else if stop.load(Ordering::SeqCst) {
            return;
        } else if !patience.wait(lane) {
            lane.wait();
        }
    }
}

/// Ends this process, which the front then replaces: the GPU takes no more work from it. The request
/// that failed has its answer. Nothing is cleaned up, since code of the GPU's libraries would wait for
/// what does not come.
fn end_of_gpu() -> ! {
    tracing::error!(
        "a kernel has spoilt this process's state on the GPU (an illegal address, say): the worker \
         ends and is started again"
    );
    std::process::abort();
}

/// Buffers that are used again from one execution to the next.
#[derive(Default)]
struct Scratch {
    execution: Execution,
    words: Vec<u64>,
}

impl Scratch {
    /// Whether tensors of the last execution were in memory of clients.
    fn has_regions(&self) -> bool {
        self.execution.requests.iter().any(|request| {
            let mut inputs = request.inputs.iter();
            !request.targets.is_empty() || inputs.any(|place| place.memory.is_some())
        })
    }
}

fn execute(
    surroundings: &Surroundings,
    pinned: &PinnedMemoryUser,
    instance: &mut dyn Instance,
    submission: Submission,
    scratch: &mut Scratch,
) -> Completion {
    let arena = &*surroundings.arena;
    let mut times = ExecutionTimes {
        start: monotonic_ns(),
        ..ExecutionTimes::default()
    };
    let outputs = outputs_of(
        surroundings,
        pinned,
        instance,
        submission,
        scratch,
        &mut times,
    );
    let result = outputs.and_then(|places| {
        scratch.words.clear();
        write_tensors(&places, &mut scratch.words);
        match put(arena, bytemuck::cast_slice(&scratch.words)) {
            Some(offset) => Ok((offset, scratch.words.len())),
            None => {
                let own = places.iter().filter(|place| place.memory.is_none());
                own.for_each(|place| arena.free(place.offset));
                Err(ExecutionError("no shared memory left for the answer".into()).into())
            }
        }
    });
    let (holds, offset, length) = match result {
        Ok((offset, words)) => (Holds::Outputs, offset, words),
        Err(reason) => {
            let (holds, text) = match reason {
                NoAnswer::Failed(ExecutionError(text)) => (Holds::Failure, text.into_bytes()),
                NoAnswer::Refused(refused) => {
                    let text = serde_json::to_vec(&refused).expect("it is plain data");
                    (Holds::Refusal, text)
                }
            };
            let text = &text[..text.len().min(64 * 1024)];
            match put(arena, text) {
                Some(offset) => (holds, offset, text.len()),
                None => (Holds::Failure, 0, 0),
            }
        }
    };
    times.end = monotonic_ns();
    Completion {
        holds,
        offset,
        length: length as u32,
        times,
    }
}

/// Copies `bytes` into a new block and returns its offset.
fn put(arena: &WorkerArena, bytes: &[u8]) -> Option<u64> {
    let (offset, address) = arena.allocate(bytes.len())?;
    // SAFETY: the block is new, holds that many bytes and overlaps nothing.
    unsafe {
        address
            .as_ptr()
            .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
    };
    Some(offset)
}

fn outputs_of(
    surroundings: &Surroundings,
    pinned: &PinnedMemoryUser,
    instance: &mut dyn Instance,
    submission: Submission,
    scratch: &mut Scratch,
    times: &mut ExecutionTimes,
) -> Result<SmallVec<[TensorPlace; 4]>, NoAnswer> {
    let arena = &*surroundings.arena;
    let memory = &*surroundings.client_memory;
    let words = submission.words as usize;
    let address = arena.region().front_heap(submission.offset, words * 8);
    // SAFETY: the front wrote this many words there before it submitted, blocks are 64-byte
    // aligned, and it keeps the block until the completion.
    let words = unsafe { std::slice::from_raw_parts(address.as_ptr().cast::<u64>(), words) };
    read_execution(words, &mut scratch.execution)
        .map_err(|damaged| ExecutionError(damaged.to_string()))?;
    let Execution { outputs, requests } = &scratch.execution;

    let mut pins = pinned.pins();
    let gathered;
    // As a request with tensors in memory of clients is executed alone.
    let shared_gpu = instance.shared_gpu();
    let (mut client_inputs, mut client_outputs) = (SmallVec::<[_; 2]>::new(), SmallVec::new());
    if let [
        RequestPlace {
            inputs, targets, ..
        },
    ] = requests.as_slice()
    {
        let access = if instance.may_write_inputs() {
            Access::Write
        } else {
            Access::Read
        };
        for place in inputs {
            client_inputs.push(ClientInput::new(
                memory, arena, place, access, shared_gpu, &mut pins,
            )?);
        }
        client_outputs = ClientOutput::map_all(memory, targets, &client_inputs)?;
    }
    let inputs: SmallVec<[InputTensor<'_>; 4]> = match requests.as_slice() {
        [] => return Err(ExecutionError("the execution holds no request".into()).into()),
        [RequestPlace { block, inputs, .. }] => inputs
            .iter()
            .zip(&client_inputs)
            .map(|(place, client)| match client {
                Some(client) => input(place, client.data()),
                None => {
                    pins.request_input(*block, place);
                    in_place(arena, place)
                }
            })
            .collect(),
        batch => {
            gathered = Gathered::new(arena, batch)?;
            for place in &gathered.places {
                pins.own_input(place.offset, place.data_type, place.bytes);
            }
            gathered.inputs()
        }
    };
    times.inputs_ready = monotonic_ns();

    let mut sink = Outputs::new(arena, pins).with_client(&client_outputs, shared_gpu);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        instance.execute(&inputs, outputs, &mut sink)
    }));
    times.computed = monotonic_ns();
    match outcome {
        Ok(result) => {
            // First: what the framework complains of may be the consequence.
            client_inputs
                .iter()
                .flatten()
                .try_for_each(ClientInput::check)?;
            result?;
            sink.deliver()?;
            Ok(sink.into_places())
        }
        Err(_) => Err(ExecutionError("the backend panicked; see the server's log".into()).into()),
    }
}

fn in_place<'a>(arena: &'a WorkerArena, place: &'a TensorPlace) -> InputTensor<'a> {
    input(place, TensorData::Host(bytes_of(arena, place)))
}

/// What the front wrote for a tensor.
fn bytes_of<'a>(arena: &'a WorkerArena, place: &TensorPlace) -> &'a [u8] {
    let address = arena
        .region()
        .front_heap(place.offset, place.bytes as usize);
    // SAFETY: the front wrote the tensor there and leaves it alone until the completion.
    unsafe { std::slice::from_raw_parts(address.as_ptr(), place.bytes as usize) }
}

/// The tensor at `place`, whose elements are at `data`.
fn input<'a>(place: &'a TensorPlace, data: TensorData<'a>) -> InputTensor<'a> {
    InputTensor {
        input: place.number,
        data_type: place.data_type,
        dims: &place.shape,
        data,
    }
}

/// The inputs of several requests, joined along the batch dimension.
struct Gathered<'a> {
    arena: &'a WorkerArena,
    places: Vec<TensorPlace>,
}

impl<'a> Gathered<'a> {
    fn new(arena: &'a WorkerArena, batch: &[RequestPlace]) -> Result<Self, ExecutionError> {
        let mut gathered = Self {
            arena,
            places: Vec::with_capacity(batch[0].inputs.len()),
        };
        for (position, first) in batch[0].inputs.iter().enumerate() {
            let parts = || {
                batch
                    .iter()
                    .filter_map(|request| request.inputs.get(position))
            };
            let alike = |part: &TensorPlace| {
                part.memory.is_none()
                    && part.number == first.number
                    && part.data_type == first.data_type
                    && !part.shape.is_empty()
                    && part.shape[1..] == first.shape[1..]
            };
            if first.shape.is_empty() || parts().count() != batch.len() || !parts().all(alike) {
                return Err(ExecutionError(
                    "the requests of a batch do not fit together".into(),
                ));
            }
            let bytes: u64 = parts().map(|part| part.bytes).sum();
            let (offset, address) = arena
                .allocate(bytes as usize)
                .ok_or_else(|| ExecutionError("no shared memory left to join a batch".into()))?;
            let mut shape = first.shape.clone();
            shape[0] = parts().map(|part| part.shape[0]).sum();
            gathered.places.push(TensorPlace {
                shape,
                offset,
                bytes,
                ..first.clone()
            });
            let mut filled = 0;
            for part in parts() {
                let source = bytes_of(arena, part);
                // SAFETY: the new block holds the sum of the parts; it overlaps none of them.
                unsafe {
                    address
                        .add(filled)
                        .as_ptr()
                        .copy_from_nonoverlapping(source.as_ptr(), source.len());
                }
                filled += source.len();
            }
        }
        Ok(gathered)
    }

    fn inputs(&self) -> SmallVec<[InputTensor<'_>; 4]> {
        self.places
            .iter()
            .map(|place| {
                let address = self
                    .arena
                    .region()
                    .worker_heap(place.offset, place.bytes as usize)
                    .expect("allocated above");
                // SAFETY: the block is this value's own, filled in `new`.
                let data =
                    unsafe { std::slice::from_raw_parts(address.as_ptr(), place.bytes as usize) };
                input(place, TensorData::Host(data))
            })
            .collect()
    }
}

impl Drop for Gathered<'_> {
    fn drop(&mut self) {
        for place in &self.places {
            self.arena.free(place.offset);
        }
    }
}
