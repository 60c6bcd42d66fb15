//! Inputs in shared memory, as a request has them.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use measure_protocol::TensorFile;
use smallvec::SmallVec;

use super::error::MeasureError;
use crate::ipc::arena::WorkerArena;
use crate::protocol::DataType;
use crate::worker::backend::{InputTensor, TensorSignature};
use crate::worker::pinned_memory::Pins;

/// Tensors under one name.
pub(super) struct Inputs {
    tensors: Vec<Stored>,
}

/// A tensor in the arena; its memory is given back when it is dropped.
struct Stored {
    name: String,
    data_type: DataType,
    dims: Vec<i64>,
    arena: Arc<WorkerArena>,
    offset: u64,
    bytes: usize,
}

impl Inputs {
    /// Reads the tensors of `files` into `arena`.
    ///
    /// # Errors
    /// A file cannot be read, or is not as long as its tensor.
    pub(super) fn read(
        files: &[TensorFile],
        arena: &Arc<WorkerArena>,
    ) -> Result<Self, MeasureError> {
        let tensors = files.iter().map(|file| Stored::read(file, arena));
        Ok(Self {
            tensors: tensors.collect::<Result<_, _>>()?,
        })
    }

    /// The tensors that a model with `declared` inputs is executed with.
    ///
    /// # Errors
    /// What does not fit, as the end of a sentence.
    pub(super) fn for_model<'a>(
        &'a self,
        declared: &[TensorSignature],
    ) -> Result<SmallVec<[InputTensor<'a>; 4]>, String> {
        let of = |(number, declared): (usize, &TensorSignature)| {
            let stored = self.tensors.iter().find(|own| own.name == declared.name);
            let stored = stored.ok_or_else(|| format!("they have no '{}'", declared.name))?;
            if stored.data_type != declared.data_type {
                return Err(format!(
                    "'{}' is {}, and the model takes {}",
                    stored.name, stored.data_type, declared.data_type
                ));
            }
            Ok(InputTensor {
                input: number as u32,
                data_type: stored.data_type,
                dims: &stored.dims,
                data: stored.data().into(),
            })
        };
        declared.iter().enumerate().map(of).collect()
    }

    /// Pins the tensors that a model with `declared` inputs takes, as far as a GPU reads them.
    pub(super) fn pin(&self, declared: &[TensorSignature], pins: &mut Pins) {
        let taken = |own: &&Stored| declared.iter().any(|input| input.name == own.name);
        for tensor in self.tensors.iter().filter(taken) {
            pins.own_input(tensor.offset, tensor.data_type, tensor.bytes as u64);
        }
    }
}

impl Stored {
    fn read(file: &TensorFile, arena: &Arc<WorkerArena>) -> Result<Self, MeasureError> {
        let unusable = |reason: String| MeasureError::Tensor {
            file: file.file.clone(),
            reason,
        };
        let data_type: DataType = file
            .data_type
            .parse()
            .map_err(|error| unusable(format!("{error}")))?;
        let size = data_type
            .element_size()
            .ok_or_else(|| unusable("elements of BYTES have no fixed size".to_owned()))?;
        let bytes = file
            .dims
            .iter()
            .try_fold(size, |bytes, dim| {
                bytes.checked_mul(usize::try_from(*dim).ok()?)
            })
            .ok_or_else(|| unusable(format!("the dims {:?} are no tensor's", file.dims)))?;
        let mut content = File::open(&file.file).map_err(|error| unusable(error.to_string()))?;
        let length = content
            .metadata()
            .map_err(|error| unusable(error.to_string()))?
            .len();
        if length != bytes as u64 {
            return Err(unusable(format!(
                "it has {length} bytes, and {} of {:?} takes {bytes}",
                file.data_type, file.dims
            )));
        }
        let (offset, address) = arena.allocate(bytes).ok_or(MeasureError::Memory(bytes))?;
        // From here on the block is given back, whatever happens.
        let stored = Self {
            name: file.name.clone(),
            data_type,
            dims: file.dims.clone(),
            arena: arena.clone(),
            offset,
            bytes,
        };
        // SAFETY: the block was just allocated and is that long; shared memory is initialised.
        let memory = unsafe { std::slice::from_raw_parts_mut(address.as_ptr(), bytes) };
        content
            .read_exact(memory)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(stored)
    }

    fn data(&self) -> &[u8] {
        let address = self
            .arena
            .region()
            .worker_heap(self.offset, self.bytes)
            .expect("allocated in `read`");
        // SAFETY: the block is this value's own, and written to in `read` alone.
        unsafe { std::slice::from_raw_parts(address.as_ptr(), self.bytes) }
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.arena.free(self.offset);
    }
}
