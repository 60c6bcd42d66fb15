//! Blocks of shared memory that are pinned, so that a GPU reads inputs from where the front wrote them
//! and writes outputs to where it reads them.
//!
//! From memory that is not pinned the driver copies through a buffer of its own. To pin a block takes as
//! long as a copy of it and more, so a block stays pinned for its next use: blocks are used again last in,
//! first out, and never split or joined. Small blocks are not worth it. Where the budget is used up,
//! blocks that were not used for a while make room; until some are, further ones stay as they are, for to
//! pin and unpin at every request would take longer than the copies that it saves.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::backend::GpuTransfers;
use super::host_pages::{DriverPages, HostPages, Refusal};
use crate::ipc::arena::WorkerArena;
use crate::ipc::descriptor::TensorPlace;
use crate::ipc::heap::{PAGE_BYTES, PAGED_BYTES, Span};
use crate::ipc::pinned::Side;
use crate::protocol::DataType;

/// The smallest tensor that a block is pinned for, in bytes: the driver takes smaller ones along without
/// waiting, wherever they are.
///
/// Source: CUDA C++ Programming Guide, "Concurrent Execution between Host and Device", on copies of 64 KB
/// or less.
const SMALLEST: u64 = 64 << 10;
/// How long a pinned block was not used when it makes room for another one.
const IDLE: Duration = Duration::from_secs(10);

/// The pinned blocks of a region, for all instances of a worker.
pub struct PinnedMemory {
    arena: Arc<WorkerArena>,
    state: Mutex<State>,
}

struct State {
    pages: Box<dyn HostPages>,
    blocks: HashMap<Block, Pin>,
    /// The sum of the blocks, in bytes.
    bytes: u64,
    /// Instances that execute on a GPU.
    users: usize,
    /// Nothing can be pinned in this process.
    is_refused: bool,
}

/// A block of one of the heaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Block {
    side: Side,
    span: Span,
}

struct Pin {
    address: NonNull<u8>,
    /// Executions under way that use the block.
    executions: usize,
    /// When the last one was over.
    used: Instant,
}

// SAFETY: the address is of shared memory, which belongs to no thread; the region outlives the pin.
unsafe impl Send for Pin {}

impl PinnedMemory {
    /// Nothing pinned yet. How much may be is what the region says.
    pub fn new(arena: Arc<WorkerArena>) -> Arc<Self> {
        Self::with(arena, Box::<DriverPages>::default())
    }

    fn with(arena: Arc<WorkerArena>, pages: Box<dyn HostPages>) -> Arc<Self> {
        Arc::new(Self {
            arena,
            state: Mutex::new(State {
                pages,
                blocks: HashMap::new(),
                bytes: 0,
                users: 0,
                is_refused: false,
            }),
        })
    }

    /// For an instance with such transfers, as long as it may execute.
    pub fn user(self: &Arc<Self>, transfers: GpuTransfers) -> PinnedMemoryUser {
        let is_user = transfers != GpuTransfers::NONE && self.arena.region().pinned().budget() > 0;
        if is_user {
            self.state.lock().users += 1;
        }
        PinnedMemoryUser {
            memory: is_user.then(|| self.clone()),
            transfers,
        }
    }

    /// Pins a block, if it is not and can be, for an execution that begins at `now`. Returns whether it
    /// is pinned; then [`release`](Self::release) follows.
    fn hold(&self, block: Block, now: Instant) -> bool {
        let Block { side, span } = block;
        let state = &mut *self.state.lock();
        if let Some(pin) = state.blocks.get_mut(&block) {
            pin.executions += 1;
            return true;
        }
        let region = self.arena.region();
        let is_whole = span.offset % PAGE_BYTES == 0 && span.bytes % PAGE_BYTES == 0;
        if state.is_refused || !is_whole || !state.make_room(&self.arena, span.bytes, now) {
            return false;
        }
        let Some(address) = region.block(side, span) else {
            return false;
        };
        // Before it is pinned: who frees it must not miss the mark.
        if !region.pinned().set(side, span) {
            return false;
        }
        if let Err(refusal) = state.pages.pin(address, span.bytes as usize) {
            region.pinned().clear(side, span);
            state.is_refused = refusal != Refusal::NoContext;
            if let Refusal::Driver(reason) = refusal {
                tracing::warn!(
                    "shared memory cannot be pinned for the GPU ({} bytes: {reason}), so that copies \
                     to and from it take longer until the worker is started again; see the limits on \
                     locked memory (ulimit -l) and on the container's memory, or lower \
                     --pinned-memory-pool-byte-size (0 pins nothing)",
                    span.bytes
                );
            }
            return false;
        }
        let pin = Pin {
            address,
            executions: 1,
            used: now,
        };
        state.blocks.insert(block, pin);
        state.bytes += span.bytes;
        region.pinned().set_used(state.bytes);
        true
    }

