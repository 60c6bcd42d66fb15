//! The two arenas of a region: the front's, for inputs, and the worker's, for outputs.

use std::collections::{HashMap, VecDeque};
use std::ptr::NonNull;
use std::sync::Arc;

use parking_lot::Mutex;

use super::heap::{Heap, Span};
use super::pinned::Side;
use super::region::Region;
use crate::worker::recorder::Recorder;

/// Gives a block back to its heap, and what is free and not needed back to the system.
fn free(region: &Region, heap: &mut Heap, side: Side, span: Span) {
    let is_pinned = |span| region.pinned().is_marked(side, span);
    for surplus in heap.free(span, is_pinned) {
        if let Some(address) = region.block(side, surplus) {
            discard(address, surplus);
        }
    }
}

/// Gives the pages of a block back to the system; the address range stays usable. The block is not
/// pinned.
fn discard(address: NonNull<u8>, span: Span) {
    // Only whole pages can be given back, and the neighbours share the ones at the edges.
    let page = rustix::param::page_size();
    let start = (address.as_ptr() as usize).next_multiple_of(page);
    let end = (address.as_ptr() as usize + span.bytes as usize) / page * page;
    if start < end {
        // SAFETY: the pages lie inside a block that is free: nobody refers to them.
        unsafe {
            rustix::mm::madvise(
                std::ptr::with_exposed_provenance_mut(start),
                end - start,
                rustix::mm::Advice::LinuxRemove,
            )
            .ok();
        }
    }
}

/// The front's side of a region: allocates inputs, gives outputs back.
#[derive(Debug)]
pub struct FrontArena {
    region: Region,
    heap: Mutex<Heap>,
    /// Output blocks to give back that the ring had no room for.
    unreleased: Mutex<VecDeque<u64>>,
}

impl FrontArena {
    /// The arena of a new region.
    pub fn new(region: Region) -> Arc<Self> {
        Arc::new(Self {
            region,
            heap: Mutex::new(Heap::new(Region::heap_bytes())),
            unreleased: Mutex::new(VecDeque::new()),
        })
    }

    /// The region.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Takes a block of at least `bytes`; `None` where the address space is used up.
    pub fn allocate(self: &Arc<Self>, bytes: usize) -> Option<InputBlock> {
        let span = self.heap.lock().allocate(bytes as u64)?;
        Some(InputBlock {
            arena: self.clone(),
            span,
            bytes,
        })
    }

    /// Takes over the block at `offset` of the worker's heap of which `bytes` were said to be in
    /// use; `None` where that leaves the heap.
    pub fn output(self: &Arc<Self>, offset: u64, bytes: usize) -> Option<OutputBlock> {
        let address = self.region.worker_heap(offset, bytes)?;
        Some(OutputBlock {
            arena: self.clone(),
            offset,
            address,
            bytes,
        })
    }

    fn release(&self, offset: u64) {
        let mut unreleased = self.unreleased.lock();
        unreleased.push_back(offset);
        while let Some(&oldest) = unreleased.front() {
            if !self.region.release(oldest) {
                break;
            }
            unreleased.pop_front();
        }
    }
}

/// Memory for inputs, filled by the front; freed when dropped.
#[derive(Debug)]
pub struct InputBlock {
    arena: Arc<FrontArena>,
    span: Span,
    bytes: usize,
}

impl InputBlock {
    /// Offset in the front's heap.
    pub fn offset(&self) -> u64 {
        self.span.offset
    }

    /// The whole block, which may be longer than what was asked for.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Whether the block is part of `arena`.
    pub fn belongs_to(&self, arena: &Arc<FrontArena>) -> bool {
        Arc::ptr_eq(&self.arena, arena)
    }

    fn address(&self) -> NonNull<u8> {
        self.arena.region.front_heap(self.span.offset, self.bytes)
    }

    /// The memory, to fill in. Its contents are what the last user left.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the block is this value's alone until it is submitted; it lies in the mapping,
        // which the arena keeps; shared memory is always initialised.
        unsafe { std::slice::from_raw_parts_mut(self.address().as_ptr(), self.bytes) }
    }

    /// The memory.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: as in `bytes_mut`; a worker that writes to its inputs changes values only.
        unsafe { std::slice::from_raw_parts(self.address().as_ptr(), self.bytes) }
    }
}

impl Drop for InputBlock {
    fn drop(&mut self) {
        let FrontArena { region, heap, .. } = &*self.arena;
        free(region, &mut heap.lock(), Side::Front, self.span);
    }
}

/// Memory that a worker filled; given back to it when dropped.
#[derive(Debug)]
pub struct OutputBlock {
    arena: Arc<FrontArena>,
    offset: u64,
    address: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the block is plain memory in a mapping that the arena keeps, and `OutputBlock` gives
// out shared references only.
unsafe impl Send for OutputBlock {}
// SAFETY: as above.
unsafe impl Sync for OutputBlock {}

impl AsRef<[u8]> for OutputBlock {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the range was checked in `FrontArena::output`. A worker that keeps writing after
        // it handed the block over can change the values that its own clients see, nothing else.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.bytes) }
    }
}

impl Drop for OutputBlock {
    fn drop(&mut self) {
        self.arena.release(self.offset);
    }
}

/// The worker's side of a region: reads inputs, allocates outputs.
#[derive(Debug)]
pub struct WorkerArena {
    region: Region,
    state: Mutex<WorkerState>,
}

#[derive(Debug)]
struct WorkerState {
    heap: Heap,
    /// Bytes of each block that is in use, by offset.
    live: HashMap<u64, u64>,
}

