//! Which blocks of a region's heaps a worker has pinned for its GPUs, as both sides see it.
//!
//! The GPU reads pinned pages by their physical address. Pages that were given back to the system and
//! came again are others, which the GPU would not see: whoever frees a block looks here first.

use std::sync::atomic::{AtomicU64, Ordering};

use super::heap::{PAGED_BYTES, Span};
use super::region::Region;

/// One of the two heaps of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The front's, for inputs.
    Front,
    /// The worker's, for outputs and joined inputs.
    Worker,
}

/// Blocks of [`PAGED_BYTES`] and more begin at least so far apart, so that a bit each is enough.
const WORDS: usize = (Region::heap_bytes() / PAGED_BYTES / 64) as usize;

/// Marks of pinned blocks, and how much they are. All-zero memory is its valid initial state: nothing
/// is pinned and nothing may be.
#[repr(C, align(64))]
pub struct Pinned {
    budget: AtomicU64,
    used: AtomicU64,
    /// One bit for each block that can be pinned, by where it begins.
    marks: [[AtomicU64; WORDS]; 2],
}

impl Pinned {
    /// Bytes that the worker may pin.
    pub fn budget(&self) -> u64 {
        self.budget.load(Ordering::Relaxed)
    }

    /// Sets what the worker may pin (the front, before it starts the worker).
    pub fn set_budget(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that the worker has pinned.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Tells (worker) how much is pinned.
    pub fn set_used(&self, bytes: u64) {
        self.used.store(bytes, Ordering::Relaxed);
    }

    /// Whether the pages of a block must stay. Of a block that is free this changes from yes to no
    /// only: the worker pins blocks of executions that are under way.
    pub fn is_marked(&self, side: Side, span: Span) -> bool {
        span.bytes >= PAGED_BYTES
            && self
                .mark(side, span)
                // Together with the release in `clear`: what is freed from here on is not pinned.
                .is_some_and(|(word, bit)| word.load(Ordering::Acquire) & bit != 0)
    }

    /// Marks a block (worker, before it pins it and while an execution uses it). Returns false where
    /// no such block can be pinned.
    pub fn set(&self, side: Side, span: Span) -> bool {
        let mark = self.mark(side, span).filter(|_| span.bytes >= PAGED_BYTES);
        if let Some((word, bit)) = mark {
            word.fetch_or(bit, Ordering::AcqRel);
        }
        mark.is_some()
    }

    /// Takes the mark back (worker, after it unpinned the block).
    pub fn clear(&self, side: Side, span: Span) {
        if let Some((word, bit)) = self.mark(side, span) {
            word.fetch_and(!bit, Ordering::AcqRel);
        }
    }

    fn mark(&self, side: Side, span: Span) -> Option<(&AtomicU64, u64)> {
        let number = span.offset / PAGED_BYTES;
        let word = usize::try_from(number / 64).ok()?;
        let marks = &self.marks[side as usize];
        Some((marks.get(word)?, 1 << (number % 64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_one_block_of_one_heap_and_seen_by_both_sides() {
        let front = Region::create().unwrap();
        let worker = Region::map(front.file().try_clone_to_owned().unwrap()).unwrap();
        let span = |offset| Span {
            offset,
            bytes: PAGED_BYTES,
        };
        let last = Region::heap_bytes() - PAGED_BYTES;
        for (side, other) in [(Side::Front, Side::Worker), (Side::Worker, Side::Front)] {
            for offset in [0, 63 * PAGED_BYTES + 4096, last] {
                assert!(worker.pinned().set(side, span(offset)));
                assert!(front.pinned().is_marked(side, span(offset)));
                assert!(!front.pinned().is_marked(other, span(offset)));
                assert!(!front.pinned().is_marked(side, span(offset ^ PAGED_BYTES)));
                worker.pinned().clear(side, span(offset));
                assert!(!front.pinned().is_marked(side, span(offset)));
            }
        }
    }

    #[test]
    fn what_shares_pages_or_is_no_block_has_no_mark() {
        let region = Region::create().unwrap();
        let pinned = region.pinned();
        let small = Span {
            offset: 0,
            bytes: PAGED_BYTES / 2,
        };
        assert!(!pinned.set(Side::Front, small));
        let outside = Span {
            offset: Region::heap_bytes(),
            bytes: PAGED_BYTES,
        };
        assert!(!pinned.set(Side::Front, outside));
        pinned.clear(Side::Front, outside);
        // A small block that begins where a large and pinned one might.
        assert!(pinned.set(
            Side::Front,
            Span {
                bytes: PAGED_BYTES,
                ..small
            }
        ));
        assert!(!pinned.is_marked(Side::Front, small));
    }
}
