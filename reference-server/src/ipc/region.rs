//! The shared memory between the front and one worker: an anonymous file that both map.
//!
//! ```text
//! | control page | lanes (LANES × 8 KiB) | marks of pinned blocks | front's heap | worker's heap |
//! ```
//! The file is sparse: only what is touched takes memory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

use super::heap::Span;
use super::lane::{LANE_BYTES, Lane};
use super::pinned::{Pinned, Side};
use crate::worker::recorder::Recorder;

/// Model instances that one worker can have.
pub const LANES: usize = 4096;
/// Bytes of the control page.
const CONTROL_BYTES: usize = 64 * 1024;
/// Bytes of address space of each side's heap.
const HEAP_BYTES: usize = 64 << 30;
/// Entries of the ring in which the front gives back blocks of the worker's heap.
const RELEASES: usize = 4096;

/// Bytes of the marks of pinned blocks.
const PINNED_BYTES: usize = 512 * 1024;

const LANES_OFFSET: usize = CONTROL_BYTES;
const PINNED_OFFSET: usize = LANES_OFFSET + LANES * LANE_BYTES;
const FRONT_HEAP: usize = PINNED_OFFSET + PINNED_BYTES;
const WORKER_HEAP: usize = FRONT_HEAP + HEAP_BYTES;
const REGION_BYTES: usize = WORKER_HEAP + HEAP_BYTES;

const _: () = assert!(size_of::<Control>() <= CONTROL_BYTES);
const _: () = assert!(size_of::<Lane>() <= LANE_BYTES);
const _: () = assert!(size_of::<Pinned>() <= PINNED_BYTES);

/// The control page. All-zero memory is its valid initial state.
#[repr(C)]
struct Control {
    recorder: Recorder,
    bell: Bell,
    releases: ReleaseRing,
}

/// Tells the front which lanes have completions.
#[repr(C, align(64))]
struct Bell {
    /// 1 from the moment a worker thread rings until the front looks.
    rung: AtomicU32,
    /// One bit a lane.
    dirty: [AtomicU64; LANES / 64],
}

/// Blocks of the worker's heap that the front no longer needs. One writer (under the front's
/// lock), one reader (under the worker's heap lock).
#[repr(C, align(64))]
struct ReleaseRing {
    written: AtomicU32,
    read: AtomicU32,
    offsets: [AtomicU64; RELEASES],
}

/// A mapped region.
#[derive(Debug)]
pub struct Region {
    base: NonNull<u8>,
    file: OwnedFd,
}

