//! One execution context of a plan: the hot path.

use std::sync::Arc;

use super::bridge::MOST_DIMS;
use super::engine::Context;
use super::gpu::{Gpu, Memory, Stream};
use super::signature::Signature;
use crate::protocol::DataType;
use crate::worker::backend::{ExecutionError, InputTensor, Instance, OutputSink};

/// An execution context with its stream and its memory on the GPU.
pub(super) struct TensorRtInstance {
    // Dropped in this order: the context uses the memory.
    context: Context,
    inputs: Vec<Memory>,
    outputs: Vec<Memory>,
    stream: Stream,
    gpu: Gpu,
    signature: Arc<Signature>,
}

impl TensorRtInstance {
    /// An instance that executes in `context`, whose engine has `signature`.
    pub(super) fn new(
        context: Context,
        signature: Arc<Signature>,
        gpu: Gpu,
    ) -> Result<Self, String> {
        let memory = |count: usize| (0..count).map(|_| Memory::empty()).collect();
        Ok(Self {
            context,
            inputs: memory(signature.inputs.len()),
            outputs: memory(signature.outputs.len()),
            stream: gpu.stream()?,
            gpu,
            signature,
        })
    }

    /// Copies the inputs to the GPU and tells TensorRT their shapes and places.
    fn prepare_inputs(&mut self, inputs: &[InputTensor<'_>]) -> Result<(), String> {
        for tensor in inputs {
            let number = tensor.input as usize;
            let Some(declared) = self.signature.inputs.get(number) else {
                return Err(format!("the plan has no input number {number}"));
            };
            let memory = &mut self.inputs[number];
            memory.reserve(tensor.data.len())?;
            self.stream.upload(tensor.data, memory)?;
            self.context
                .set_input_shape(&declared.name, tensor.dims)
                .map_err(|failure| format!("{failure}; {}", declared.profile()))?;
            // SAFETY: the memory holds the tensor, whose length fits its shape, and stays.
            unsafe { self.context.set_address(&declared.name, memory.pointer())? };
        }
        Ok(())
    }

    /// Makes room for every output, wanted or not, and returns the shapes.
    fn prepare_outputs(&mut self) -> Result<Vec<Vec<i64>>, String> {
        let mut shapes = Vec::with_capacity(self.outputs.len());
        for (declared, memory) in self.signature.outputs.iter().zip(&mut self.outputs) {
            let mut dims = [0; MOST_DIMS];
            let dims = self.context.shape(&declared.name, &mut dims)?;
            let length = byte_length(declared.data_type, dims).ok_or_else(|| {
                format!(
                    "the shape of output '{}' depends on the data ({dims:?}), which this server \
                     does not serve with TensorRT; let the network give it a fixed length",
                    declared.name.to_string_lossy()
                )
            })?;
            memory.reserve(length)?;
            // SAFETY: the memory is as long as the tensor, and stays.
            unsafe { self.context.set_address(&declared.name, memory.pointer())? };
            shapes.push(dims.to_vec());
        }
        Ok(shapes)
    }

    fn run<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), String> {
        self.gpu.bind()?;
        self.prepare_inputs(inputs)?;
        let shapes = self.prepare_outputs()?;
        // SAFETY: every input and output has its address.
        unsafe { self.context.enqueue(self.stream.pointer())? };
        for &output in outputs {
            let number = output as usize;
            let (Some(declared), Some(dims)) =
                (self.signature.outputs.get(number), shapes.get(number))
            else {
                return Err(format!("the plan has no output number {number}"));
            };
            let length = byte_length(declared.data_type, dims).unwrap_or(0);
            let memory = sink
                .allocate(output, declared.data_type, dims, length)
                .map_err(|error| error.0)?;
            self.stream.download(&self.outputs[number], memory)?;
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
        run.and(finished).map_err(ExecutionError)
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
