//! Allocation inside one heap of a region.
//!
//! Blocks come in size classes, four to each power of two, and are used again last in, first
//! out: a block that was just freed is still in the cache and its pages are mapped. The address
//! space is far larger than any machine's memory, so nothing is ever coalesced. What is free
//! beyond [`RETAINED_BYTES`] goes back to the system, except for what is pinned.

use std::collections::HashMap;

use smallvec::SmallVec;

/// Alignment of every block in bytes: a cache line, and what vector loads want.
pub const ALIGNMENT: u64 = 64;
/// Smallest block in bytes.
const SMALLEST: u64 = 512;
/// Bytes of a page of this architecture.
pub const PAGE_BYTES: u64 = 4096;
/// A block of this size or more shares no page with another, so that it can be pinned.
pub const PAGED_BYTES: u64 = 64 << 10;
/// Free bytes that keep their pages.
pub const RETAINED_BYTES: u64 = 256 << 20;

/// Book-keeping of one heap; holds offsets, touches no memory.
#[derive(Debug)]
pub struct Heap {
    capacity: u64,
    /// Everything from here on was never allocated.
    untouched: u64,
    free: HashMap<u64, Vec<u64>>,
    /// Free bytes whose pages may be mapped.
    retained: u64,
    /// Free blocks beyond those bytes, by offset, that kept their pages because they were pinned.
    pinned: HashMap<u64, u64>,
}

/// A block of a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Offset in the heap.
    pub offset: u64,
    /// Usable bytes, at least what was asked for.
    pub bytes: u64,
}

impl Heap {
    /// A heap of `capacity` bytes of address space, all free.
    pub fn new(capacity: u64) -> Self {
        Self {
            capacity,
            untouched: 0,
            free: HashMap::new(),
            retained: 0,
            pinned: HashMap::new(),
        }
    }

    /// Takes a block of at least `bytes`; `None` where the address space is used up.
    pub fn allocate(&mut self, bytes: u64) -> Option<Span> {
        let bytes = class(bytes)?;
        if let Some(offset) = self.free.get_mut(&bytes).and_then(Vec::pop) {
            let span = Span { offset, bytes };
            self.taken(span);
            return Some(span);
        }
        let offset = if bytes >= PAGED_BYTES {
            self.untouched.checked_next_multiple_of(PAGE_BYTES)?
        } else {
            self.untouched
        };
        match offset.checked_add(bytes) {
            Some(end) if end <= self.capacity => {
                self.untouched = end;
                Some(Span { offset, bytes })
            }
            // The address space was given out once; a larger block serves as well.
            _ => self.take_larger(bytes),
        }
    }

    /// Notes that a free block is used again.
    fn taken(&mut self, span: Span) {
        if self.pinned.remove(&span.offset).is_none() {
            self.retained = self.retained.saturating_sub(span.bytes);
        }
    }

    fn take_larger(&mut self, bytes: u64) -> Option<Span> {
        let larger = self
            .free
            .iter()
            .filter(|(class, offsets)| **class > bytes && !offsets.is_empty())
            .map(|(&class, _)| class)
            .min()?;
        let offset = self.free.get_mut(&larger)?.pop()?;
        let span = Span {
            offset,
            bytes: larger,
        };
        self.taken(span);
        Some(span)
    }

    /// Gives a block back. Returns the free blocks whose pages should be given back to the system:
    /// this one, or others that `is_pinned` said yes to when they were freed and no longer does.
    pub fn free(&mut self, span: Span, is_pinned: impl Fn(Span) -> bool) -> SmallVec<[Span; 1]> {
        self.free.entry(span.bytes).or_default().push(span.offset);
        if self.retained + span.bytes <= RETAINED_BYTES {
            self.retained += span.bytes;
            return SmallVec::new();
        }
        let mut surplus: SmallVec<[Span; 1]> = self
            .pinned
            .extract_if(|&offset, &mut bytes| !is_pinned(Span { offset, bytes }))
            .map(|(offset, bytes)| Span { offset, bytes })
            .collect();
        if is_pinned(span) {
            self.pinned.insert(span.offset, span.bytes);
        } else {
            surplus.push(span);
        }
        surplus
    }
}