    /// Notes that an execution which [held](Self::hold) the block is over.
    fn release(&self, block: Block, now: Instant) {
        if let Some(pin) = self.state.lock().blocks.get_mut(&block) {
            pin.executions -= 1;
            pin.used = now;
        }
    }

    /// Notes that an instance executes no more. With the last one everything is unpinned: its context
    /// on the GPU may go.
    fn leave(&self) {
        let state = &mut *self.state.lock();
        state.users -= 1;
        if state.users > 0 {
            return;
        }
        let unused = state.blocks.iter().filter(|(_, pin)| pin.executions == 0);
        let unused: Vec<Block> = unused.map(|(&block, _)| block).collect();
        for block in unused {
            state.unpin(&self.arena, block);
        }
        if state.blocks.is_empty() {
            state.pages.close();
        }
    }
}

impl State {
    /// Whether `bytes` more may be pinned, once blocks that were not used for long have made room.
    fn make_room(&mut self, arena: &WorkerArena, bytes: u64, now: Instant) -> bool {
        let budget = arena.region().pinned().budget();
        if bytes > budget {
            return false;
        }
        let missing = |pinned: u64| (pinned + bytes).saturating_sub(budget);
        if missing(self.bytes) == 0 {
            return true;
        }
        let idle = self.blocks.iter().filter(|(_, pin)| {
            pin.executions == 0 && now.saturating_duration_since(pin.used) >= IDLE
        });
        let mut idle: Vec<(Instant, Block)> = idle.map(|(&block, pin)| (pin.used, block)).collect();
        let room: u64 = idle.iter().map(|(_, block)| block.span.bytes).sum();
        if room < missing(self.bytes) {
            return false;
        }
        idle.sort_unstable_by_key(|&(used, _)| used);
        for (_, block) in idle {
            if missing(self.bytes) == 0 {
                break;
            }
            self.unpin(arena, block);
        }
        true
    }

    fn unpin(&mut self, arena: &WorkerArena, block: Block) {
        let Some(pin) = self.blocks.remove(&block) else {
            return;
        };
        let pinned = arena.region().pinned();
        // A block that the driver may have kept pinned keeps its mark, and so its pages.
        if self.pages.unpin(pin.address) {
            pinned.clear(block.side, block.span);
        }
        self.bytes -= block.span.bytes;
        pinned.set_used(self.bytes);
    }
}

/// An instance as a user of pinned memory. What the last one of a worker leaves is unpinned.
pub struct PinnedMemoryUser {
    /// `None` where nothing is to be pinned for it.
    memory: Option<Arc<PinnedMemory>>,
    transfers: GpuTransfers,
}

impl PinnedMemoryUser {
    /// Nothing pinned for an execution yet.
    pub fn pins(&self) -> Pins {
        Pins {
            memory: self.memory.clone(),
            transfers: self.transfers,
            held: SmallVec::new(),
        }
    }
}

impl Drop for PinnedMemoryUser {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            memory.leave();
        }
    }
}

/// Blocks that stay pinned for one execution, until this is dropped.
pub struct Pins {
    memory: Option<Arc<PinnedMemory>>,
    transfers: GpuTransfers,
    held: SmallVec<[Block; 4]>,
}

impl Pins {
    /// Pins what lies in the front's heap, in `block`, where the GPU reads the tensor from there.
    pub fn request_input(&mut self, block: Span, place: &TensorPlace) {
        if self.transfers.inputs && is_worth_it(place.data_type, place.bytes) {
            self.hold(Side::Front, |_| Some(block));
        }
    }

    /// The same for an input that lies at the beginning of a block of the worker's heap.
    pub fn own_input(&mut self, offset: u64, data_type: DataType, bytes: u64) {
        if self.transfers.inputs && is_worth_it(data_type, bytes) {
            self.hold(Side::Worker, |arena| arena.block(offset));
        }
    }

    /// The same for an output, which begins a block of the worker's heap. One that is `for_gpu` goes on to
    /// memory of a client on a GPU, also where the CPU wrote it.
    pub fn output(&mut self, offset: u64, data_type: DataType, bytes: u64, for_gpu: bool) {
        if (self.transfers.outputs || for_gpu) && is_worth_it(data_type, bytes) {
            self.hold(Side::Worker, |arena| arena.block(offset));
        }
    }

    fn hold(&mut self, side: Side, span: impl FnOnce(&WorkerArena) -> Option<Span>) {
        let Some(memory) = &self.memory else {
            return;
        };
        let Some(span) = span(&memory.arena) else {
            return;
        };
        let block = Block { side, span };
        // Several inputs of a request lie in one block.
        if !self.held.contains(&block) && memory.hold(block, Instant::now()) {
            self.held.push(block);
        }
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            for block in self.held.drain(..) {
                memory.release(block, Instant::now());
            }
        }
    }
}

