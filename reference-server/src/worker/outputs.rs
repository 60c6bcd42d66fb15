//! Outputs of one execution, in shared memory: the worker's heap, or where a client wants them.

use std::ptr::NonNull;

use smallvec::SmallVec;

use super::backend::{ExecutionError, GpuMemory, OutputSink};
use super::client_tensor::ClientOutput;
use super::pinned_memory::Pins;
use crate::ipc::arena::WorkerArena;
use crate::ipc::descriptor::TensorPlace;
use crate::protocol::DataType;

/// Takes memory for outputs and remembers where they are.
pub struct Outputs<'a> {
    arena: &'a WorkerArena,
    pins: Pins,
    client: &'a [ClientOutput],
    gpu: Option<u32>,
    taken: SmallVec<[Taken; 4]>,
}

/// Memory that an output got.
struct Taken {
    place: TensorPlace,
    /// Where it is, if it is in the worker's heap.
    address: Option<NonNull<u8>>,
}

impl<'a> Outputs<'a> {
    /// No outputs yet. Their memory is pinned beside what `pins` holds, which is let go of with the
    /// outputs.
    pub fn new(arena: &'a WorkerArena, pins: Pins) -> Self {
        Self {
            arena,
            pins,
            client: &[],
            gpu: None,
            taken: SmallVec::new(),
        }
    }

    /// The same, with the outputs that `client` names in memory of the client, as far as they fit there.
    /// The instance writes to memory of `gpu` itself.
    #[must_use]
    pub fn with_client(mut self, client: &'a [ClientOutput], gpu: Option<u32>) -> Self {
        self.client = client;
        self.gpu = gpu;
        self
    }

    /// Notes where an output is to be, in the place of where it was.
    fn take(&mut self, place: TensorPlace, address: Option<NonNull<u8>>) {
        let earlier = self
            .taken
            .iter()
            .position(|taken| taken.place.number == place.number);
        if let Some(position) = earlier {
            free(self.arena, &self.taken.remove(position).place);
        }
        self.taken.push(Taken { place, address });
    }

    /// Copies to memory of clients what the framework could not write there itself. An output for which
    /// a client has too little room stays in the worker's heap.
    ///
    /// # Errors
    /// The client's memory is not there any more.
    pub fn deliver(&mut self) -> Result<(), ExecutionError> {
        for Taken { place, address } in &mut self.taken {
            let Some(client) = wanted_by(self.client, place.number, place.bytes as usize) else {
                continue;
            };
            if let Some(address) = address.take() {
                // SAFETY: the block was taken in `allocate`, is that long and is nobody else's now.
                let written =
                    unsafe { std::slice::from_raw_parts(address.as_ptr(), place.bytes as usize) };
                client.part.copy_from(written)?;
                self.arena.free(place.offset);
                place.memory = Some(client.target.memory);
                place.offset = client.target.offset;
            }
            client.part.check()?;
        }
        Ok(())
    }

    /// The outputs; the caller is answerable for their memory from here on.
    pub fn into_places(mut self) -> SmallVec<[TensorPlace; 4]> {
        let taken = std::mem::take(&mut self.taken);
        taken.into_iter().map(|taken| taken.place).collect()
    }
}

/// The client's memory for an output, where it has room for that many bytes.
fn wanted_by(client: &[ClientOutput], output: u32, bytes: usize) -> Option<&ClientOutput> {
    client
        .iter()
        .find(|client| client.target.output == output && client.part.length() >= bytes)
}

/// Frees memory of an output where it is the worker's own.
fn free(arena: &WorkerArena, place: &TensorPlace) {
    if place.memory.is_none() {
        arena.free(place.offset);
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
        let client = wanted_by(self.client, output, byte_length);
        let in_place = client.and_then(|client| Some((client, client.in_place(data_type)?)));
        let (memory, offset, address) = match in_place {
            Some((client, address)) => {
                let target = &client.target;
                (Some(target.memory), target.offset, address)
            }
            None => {
                let (offset, address) = self.arena.allocate(byte_length).ok_or_else(|| {
                    ExecutionError(format!(
                        "no shared memory left for {byte_length} bytes of output {output}"
                    ))
                })?;
                let for_gpu = client.is_some_and(ClientOutput::is_on_gpu);
                self.pins
                    .output(offset, data_type, byte_length as u64, for_gpu);
                (None, offset, address)
            }
        };
        let place = TensorPlace {
            number: output,
            data_type,
            shape: dims.iter().copied().collect(),
            memory,
            offset,
            bytes: byte_length as u64,
        };
        let own = memory.is_none().then_some(address);
        self.take(place, own);
        // SAFETY: a block was just taken from the arena, which outlives 'a, and nobody else has it; or
        // it is the part of a client's memory that the request names for this output, which stays
        // mapped for 'a and which the client reads after the answer.
        Ok(unsafe { std::slice::from_raw_parts_mut(address.as_ptr(), byte_length) })
    }

    fn gpu_place(
        &mut self,
        output: u32,
        data_type: DataType,
        dims: &[i64],
        byte_length: usize,
    ) -> Option<GpuMemory> {
        let client = wanted_by(self.client, output, byte_length)?;
        let memory = client.on_gpu(self.gpu, data_type)?;
        let place = TensorPlace {
            number: output,
            data_type,
            shape: dims.iter().copied().collect(),
            memory: Some(client.target.memory),
            offset: client.target.offset,
            bytes: byte_length as u64,
        };
        self.take(place, None);
        Some(GpuMemory {
            bytes: byte_length,
            ..memory
        })
    }
}

impl Drop for Outputs<'_> {
    fn drop(&mut self) {
        for taken in &self.taken {
            free(self.arena, &taken.place);
        }
    }
}
