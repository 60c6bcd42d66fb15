//! Inputs and outputs of one execution that lie in memory of clients.
//!
//! They are used in place where they can be: frameworks want tensors aligned, and byte strings are
//! taken apart by their lengths, which a client could change after they were checked. What cannot be
//! used in place is copied, here.

use smallvec::SmallVec;

use super::backend::ExecutionError;
use super::client_memory::{Access, ClientMemory, Part};
use crate::ipc::arena::WorkerArena;
use crate::ipc::descriptor::{Target, TensorPlace};
use crate::ipc::heap::ALIGNMENT;
use crate::protocol::{DataType, byte_strings, shape};

/// An input in memory of a client.
pub struct ClientInput<'a> {
    part: Part,
    /// The copy that the framework gets, where it does not get the client's memory.
    copy: Option<Copied<'a>>,
}

impl<'a> ClientInput<'a> {
    /// Maps the input, with this right to it, and copies it where that is needed.
    ///
    /// # Errors
    /// It is not there, or it holds no tensor of its shape.
    pub fn new(
        memory: &ClientMemory,
        arena: &'a WorkerArena,
        place: &TensorPlace,
        access: Access,
    ) -> Result<Option<Self>, ExecutionError> {
        let Some(id) = place.memory else {
            return Ok(None);
        };
        let part = memory.part(id, place.offset, place.bytes, access)?;
        let copy = if place.data_type == DataType::Bytes || !is_aligned(&part) {
            let mut copy = Copied::new(arena, part.length())?;
            part.copy_to(copy.bytes_mut());
            if place.data_type == DataType::Bytes {
                // The client's own words are not to hand here, but the number tells which it is.
                let name = format!("number {}", place.number);
                let count = shape::element_count(&place.shape).unwrap_or(usize::MAX);
                byte_strings::validate(copy.bytes(), count, &name)
                    .map_err(|error| ExecutionError(error.message))?;
            }
            Some(copy)
        } else {
            None
        };
        Ok(Some(Self { part, copy }))
    }

    /// The tensor.
    pub fn bytes(&self) -> &[u8] {
        match &self.copy {
            Some(copy) => copy.bytes(),
            // SAFETY: the part is mapped as long as this value. The client may change the values, of
            // which the framework makes numbers, whatever they are.
            None => unsafe {
                std::slice::from_raw_parts(self.part.address().as_ptr(), self.part.length())
            },
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
    address: std::ptr::NonNull<u8>,
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
    /// The same, mapped.
    pub part: Part,
}

impl ClientOutput {
    /// Maps what outputs are to be written to.
    ///
    /// # Errors
    /// It is not there.
    pub fn map_all(
        memory: &ClientMemory,
        targets: &[Target],
    ) -> Result<SmallVec<[Self; 2]>, ExecutionError> {
        let targets = targets.iter();
        targets
            .map(|target| {
                let Target {
                    memory: id,
                    offset,
                    bytes,
                    ..
                } = *target;
                Ok(Self {
                    target: target.clone(),
                    part: memory.part(id, offset, bytes, Access::Write)?,
                })
            })
            .collect()
    }

    /// Whether the framework can write an output of this type there itself.
    pub fn takes_in_place(&self, data_type: DataType) -> bool {
        data_type != DataType::Bytes && is_aligned(&self.part)
    }
}

fn is_aligned(part: &Part) -> bool {
    (part.address().as_ptr() as u64).is_multiple_of(ALIGNMENT)
}