/// Whether a GPU reads or writes such a tensor itself, and one that is large enough. Byte strings are
/// taken apart by the CPU.
fn is_worth_it(data_type: DataType, bytes: u64) -> bool {
    data_type != DataType::Bytes && bytes >= SMALLEST
}

const _: () = assert!(SMALLEST >= PAGED_BYTES, "its block owns its pages");

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ipc::arena::FrontArena;
    use crate::ipc::region::Region;
    use crate::protocol::Shape;

    /// What the driver would have pinned, by address, and what it was asked for.
    #[derive(Default)]
    struct Driver {
        pinned: BTreeMap<usize, usize>,
        asked: usize,
        closed: usize,
        refusal: Option<Refusal>,
        /// It does not undo what it did.
        keeps: bool,
    }

    struct Pages(Arc<Mutex<Driver>>);

    impl HostPages for Pages {
        fn pin(&mut self, address: NonNull<u8>, bytes: usize) -> Result<(), Refusal> {
            let mut driver = self.0.lock();
            driver.asked += 1;
            if let Some(refusal) = &driver.refusal {
                return Err(refusal.clone());
            }
            let start = address.as_ptr() as usize;
            assert_eq!((start % 4096, bytes % 4096), (0, 0), "whole pages");
            let overlap = driver.pinned.range(..start + bytes).next_back();
            assert!(
                overlap.is_none_or(|(other, length)| other + length <= start),
                "the driver pins nothing twice"
            );
            driver.pinned.insert(start, bytes);
            Ok(())
        }

        fn unpin(&mut self, address: NonNull<u8>) -> bool {
            let mut driver = self.0.lock();
            let start = address.as_ptr() as usize;
            !driver.keeps && driver.pinned.remove(&start).is_some()
        }

        fn close(&mut self) {
            self.0.lock().closed += 1;
        }
    }

    /// Both sides of a region, and a driver.
    struct Bench {
        front: Arc<FrontArena>,
        worker: Arc<WorkerArena>,
        memory: Arc<PinnedMemory>,
        driver: Arc<Mutex<Driver>>,
    }

    impl Bench {
        fn with_budget(bytes: u64) -> Self {
            let region = Region::create().unwrap();
            region.pinned().set_budget(bytes);
            let other = Region::map(region.file().try_clone_to_owned().unwrap()).unwrap();
            let worker = WorkerArena::new(other);
            let driver = Arc::<Mutex<Driver>>::default();
            Self {
                front: FrontArena::new(region),
                memory: PinnedMemory::with(worker.clone(), Box::new(Pages(driver.clone()))),
                worker,
                driver,
            }
        }

        fn block(&self, bytes: u64) -> Block {
            let (offset, _) = self.worker.allocate(bytes as usize).unwrap();
            Block {
                side: Side::Worker,
                span: self.worker.block(offset).unwrap(),
            }
        }

        fn is_marked(&self, block: Block) -> bool {
            self.front
                .region()
                .pinned()
                .is_marked(block.side, block.span)
        }

        fn used(&self) -> u64 {
            self.front.region().pinned().used()
        }
    }

    fn place(data_type: DataType, offset: u64, bytes: u64) -> TensorPlace {
        TensorPlace {
            number: 0,
            data_type,
            shape: Shape::new(),
            memory: None,
            offset,
            bytes,
        }
    }

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_whole_block_of_a_request_is_pinned_once_and_for_its_next_use() {
        let bench = Bench::with_budget(64 * MIB);
        let user = bench.memory.user(GpuTransfers::BOTH);
        for _ in 0..3 {
            let block = bench.front.allocate(3 * MIB as usize + 5).unwrap();
            let span = block.span();
            let mut pins = user.pins();
            for offset in [span.offset, span.offset + MIB] {
                pins.request_input(span, &place(DataType::Fp32, offset, MIB));
            }
            let front = Block {
                side: Side::Front,
                span,
            };
            assert!(bench.is_marked(front));
            assert_eq!(bench.used(), span.bytes);
            let pinned = bench.driver.lock().pinned.clone();
            let address = bench.worker.region().block(Side::Front, span).unwrap();
            let expected = (address.as_ptr() as usize, span.bytes as usize);
            assert_eq!(pinned, BTreeMap::from([expected]));
        }
        assert_eq!(bench.driver.lock().asked, 1);
        drop(user);
    }

    #[test]
    fn only_what_a_gpu_reads_or_writes_and_is_large_is_pinned() {
        let bench = Bench::with_budget(64 * MIB);
        let (large, small) = (bench.block(MIB).span.offset, bench.block(1000).span.offset);
        let inputs = GpuTransfers {
            inputs: true,
            outputs: false,
        };
        let users = [GpuTransfers::NONE, inputs].map(|transfers| bench.memory.user(transfers));
        let mut none = users[0].pins();
        none.own_input(large, DataType::Fp32, MIB);
        none.output(large, DataType::Fp32, MIB, false);
        let mut inputs = users[1].pins();
        inputs.output(large, DataType::Fp32, MIB, false);
        inputs.own_input(large, DataType::Bytes, MIB);
        inputs.own_input(small, DataType::Fp32, 1000);
        assert_eq!(bench.driver.lock().asked, 0);
        // What the CPU wrote and is for a client's memory on a GPU.
        inputs.output(bench.block(MIB).span.offset, DataType::Fp32, MIB, true);
        assert_eq!(bench.driver.lock().asked, 1);
        inputs.own_input(large, DataType::Fp32, MIB);
        assert_eq!(bench.driver.lock().asked, 2);

        let off = Bench::with_budget(0);
        let user = off.memory.user(GpuTransfers::BOTH);
        user.pins()
            .output(off.block(MIB).span.offset, DataType::Fp32, MIB, false);
        assert_eq!(off.driver.lock().asked, 0);
    }

    #[test]
    fn blocks_that_were_not_used_for_long_make_room_the_oldest_first() {
        let bench = Bench::with_budget(4 * MIB);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let [first, second, busy] = [MIB, MIB, 2 * MIB].map(|bytes| bench.block(bytes));
        for (block, second) in [(first, 1), (second, 2), (busy, 0)] {
            assert!(bench.memory.hold(block, at(0)));
            if block != busy {
                bench.memory.release(block, at(second));
            }
        }
        let other = bench.block(MIB);
        assert!(!bench.memory.hold(other, at(10)), "nothing is idle yet");
        assert!(bench.memory.hold(other, at(11)));
        assert!(!bench.is_marked(first) && bench.is_marked(second) && bench.is_marked(busy));
        assert_eq!(bench.used(), 4 * MIB);
        // Room for all that is asked for, or none is made: the busy one stays, however long it takes.
        let large = bench.block(2 * MIB);
        assert!(!bench.memory.hold(large, at(1000)));
        assert!(bench.is_marked(second));
        bench.memory.release(other, at(1000));
        assert!(bench.memory.hold(large, at(1010)));
        assert!(!bench.is_marked(second) && !bench.is_marked(other) && bench.is_marked(large));
        assert!(!bench.memory.hold(bench.block(5 * MIB), at(5000)));
        let pinned: usize = bench.driver.lock().pinned.values().sum();
        assert_eq!((pinned as u64, bench.used()), (4 * MIB, 4 * MIB));
    }

    #[test]
    fn a_refusal_is_the_last_attempt_and_leaves_no_mark() {
        let bench = Bench::with_budget(64 * MIB);
        let block = bench.block(MIB);
        let refuse = |refusal| bench.driver.lock().refusal = refusal;
        // A GPU may be used later.
        refuse(Some(Refusal::NoContext));
        assert!(!bench.memory.hold(block, Instant::now()));
        refuse(None);
        assert!(bench.memory.hold(block, Instant::now()));
        let other = bench.block(MIB);
        refuse(Some(Refusal::Driver("no locked memory left".into())));
        assert!(!bench.memory.hold(other, Instant::now()));
        refuse(None);
        assert!(!bench.memory.hold(other, Instant::now()));
        assert_eq!(bench.driver.lock().asked, 3);
        assert!(!bench.is_marked(other) && bench.is_marked(block));
        // What is pinned stays of use.
        assert!(bench.memory.hold(block, Instant::now()));
    }

    #[test]
    fn the_last_instance_on_a_gpu_leaves_nothing_pinned() {
        let bench = Bench::with_budget(64 * MIB);
        let users = [(); 2].map(|()| bench.memory.user(GpuTransfers::BOTH));
        let cpu = bench.memory.user(GpuTransfers::NONE);
        let block = bench.block(MIB);
        users[0]
            .pins()
            .output(block.span.offset, DataType::Fp32, MIB, false);
        let [first, second] = users;
        drop(first);
        assert!(bench.is_marked(block));
        drop(second);
        assert!(!bench.is_marked(block));
        assert_eq!((bench.used(), bench.driver.lock().closed), (0, 1));
        drop(cpu);
        assert_eq!(bench.driver.lock().closed, 1);
    }

    #[test]
    fn what_the_driver_does_not_unpin_keeps_its_mark() {
        let bench = Bench::with_budget(64 * MIB);
        bench.driver.lock().keeps = true;
        let user = bench.memory.user(GpuTransfers::BOTH);
        let block = bench.block(MIB);
        user.pins()
            .output(block.span.offset, DataType::Fp32, MIB, false);
        drop(user);
        assert!(bench.is_marked(block));
        assert_eq!(bench.used(), 0);
    }
}