impl WorkerArena {
    /// The arena of the region that the front made.
    pub fn new(region: Region) -> Arc<Self> {
        Arc::new(Self {
            region,
            state: Mutex::new(WorkerState {
                heap: Heap::new(Region::heap_bytes()),
                live: HashMap::new(),
            }),
        })
    }

    /// The region.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Takes a block of at least `bytes` and returns its offset and address; `None` where the
    /// address space is used up.
    pub fn allocate(&self, bytes: usize) -> Option<(u64, NonNull<u8>)> {
        let mut state = self.state.lock();
        let WorkerState { heap, live } = &mut *state;
        self.region
            .released(|offset| self.free_locked(heap, live, offset));
        let span = heap.allocate(bytes as u64)?;
        live.insert(span.offset, span.bytes);
        Some((span.offset, self.region.worker_heap(span.offset, bytes)?))
    }

    /// Frees a block that was not handed to the front.
    pub fn free(&self, offset: u64) {
        let WorkerState { heap, live } = &mut *self.state.lock();
        self.free_locked(heap, live, offset);
    }

    fn free_locked(&self, heap: &mut Heap, live: &mut HashMap<u64, u64>, offset: u64) {
        let Some(bytes) = live.remove(&offset) else {
            return;
        };
        free(&self.region, heap, Side::Worker, Span { offset, bytes });
    }

    /// The whole block that begins at `offset` and is in use.
    pub fn block(&self, offset: u64) -> Option<Span> {
        let bytes = *self.state.lock().live.get(&offset)?;
        Some(Span { offset, bytes })
    }
}

impl AsRef<Recorder> for WorkerArena {
    fn as_ref(&self) -> &Recorder {
        self.region.recorder()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Arc<FrontArena>, Arc<WorkerArena>) {
        let region = Region::create().unwrap();
        let other = Region::map(region.file().try_clone_to_owned().unwrap()).unwrap();
        (FrontArena::new(region), WorkerArena::new(other))
    }

    #[test]
    fn an_output_goes_back_to_the_worker_when_the_front_drops_it() {
        let (front, worker) = pair();
        let (offset, address) = worker.allocate(100).unwrap();
        // SAFETY: the block was just allocated and holds 100 bytes.
        unsafe { address.as_ptr().write_bytes(7, 100) };
        let output = front.output(offset, 100).unwrap();
        assert!(output.as_ref().iter().all(|&byte| byte == 7));
        let (other, _) = worker.allocate(100).unwrap();
        assert_ne!(other, offset);
        drop(output);
        assert_eq!(worker.allocate(100).unwrap().0, offset);
    }

    #[test]
    fn more_outputs_than_the_ring_holds_all_come_back() {
        let (front, worker) = pair();
        let offsets: Vec<u64> = (0..5000).map(|_| worker.allocate(1).unwrap().0).collect();
        for offset in &offsets {
            drop(front.output(*offset, 1).unwrap());
        }
        worker.allocate(1).unwrap();
        drop(front.output(offsets[0], 1));
        worker.allocate(1).unwrap();
        assert!(worker.state.lock().live.len() <= 3);
    }

    #[test]
    fn what_a_worker_says_is_checked() {
        let (front, _worker) = pair();
        assert!(front.output(u64::MAX - 3, 100).is_none());
        assert!(front.output(0, usize::MAX).is_none());
    }

    #[test]
    fn a_freed_large_block_reads_as_zeros_once_its_pages_are_gone() {
        let (front, _worker) = pair();
        let keep = front
            .allocate(super::super::heap::RETAINED_BYTES as usize)
            .unwrap();
        drop(keep);
        let mut block = front.allocate(1 << 20).unwrap();
        block.bytes_mut().fill(9);
        let offset = block.offset();
        drop(block);
        let block = front.allocate(1 << 20).unwrap();
        assert_eq!(block.offset(), offset);
        assert!(
            block.bytes()[4096..(1 << 20) - 4096]
                .iter()
                .all(|&byte| byte == 0)
        );
    }

    /// Blocks of both arenas, filled with nines, freed while `marked`, and what they hold when they are
    /// used again.
    fn used_again(marked: bool) -> [u8; 2] {
        use super::super::heap::{PAGED_BYTES, RETAINED_BYTES};
        let (front, worker) = pair();
        drop(front.allocate(RETAINED_BYTES as usize).unwrap());
        worker.free(worker.allocate(RETAINED_BYTES as usize).unwrap().0);
        let bytes = PAGED_BYTES as usize;

        let mut input = front.allocate(bytes).unwrap();
        input.bytes_mut().fill(9);
        let span = input.span();
        let (offset, address) = worker.allocate(bytes).unwrap();
        // SAFETY: the block was just allocated and is that long.
        unsafe { address.as_ptr().write_bytes(9, bytes) };
        if marked {
            let pinned = worker.region().pinned();
            assert!(pinned.set(Side::Front, span));
            assert!(pinned.set(Side::Worker, worker.block(offset).unwrap()));
        }
        drop(input);
        worker.free(offset);

        let input = front.allocate(bytes).unwrap();
        assert_eq!(input.span(), span);
        assert_eq!(worker.allocate(bytes).unwrap().0, offset);
        // SAFETY: as above; shared memory is initialised.
        let output = unsafe { std::slice::from_raw_parts(address.as_ptr(), bytes) };
        [input.bytes(), output].map(|memory| {
            assert!(memory.iter().all(|byte| *byte == memory[0]));
            memory[0]
        })
    }

    #[test]
    fn a_pinned_block_keeps_its_pages_and_another_one_does_not() {
        assert_eq!(used_again(true), [9, 9]);
        assert_eq!(used_again(false), [0, 0]);
    }
}
