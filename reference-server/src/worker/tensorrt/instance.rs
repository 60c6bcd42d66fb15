//! One execution context of a plan: the hot path.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::bridge::MOST_DIMS;
use super::engine::Context;
use super::gpu::{Gpu, Memory, Stream};
use super::signature::Signature;
use crate::protocol::DataType;
use crate::worker::backend::{
    ExecutionError, GpuMemory, GpuTransfers, InputTensor, Instance, OutputSink, TensorData,
};
use crate::worker::gpu;

/// An execution context with its stream and its memory on the GPU.
///
/// The context keeps shapes and places between executions, so it is told what has changed only.
pub(super) struct TensorRtInstance {
    // Dropped in this order: the context uses the memory.
    context: Context,
    inputs: Vec<Place>,
    outputs: Vec<Place>,
    /// Whether the outputs have the shapes that follow from those of the inputs.
    has_output_shapes: bool,
    stream: Stream,
    gpu: Gpu,
    signature: Arc<Signature>,
    is_lost: bool,
}

/// A tensor on the GPU, as the context knows it.
struct Place {
    memory: Memory,
    /// Where the context takes it to be; 0 where that is nowhere yet.
    address: usize,
    /// Its shape, where it has one yet.
    dims: Option<Dims>,
    /// Bytes of this shape.
    length: usize,
}

type Dims = SmallVec<[i64; MOST_DIMS]>;

impl Place {
    const fn empty() -> Self {
        Self {
            memory: Memory::empty(),
            address: 0,
            dims: None,
            length: 0,
        }
    }

    /// Makes room for `length` bytes and tells the context where, if that is news.
    fn reserve(&mut self, length: usize, name: &CStr, context: &mut Context) -> Result<(), String> {
        self.memory.reserve(length)?;
        self.point_to(self.memory.pointer(), name, context)
    }

    /// Tells the context that the tensor is in memory of a client for the next execution.
    fn lend(
        &mut self,
        memory: GpuMemory,
        name: &CStr,
        context: &mut Context,
    ) -> Result<(), String> {
        let address = ptr::without_provenance_mut(memory.address as usize);
        self.point_to(address, name, context)
    }

    fn point_to(
        &mut self,
        address: *mut c_void,
        name: &CStr,
        context: &mut Context,
    ) -> Result<(), String> {
        if self.address != address.addr() {
            // SAFETY: the memory is as long as the tensor. It stays until another address is set, or, if
            // it is a client's, as long as the execution, and the next one sets another before it begins.
            unsafe { context.set_address(name, address)? };
            self.address = address.addr();
        }
        Ok(())
    }
}

impl TensorRtInstance {
    /// An instance that executes in `context`, whose engine has `signature`.
    pub(super) fn new(
        context: Context,
        signature: Arc<Signature>,
        gpu: Gpu,
    ) -> Result<Self, String> {
        let places = |count: usize| (0..count).map(|_| Place::empty()).collect();
        Ok(Self {
            context,
            inputs: places(signature.inputs.len()),
            outputs: places(signature.outputs.len()),
            has_output_shapes: false,
            stream: gpu.stream()?,
            gpu,
            signature,
            is_lost: false,
        })
    }

