//! Inputs and outputs of one execution that lie in memory of clients.
//!
//! They are used in place where they can be: frameworks want tensors aligned, those on a GPU can be used
//! by an instance on the same one, and byte strings are taken apart by their lengths, which a client could
//! change after they were checked. What cannot be used in place is copied, here.

use std::ops::Range;
use std::ptr::NonNull;

use smallvec::SmallVec;

use super::backend::{ExecutionError, GPU_ALIGNMENT, GpuMemory, TensorData};
use super::client_memory::{Access, ClientMemory, Part};
use super::pinned_memory::Pins;
use crate::ipc::arena::WorkerArena;
use crate::ipc::client_memory::ClientMemoryId;
use crate::ipc::descriptor::{Target, TensorPlace};
use crate::ipc::heap::ALIGNMENT;
use crate::ipc::lane::Refused;
use crate::protocol::{DataType, byte_strings, shape};

/// Why an execution has no outputs.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It failed.
    #[error(transparent)]
    Failed(#[from] ExecutionError),
    /// The request is wrong.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// An input in memory of a client.
pub struct ClientInput<'a> {
    part: Part,
    /// The copy that the framework gets, where it does not get the client's memory.
    copy: Option<Copied<'a>>,
}

impl<'a> ClientInput<'a> {
    /// Maps the input, with this right to it, and copies it where that is needed, into memory that `pins`
    /// pins; `gpu` is the one whose memory the instance reads.
    ///
    /// # Errors
    /// It is not there, or it holds byte strings that do not add up.
    pub fn new(
        memory: &ClientMemory,
        arena: &'a WorkerArena,
        place: &TensorPlace,
        access: Access,
        gpu: Option<u32>,
        pins: &mut Pins,
    ) -> Result<Option<Self>, NoAnswer> {
        let Some(id) = place.memory else {
            return Ok(None);
        };
        let part = memory.part(id, place.offset, place.bytes, access)?;
        let is_usable = is_aligned(&part) && is_within_reach(&part, gpu);
        let copy = if place.data_type == DataType::Bytes || !is_usable {
            let mut copy = Copied::new(arena, part.length())?;
            pins.own_input(copy.offset, place.data_type, place.bytes);
            part.copy_to(copy.bytes_mut())?;
            if place.data_type == DataType::Bytes {
                let count = shape::element_count(&place.shape).unwrap_or(usize::MAX);
                byte_strings::validate(copy.bytes(), count).map_err(|unbalanced| Refused {
                    input: place.number,
                    unbalanced,
                })?;
            }
            Some(copy)
        } else {
            None
        };
        Ok(Some(Self { part, copy }))
    }

    /// The tensor.
    pub fn data(&self) -> TensorData<'_> {
        match (&self.copy, &self.part) {
            (Some(copy), _) => TensorData::Host(copy.bytes()),
            (None, Part::Gpu(part)) => TensorData::Gpu(part.memory()),
            // SAFETY: the part is mapped as long as this value. The client may change the values, of
            // which the framework makes numbers, whatever they are.
            (None, Part::Mapped(part)) => TensorData::Host(unsafe {
                std::slice::from_raw_parts(part.address().as_ptr(), part.length())
            }),
        }
    }

    /// Whether what the framework read was there.
    ///
    /// # Errors
    /// The file has become shorter meanwhile.
    pub fn check(&self) -> Result<(), ExecutionError> {
        self.part.check()
    }
}

/// A copy in the worker's own memory.
struct Copied<'a> {
    arena: &'a WorkerArena,
    offset: u64,
    address: NonNull<u8>,
    length: usize,
}

impl<'a> Copied<'a> {
    fn new(arena: &'a WorkerArena, length: usize) -> Result<Self, ExecutionError> {
        let (offset, address) = arena.allocate(length).ok_or_else(|| {
            ExecutionError("no shared memory left to copy an input of the request".into())
        })?;
        Ok(Self {
            arena,
            offset,
            address,
            length,
        })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the block is this value's own and that long; shared memory is initialised.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.length) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr(), self.length) }
    }
}

impl Drop for Copied<'_> {
    fn drop(&mut self) {
        self.arena.free(self.offset);
    }
}

