//! Outputs whose memory is poisoned before an execution, and their way into files.

use std::path::Path;

use measure_protocol::TensorFile;

use super::error::MeasureError;
use crate::ipc::arena::WorkerArena;
use crate::ipc::descriptor::TensorPlace;
use crate::protocol::DataType;
use crate::worker::backend::{ExecutionError, OutputSink, TensorSignature};
use crate::worker::outputs::Outputs;
use crate::worker::pinned_memory::Pins;

/// Memory for outputs, each byte of which is `poison` until something is written there.
pub(super) struct Poisoned<'a> {
    outputs: Outputs<'a>,
    poison: u8,
}

impl<'a> Poisoned<'a> {
    pub(super) fn new(arena: &'a WorkerArena, pins: Pins, poison: u8) -> Self {
        Self {
            outputs: Outputs::new(arena, pins),
            poison,
        }
    }

    /// Writes the outputs to files in `folder`, which are named after them, and lets go of their
    /// memory.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn write(
        self,
        arena: &WorkerArena,
        declared: &[TensorSignature],
        folder: &Path,
    ) -> Result<Vec<TensorFile>, MeasureError> {
        let places = self.outputs.into_places();
        let written = places
            .iter()
            .map(|place| write(arena, place, declared, folder))
            .collect();
        places.iter().for_each(|place| arena.free(place.offset));
        written
    }
}

impl<'a> OutputSink<'a> for Poisoned<'a> {
    fn allocate(
        &mut self,
        output: u32,
        data_type: DataType,
        dims: &[i64],
        byte_length: usize,
    ) -> Result<&'a mut [u8], ExecutionError> {
        let memory = self
            .outputs
            .allocate(output, data_type, dims, byte_length)?;
        memory.fill(self.poison);
        Ok(memory)
    }
}

fn write(
    arena: &WorkerArena,
    place: &TensorPlace,
    declared: &[TensorSignature],
    folder: &Path,
) -> Result<TensorFile, MeasureError> {
    let name = &declared[place.number as usize].name;
    // A name may hold what a path takes for a folder.
    let file = folder.join(format!("{}.bin", name.replace('/', "_")));
    let address = arena
        .region()
        .worker_heap(place.offset, place.bytes as usize)
        .expect("allocated for the execution");
    // SAFETY: the block was taken from the arena for this output, and the execution is over.
    let bytes = unsafe { std::slice::from_raw_parts(address.as_ptr(), place.bytes as usize) };
    std::fs::write(&file, bytes).map_err(|error| MeasureError::Tensor {
        file: file.clone(),
        reason: error.to_string(),
    })?;
    Ok(TensorFile {
        name: name.clone(),
        data_type: place.data_type.to_string(),
        dims: place.shape.to_vec(),
        file,
    })
}