/// The size class that holds `bytes`: the next of 1, 1¼, 1½, 1¾ × a power of two.
fn class(bytes: u64) -> Option<u64> {
    if bytes <= SMALLEST {
        return Some(SMALLEST);
    }
    let power = 1u64 << (63 - (bytes - 1).leading_zeros());
    let step = power / 4;
    power.checked_add((bytes - power).div_ceil(step).checked_mul(step)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpinned(_: Span) -> bool {
        false
    }

    #[test]
    fn a_block_is_used_again_last_in_first_out() {
        let mut heap = Heap::new(1 << 20);
        let a = heap.allocate(1000).unwrap();
        let b = heap.allocate(1000).unwrap();
        assert_ne!(a.offset, b.offset);
        heap.free(a, unpinned);
        heap.free(b, unpinned);
        assert_eq!(heap.allocate(900), Some(b));
        assert_eq!(heap.allocate(900), Some(a));
    }

    #[test]
    fn an_exhausted_heap_says_so() {
        let mut heap = Heap::new(1024);
        let span = heap.allocate(1024).unwrap();
        assert_eq!(heap.allocate(1), None);
        heap.free(span, unpinned);
        assert!(heap.allocate(1024).is_some());
        assert_eq!(Heap::new(1 << 20).allocate(u64::MAX), None);
    }

    #[test]
    fn a_larger_free_block_serves_where_nothing_else_is_left() {
        let mut heap = Heap::new(8192);
        let large = heap.allocate(8192).unwrap();
        assert_eq!(heap.allocate(512), None);
        heap.free(large, unpinned);
        assert_eq!(heap.allocate(512), Some(large));
    }

    #[test]
    fn pages_go_back_once_enough_is_retained() {
        let mut heap = Heap::new(1 << 40);
        let large = heap.allocate(RETAINED_BYTES).unwrap();
        let small = heap.allocate(4096).unwrap();
        assert!(heap.free(large, unpinned).is_empty());
        assert_eq!(heap.free(small, unpinned)[..], [small]);
    }

    #[test]
    fn pages_of_a_pinned_block_go_back_once_it_is_not_pinned_any_more() {
        let mut heap = Heap::new(1 << 40);
        let retained = heap.allocate(RETAINED_BYTES).unwrap();
        let [first, second] = [(); 2].map(|()| heap.allocate(PAGED_BYTES).unwrap());
        let other = heap.allocate(4096).unwrap();
        heap.free(retained, unpinned);
        assert!(heap.free(first, |_| true).is_empty());
        assert!(heap.free(second, |_| true).is_empty());
        // One is in use again when nothing is pinned any more, and keeps its pages.
        assert_eq!(heap.allocate(PAGED_BYTES), Some(second));
        assert_eq!(heap.free(other, unpinned)[..], [first, other]);
        assert_eq!(heap.free(second, unpinned)[..], [second]);
    }

    proptest! {
        #[test]
        fn blocks_are_aligned_large_enough_and_never_overlap(
            sizes in prop::collection::vec((0u64..200_000, any::<bool>()), 1..100)
        ) {
            let mut heap = Heap::new(1 << 40);
            let mut live: Vec<Span> = Vec::new();
            for (size, release) in sizes {
                let span = heap.allocate(size).unwrap();
                prop_assert!(span.bytes >= size);
                prop_assert!(size <= SMALLEST || span.bytes <= size + size / 4 + ALIGNMENT);
                prop_assert_eq!(span.offset % ALIGNMENT, 0);
                if span.bytes >= PAGED_BYTES {
                    prop_assert_eq!((span.offset % PAGE_BYTES, span.bytes % PAGE_BYTES), (0, 0));
                }
                for other in &live {
                    prop_assert!(
                        span.offset + span.bytes <= other.offset
                            || other.offset + other.bytes <= span.offset
                    );
                }
                live.push(span);
                if release {
                    heap.free(live.swap_remove(0), unpinned);
                }
            }
        }
    }
}
