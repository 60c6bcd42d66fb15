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
    place: Place,
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
        Ok(Some(Self {
            place: Place::of(id, place.offset, &part),
            part,
            copy,
        }))
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
    place: Place,
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
        inputs: &[Option<ClientInput<'_>>],
    ) -> Result<SmallVec<[Self; 2]>, ExecutionError> {
        let mut outputs = SmallVec::<[Self; 2]>::new();
        for target in targets {
            let part = memory.part(target.memory, target.offset, target.bytes, Access::Write)?;
            outputs.push(Self {
                place: Place::of(target.memory, target.offset, &part),
                target: target.clone(),
                part,
                is_shared: false,
            });
        }
        for number in 0..outputs.len() {
            let place = &outputs[number].place;
            let others = outputs.iter().enumerate();
            let mut others = others
                .filter(|(other, _)| *other != number)
                .map(|(_, other)| &other.place)
                .chain(inputs.iter().flatten().map(|input| &input.place));
            outputs[number].is_shared = others.any(|other| place.overlaps(other));
        }
        Ok(outputs)
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

/// Where a tensor is, so that two can be held against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A range of a region.
    Region(ClientMemoryId, Range<u64>),
    /// A range of addresses of a GPU: a client may register the same memory twice.
    Gpu(u32, Range<u64>),
}

impl Place {
    fn of(id: ClientMemoryId, offset: u64, part: &Part) -> Self {
        let range = |start: u64| start..start.saturating_add(part.length() as u64);
        match part {
            Part::Mapped(_) => Self::Region(id, range(offset)),
            Part::Gpu(part) => {
                let memory = part.memory();
                Self::Gpu(memory.device, range(memory.address))
            }
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        let meet = |a: &Range<u64>, b: &Range<u64>| a.start < b.end && b.start < a.end;
        match (self, other) {
            (Self::Region(id, range), Self::Region(other, others)) => {
                id == other && meet(range, others)
            }
            (Self::Gpu(device, range), Self::Gpu(other, others)) => {
                device == other && meet(range, others)
            }
            _ => false,
        }
    }
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
        let region = |memory, range| {
            let memory = ClientMemoryId(NonZeroU64::new(memory).unwrap());
            Place::Region(memory, range)
        };
        assert!(region(1, 0..64).overlaps(&region(1, 63..65)));
        assert!(region(1, 10..20).overlaps(&region(1, 0..64)));
        assert!(!region(1, 0..64).overlaps(&region(1, 64..128)));
        assert!(!region(1, 0..64).overlaps(&region(2, 0..64)));
        assert!(!region(1, 5..5).overlaps(&region(1, 5..9)));
        assert!(Place::Gpu(0, 0..64).overlaps(&Place::Gpu(0, 63..65)));
        assert!(!Place::Gpu(0, 0..64).overlaps(&Place::Gpu(1, 0..64)));
        assert!(!Place::Gpu(1, 0..64).overlaps(&region(1, 0..64)));
    }
}