/// Memory of a client for an output.
pub struct ClientOutput {
    /// What was asked for.
    pub target: Target,
    /// The same, mapped or opened.
    pub part: Part,
    /// An input or another output of the request lies there too, so that nothing may be written before
    /// the framework has read and written everything.
    is_shared: bool,
}

impl ClientOutput {
    /// Maps or opens what outputs are to be written to, beside `inputs`.
    ///
    /// # Errors
    /// It is not there.
    pub fn map_all(
        memory: &ClientMemory,
        targets: &[Target],
        inputs: &[TensorPlace],
    ) -> Result<SmallVec<[Self; 2]>, ExecutionError> {
        let read = inputs.iter().filter_map(|place| {
            let memory = place.memory?;
            Some((
                memory,
                place.offset..place.offset.saturating_add(place.bytes),
            ))
        });
        let read: SmallVec<[_; 4]> = read.collect();
        let numbered = targets.iter().enumerate();
        numbered
            .map(|(number, target)| {
                let place = place_of(target);
                let others = targets.iter().enumerate();
                let mut others = others
                    .filter(|(other, _)| *other != number)
                    .map(|(_, other)| place_of(other))
                    .chain(read.iter().cloned());
                Ok(Self {
                    is_shared: others.any(|other| overlap(&place, &other)),
                    target: target.clone(),
                    part: memory.part(target.memory, target.offset, target.bytes, Access::Write)?,
                })
            })
            .collect()
    }

    /// Where the framework can write an output of this type itself, in memory of this process.
    pub fn in_place(&self, data_type: DataType) -> Option<NonNull<u8>> {
        match &self.part {
            Part::Mapped(part) if self.takes_in_place(data_type) => Some(part.address()),
            Part::Mapped(_) | Part::Gpu(_) => None,
        }
    }

    /// Whether it is in memory of a GPU.
    pub fn is_on_gpu(&self) -> bool {
        matches!(self.part, Part::Gpu(_))
    }

    /// Where an instance that writes to memory of `gpu` can write an output of this type itself.
    pub fn on_gpu(&self, gpu: Option<u32>, data_type: DataType) -> Option<GpuMemory> {
        match &self.part {
            Part::Gpu(part) if self.takes_in_place(data_type) => {
                Some(part.memory()).filter(|memory| gpu == Some(memory.device))
            }
            Part::Mapped(_) | Part::Gpu(_) => None,
        }
    }

    fn takes_in_place(&self, data_type: DataType) -> bool {
        data_type != DataType::Bytes && !self.is_shared && is_aligned(&self.part)
    }
}

/// A range of a client's memory.
type Place = (ClientMemoryId, Range<u64>);

fn place_of(target: &Target) -> Place {
    let end = target.offset.saturating_add(target.bytes);
    (target.memory, target.offset..end)
}

fn overlap((memory, range): &Place, (other, other_range): &Place) -> bool {
    memory == other && range.start < other_range.end && other_range.start < range.end
}

fn is_aligned(part: &Part) -> bool {
    match part {
        Part::Mapped(part) => (part.address().as_ptr() as u64).is_multiple_of(ALIGNMENT),
        Part::Gpu(part) => part.memory().address.is_multiple_of(GPU_ALIGNMENT),
    }
}

/// Whether an instance that reads memory of `gpu` can read the part.
fn is_within_reach(part: &Part, gpu: Option<u32>) -> bool {
    match part {
        Part::Mapped(_) => true,
        Part::Gpu(part) => gpu == Some(part.memory().device),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn places_overlap_in_the_same_memory_alone() {
        let place = |memory, range| {
            let memory = ClientMemoryId(NonZeroU64::new(memory).unwrap());
            (memory, range)
        };
        assert!(overlap(&place(1, 0..64), &place(1, 63..65)));
        assert!(overlap(&place(1, 10..20), &place(1, 0..64)));
        assert!(!overlap(&place(1, 0..64), &place(1, 64..128)));
        assert!(!overlap(&place(1, 0..64), &place(2, 0..64)));
        assert!(!overlap(&place(1, 5..5), &place(1, 5..9)));
    }
}
