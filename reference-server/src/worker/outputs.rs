//! Outputs of one execution, in shared memory.

use smallvec::SmallVec;

use super::backend::{ExecutionError, OutputSink};
use super::pinned_memory::Pins;
use crate::ipc::arena::WorkerArena;
use crate::ipc::descriptor::TensorPlace;
use crate::protocol::DataType;

/// Takes memory for outputs from the worker's arena and remembers where they are.
pub struct Outputs<'a> {
    arena: &'a WorkerArena,
    pins: Pins,
    taken: SmallVec<[TensorPlace; 4]>,
}

impl<'a> Outputs<'a> {
    /// No outputs yet. Their memory is pinned beside what `pins` holds, which is let go of with the
    /// outputs.
    pub fn new(arena: &'a WorkerArena, pins: Pins) -> Self {
        Self {
            arena,
            pins,
            taken: SmallVec::new(),
        }
    }

    /// The outputs; the caller is answerable for their memory from here on.
    pub fn into_places(mut self) -> SmallVec<[TensorPlace; 4]> {
        std::mem::take(&mut self.taken)
    }
}

impl<'a> OutputSink<'a> for Outputs<'a> {
    fn allocate(
        &mut self,
        output: u32,
        data_type: DataType,
        dims: &[i64],
        byte_length: usize,
    ) -> Result<&'a mut [u8], ExecutionError> {
        if let Some(position) = self.taken.iter().position(|place| place.number == output) {
            self.arena.free(self.taken.remove(position).offset);
        }
        let (offset, address) = self.arena.allocate(byte_length).ok_or_else(|| {
            ExecutionError(format!(
                "no shared memory left for {byte_length} bytes of output {output}"
            ))
        })?;
        self.pins.output(offset, data_type, byte_length as u64);
        self.taken.push(TensorPlace {
            number: output,
            data_type,
            shape: dims.iter().copied().collect(),
            offset,
            bytes: byte_length as u64,
        });
        // SAFETY: the block was just taken from the arena, which outlives 'a; nobody else has it.
        Ok(unsafe { std::slice::from_raw_parts_mut(address.as_ptr(), byte_length) })
    }
}

impl Drop for Outputs<'_> {
    fn drop(&mut self) {
        for place in &self.taken {
            self.arena.free(place.offset);
        }
    }
}