// SAFETY: the region is plain shared memory; everything in it that several threads or processes
// touch at the same time is atomic or handed over through atomics.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Makes a new, empty region (the front).
    ///
    /// # Errors
    /// The system's error when the anonymous file or the mapping is refused.
    pub fn create() -> rustix::io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("reference-server", flags)?;
        rustix::fs::ftruncate(&file, REGION_BYTES as u64)?;
        // A worker that shortened the file would make every access of the front a bus error.
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)?;
        Self::map(file)
    }

    /// Maps the region behind `file` (the worker).
    ///
    /// # Errors
    /// The system's error when the mapping is refused.
    pub fn map(file: OwnedFd) -> rustix::io::Result<Self> {
        // SAFETY: a new mapping at an address that the kernel chooses aliases nothing.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                REGION_BYTES,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::NORESERVE,
                &file,
                0,
            )?
        };
        // A worker that crashes must not write 128 GiB of address space into a core file.
        // SAFETY: the range is the mapping just made; the advice changes no contents.
        unsafe {
            rustix::mm::madvise(base, REGION_BYTES, rustix::mm::Advice::LinuxDontDump).ok();
        }
        let base = NonNull::new(base.cast()).expect("mmap does not return null");
        Ok(Self { base, file })
    }

    /// The anonymous file, to hand to a worker.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    fn control(&self) -> &Control {
        // SAFETY: the mapping is page-aligned, larger than `Control` (asserted above), and
        // zero-filled or written through atomics only.
        unsafe { self.base.cast::<Control>().as_ref() }
    }

    /// The worker's flight recorder.
    pub fn recorder(&self) -> &Recorder {
        &self.control().recorder
    }

    /// What of the heaps is pinned.
    pub fn pinned(&self) -> &Pinned {
        // SAFETY: in bounds (asserted above), aligned because everything before it is whole pages,
        // zero-filled or written through atomics only.
        unsafe { self.base.add(PINNED_OFFSET).cast::<Pinned>().as_ref() }
    }

    /// Lane number `index`.
    ///
    /// # Panics
    /// If `index` is not below [`LANES`].
    pub fn lane(&self, index: u32) -> &Lane {
        let index = index as usize;
        assert!(index < LANES, "lane {index} of {LANES}");
        // SAFETY: in bounds by the assertion, aligned because LANE_BYTES is a multiple of the
        // page size, zero-filled or written through atomics only.
        unsafe {
            self.base
                .add(LANES_OFFSET + index * LANE_BYTES)
                .cast::<Lane>()
                .as_ref()
        }
    }

    /// Notes (worker) that `lane` has a completion. Returns true where the front must be woken.
    pub fn ring(&self, lane: u32) -> bool {
        let bell = &self.control().bell;
        bell.dirty[lane as usize / 64].fetch_or(1 << (lane % 64), Ordering::SeqCst);
        bell.rung.swap(1, Ordering::SeqCst) == 0
    }

    /// Calls `visit` (front) with every lane that had a completion since the last call. With
    /// `polling` the front promises to look again soon, and completions until then do not ask for
    /// a wake-up; the last look must be without.
    pub fn answer(&self, polling: bool, mut visit: impl FnMut(u32)) {
        let bell = &self.control().bell;
        // Set before looking: a completion that comes later rings again where it has to.
        bell.rung.store(u32::from(polling), Ordering::SeqCst);
        for (word, dirty) in bell.dirty.iter().enumerate() {
            if dirty.load(Ordering::SeqCst) == 0 {
                continue;
            }
            let mut bits = dirty.swap(0, Ordering::SeqCst);
            while bits != 0 {
                visit(word as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
    }

    /// Gives a block of the worker's heap back (front, under a lock of its own). Returns false
    /// where the ring is full: keep the offset and try again later.
    pub fn release(&self, offset: u64) -> bool {
        let ring = &self.control().releases;
        let written = ring.written.load(Ordering::Relaxed);
        if written.wrapping_sub(ring.read.load(Ordering::Acquire)) as usize >= RELEASES {
            return false;
        }
        ring.offsets[written as usize % RELEASES].store(offset, Ordering::Relaxed);
        ring.written
            .store(written.wrapping_add(1), Ordering::Release);
        true
    }

    /// Calls `free` (worker, under its heap's lock) with every block given back.
    pub fn released(&self, mut free: impl FnMut(u64)) {
        let ring = &self.control().releases;
        let mut read = ring.read.load(Ordering::Relaxed);
        let written = ring.written.load(Ordering::Acquire);
        while read != written {
            free(ring.offsets[read as usize % RELEASES].load(Ordering::Relaxed));
            read = read.wrapping_add(1);
        }
        ring.read.store(read, Ordering::Release);
    }

    /// Address of `length` bytes at `offset` of the front's heap.
    ///
    /// # Panics
    /// If the range leaves the heap.
    pub fn front_heap(&self, offset: u64, length: usize) -> NonNull<u8> {
        self.heap_address(FRONT_HEAP, offset, length)
            .unwrap_or_else(|| panic!("{length} bytes at {offset} leave the heap"))
    }

    /// Address of `length` bytes at `offset` of the worker's heap; `None` where the range leaves
    /// the heap (the front checks what a worker says).
    pub fn worker_heap(&self, offset: u64, length: usize) -> Option<NonNull<u8>> {
        self.heap_address(WORKER_HEAP, offset, length)
    }

    /// Address of a block of either heap; `None` where it leaves the heap.
    pub fn block(&self, side: Side, span: Span) -> Option<NonNull<u8>> {
        let heap = match side {
            Side::Front => FRONT_HEAP,
            Side::Worker => WORKER_HEAP,
        };
        self.heap_address(heap, span.offset, usize::try_from(span.bytes).ok()?)
    }

    fn heap_address(&self, heap: usize, offset: u64, length: usize) -> Option<NonNull<u8>> {
        let offset = usize::try_from(offset).ok()?;
        if offset.checked_add(length)? > HEAP_BYTES {
            return None;
        }
        // SAFETY: inside the mapping by the check above.
        Some(unsafe { self.base.add(heap + offset) })
    }

    /// Bytes of address space of each heap.
    pub const fn heap_bytes() -> u64 {
        HEAP_BYTES as u64
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map`; whoever holds memory in it holds the region.
        unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), REGION_BYTES).ok() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_names_each_lane_once_and_asks_for_one_wake_up() {
        let region = Region::create().unwrap();
        assert!(region.ring(3));
        assert!(!region.ring(700));
        assert!(!region.ring(3));
        let mut lanes = Vec::new();
        region.answer(false, |lane| lanes.push(lane));
        assert_eq!(lanes, [3, 700]);
        lanes.clear();
        region.answer(false, |lane| lanes.push(lane));
        assert!(lanes.is_empty());
        assert!(region.ring(3));
        region.answer(true, |_| {});
        assert!(!region.ring(9), "a front that polls needs no wake-up");
        region.answer(false, |lane| lanes.push(lane));
        assert_eq!(lanes, [9]);
        assert!(region.ring(9));
    }

    #[test]
    fn nobody_can_shorten_the_file() {
        let region = Region::create().unwrap();
        assert!(rustix::fs::ftruncate(region.file(), 0).is_err());
    }

    #[test]
    fn released_blocks_arrive_in_order_and_a_full_ring_says_so() {
        let region = Region::create().unwrap();
        for offset in 0..RELEASES as u64 {
            assert!(region.release(offset));
        }
        assert!(!region.release(1));
        let mut seen = Vec::new();
        region.released(|offset| seen.push(offset));
        assert_eq!(seen, (0..RELEASES as u64).collect::<Vec<_>>());
        assert!(region.release(1));
    }

    #[test]
    fn both_mappings_show_the_same_memory_and_ranges_are_checked() {
        let front = Region::create().unwrap();
        let worker = Region::map(front.file().try_clone_to_owned().unwrap()).unwrap();
        // SAFETY: both ranges are inside their mapping; nobody else uses them.
        unsafe {
            front.front_heap(64, 1).write(42);
            assert_eq!(worker.front_heap(64, 1).read(), 42);
        }
        assert!(front.worker_heap(u64::MAX, 1).is_none());
        assert!(front.worker_heap(Region::heap_bytes(), 1).is_none());
        assert!(front.worker_heap(Region::heap_bytes() - 1, 1).is_some());
    }
}