    /// Copies the inputs to the GPU, unless they are there, and tells TensorRT their shapes and places.
    fn prepare_inputs(&mut self, inputs: &[InputTensor<'_>]) -> Result<(), String> {
        for tensor in inputs {
            let number = tensor.input as usize;
            let Some(declared) = self.signature.inputs.get(number) else {
                return Err(format!("the plan has no input number {number}"));
            };
            let place = &mut self.inputs[number];
            if place.dims.as_deref() != Some(tensor.dims) {
                // Unknown until TensorRT has taken the new one.
                place.dims = None;
                self.has_output_shapes = false;
                self.context
                    .set_input_shape(&declared.name, tensor.dims)
                    .map_err(|failure| format!("{failure}; {}", declared.profile()))?;
                place.dims = Some(Dims::from_slice(tensor.dims));
            }
            match tensor.data {
                TensorData::Host(bytes) => {
                    place.reserve(bytes.len(), &declared.name, &mut self.context)?;
                    self.stream.upload(bytes, &place.memory)?;
                }
                TensorData::Gpu(memory) => {
                    place.lend(memory, &declared.name, &mut self.context)?;
                }
            }
        }
        Ok(())
    }

    /// Finds the shape of every output, wanted or not.
    fn shape_outputs(&mut self) -> Result<(), String> {
        if self.has_output_shapes {
            return Ok(());
        }
        for (declared, place) in self.signature.outputs.iter().zip(&mut self.outputs) {
            let mut dims = [0; MOST_DIMS];
            let dims = self.context.shape(&declared.name, &mut dims)?;
            place.length = byte_length(declared.data_type, dims).ok_or_else(|| {
                format!(
                    "the shape of output '{}' depends on the data ({dims:?}), which this server \
                     does not serve with TensorRT; let the network give it a fixed length",
                    declared.name.to_string_lossy()
                )
            })?;
            place.dims = Some(Dims::from_slice(dims));
        }
        self.has_output_shapes = true;
        Ok(())
    }

    /// Tells TensorRT where every output goes: to memory of a client, or to memory that is made large
    /// enough. Returns the wanted ones that are to be copied from there, by number.
    fn place_outputs<'a>(
        &mut self,
        wanted: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<SmallVec<[u32; 4]>, String> {
        let mut copied = SmallVec::new();
        for (number, (declared, place)) in
            (0..).zip(self.signature.outputs.iter().zip(&mut self.outputs))
        {
            let is_wanted = wanted.contains(&number);
            let dims = place.dims.as_deref().unwrap_or_default();
            let of_client = is_wanted
                .then(|| sink.gpu_place(number, declared.data_type, dims, place.length))
                .flatten();
            match of_client {
                Some(memory) => place.lend(memory, &declared.name, &mut self.context)?,
                None => {
                    place.reserve(place.length, &declared.name, &mut self.context)?;
                    if is_wanted {
                        copied.push(number);
                    }
                }
            }
        }
        Ok(copied)
    }

    fn run<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), String> {
        self.gpu.bind()?;
        self.prepare_inputs(inputs)?;
        let known = self.signature.outputs.len();
        if let Some(unknown) = outputs.iter().find(|output| **output as usize >= known) {
            return Err(format!("the plan has no output number {unknown}"));
        }
        self.shape_outputs()?;
        let copied = self.place_outputs(outputs, sink)?;
        // SAFETY: every input and output has its address.
        unsafe { self.context.enqueue(self.stream.pointer())? };
        for output in copied {
            let (declared, place) = (
                &self.signature.outputs[output as usize],
                &self.outputs[output as usize],
            );
            let dims = place.dims.as_deref().unwrap_or_default();
            let memory = sink
                .allocate(output, declared.data_type, dims, place.length)
                .map_err(|error| error.0)?;
            self.stream.download(&place.memory, memory)?;
        }
        Ok(())
    }
}

impl Instance for TensorRtInstance {
    fn execute<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), ExecutionError> {
        let run = self.run(inputs, outputs, sink);
        // Also after a failure: what is on the stream uses the request's memory.
        let finished = self.stream.finish();
        let outcome = run.and(finished).map_err(ExecutionError);
        self.is_lost = outcome.is_err() && gpu::is_lost();
        outcome
    }

    /// Inputs and outputs are copied here, with one `cuMemcpyHtoDAsync` or `cuMemcpyDtoHAsync` each
    /// between shared memory and the GPU, and the stream is waited for.
    fn gpu_transfers(&self) -> GpuTransfers {
        GpuTransfers::BOTH
    }

    fn shared_gpu(&self) -> Option<u32> {
        Some(self.gpu.number())
    }

    fn is_lost(&self) -> bool {
        self.is_lost
    }
}

/// Bytes of a tensor; `None` where a dimension is not known.
fn byte_length(data_type: DataType, dims: &[i64]) -> Option<usize> {
    dims.iter()
        .try_fold(data_type.element_size()?, |length, &dim| {
            length.checked_mul(usize::try_from(dim).ok()?)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_dimensions_have_no_length() {
        assert_eq!(byte_length(DataType::Fp16, &[3, 4]), Some(24));
        assert_eq!(byte_length(DataType::Fp32, &[]), Some(4));
        assert_eq!(byte_length(DataType::Fp32, &[-1]), None);
        assert_eq!(byte_length(DataType::Fp32, &[i64::MAX, 8]), None);
    }
}
