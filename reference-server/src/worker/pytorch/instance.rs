//! One execution context of a model: the hot path.

use std::ptr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::bridge::{Failure, Input};
use super::element_type;
use super::module::{Execution, ModuleOutput};
use super::signature::Signature;
use crate::configuration::Device;
use crate::protocol::DataType;
use crate::worker::backend::{
    ExecutionError, GpuTransfers, InputTensor, Instance, OutputSink, TensorData, TensorSignature,
};
use crate::worker::gpu;

/// Dimensions of a tensor without an allocation, for as many as are usual.
type Dims = SmallVec<[i64; 8]>;

/// A module with everything that an execution of it needs, prepared.
pub(super) struct PyTorchInstance {
    execution: Execution,
    signature: Arc<Signature>,
    device: Device,
    is_lost: bool,
}

impl PyTorchInstance {
    /// An instance that runs `execution` on `device`, for the tensors of `signature`.
    pub(super) fn new(execution: Execution, signature: Arc<Signature>, device: Device) -> Self {
        Self {
            execution,
            signature,
            device,
            is_lost: false,
        }
    }

    fn run<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), ExecutionError> {
        let arguments = inputs
            .iter()
            .map(|tensor| {
                let argument = self.signature.arguments.get(tensor.input as usize);
                let argument = *argument.ok_or_else(|| unknown("input", tensor.input))?;
                let (data, on_gpu) = match tensor.data {
                    TensorData::Host(bytes) => (bytes.as_ptr().cast(), 0),
                    TensorData::Gpu(memory) => {
                        (ptr::without_provenance(memory.address as usize), 1)
                    }
                };
                Ok(Input {
                    argument,
                    element_type: element_type::of(tensor.data_type),
                    rank: tensor.dims.len(),
                    dims: tensor.dims.as_ptr(),
                    data,
                    bytes: tensor.data.byte_length(),
                    on_gpu,
                })
            })
            .collect::<Result<SmallVec<[Input; 8]>, ExecutionError>>()?;
        // SAFETY: dimensions and data are live for `'a`, and the caller of `execute` has checked
        // that type and dimensions fit the data. The bridge only reads them: it copies an input
        // that the model writes to. The execution is cleared before this function's caller
        // returns, and refers to none of them from then on.
        let count = unsafe { self.execution.run(&arguments) }?;
        for &output in outputs {
            let declared = self.signature.outputs.get(output as usize);
            let declared = declared.ok_or_else(|| unknown("output", output))?;
            let place = self.signature.results[output as usize];
            if place >= count {
                return Err(too_few(declared, place, count));
            }
            let actual = self.execution.output(place)?;
            let dims = agree(declared, &actual)?;
            match sink.gpu_place(output, declared.data_type, &dims, actual.bytes) {
                // SAFETY: the sink's memory is there until the execution is over.
                Some(memory) => unsafe { self.execution.write_on_gpu(place, memory) }?,
                None => {
                    let memory = sink.allocate(output, declared.data_type, &dims, actual.bytes)?;
                    self.execution.write(place, memory)?;
                }
            }
        }
        Ok(())
    }
}

impl Instance for PyTorchInstance {
    fn execute<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), ExecutionError> {
        let outcome = self.run(inputs, outputs, sink);
        // Outputs, and what the model keeps, may be views of inputs, whose memory is the caller's.
        self.execution.clear();
        self.is_lost = outcome.is_err() && self.device != Device::Cpu && gpu::is_lost();
        outcome
    }

    fn shared_gpu(&self) -> Option<u32> {
        self.device.gpu()
    }

    fn may_write_inputs(&self) -> bool {
        // Operations in place are as usual as others, and models may begin with one.
        true
    }

    /// The bridge wraps inputs without a copy and puts them on the device with a `to` that does not
    /// block: one `cudaMemcpyAsync` from shared memory. Outputs are copied into a tensor that wraps shared
    /// memory, with one `cudaMemcpyAsync` that is waited for. [`Execution::clear`] waits for inputs
    /// that no output has waited for.
    ///
    /// Source: aten/src/ATen/native/cuda/Copy.cu, `copy_kernel_cuda`.
    fn gpu_transfers(&self) -> GpuTransfers {
        match self.device {
            Device::Cpu => GpuTransfers::NONE,
            _ => GpuTransfers::BOTH,
        }
    }

    fn is_lost(&self) -> bool {
        self.is_lost
    }
}

impl From<Failure> for ExecutionError {
    fn from(failure: Failure) -> Self {
        Self(failure.0)
    }
}

#[cold]
fn unknown(side: &str, number: u32) -> ExecutionError {
    ExecutionError(format!("the model has no {side} number {number}"))
}

#[cold]
fn too_few(declared: &TensorSignature, place: usize, count: usize) -> ExecutionError {
    ExecutionError(format!(
        "the model returned {count} outputs, and '{}' is declared as number {place} (counted from \
         0); correct the outputs of the model's configuration",
        declared.name
    ))
}

/// Compares an output with its declaration and returns its dimensions.
fn agree(declared: &TensorSignature, actual: &ModuleOutput<'_>) -> Result<Dims, ExecutionError> {
    let data_type = element_type::from_code(actual.element_type);
    if data_type.as_ref() != Ok(&declared.data_type) {
        return Err(wrong_type(declared, data_type));
    }
    // A tensor without dimensions has one element, and a configuration can only say so as [ 1 ].
    if actual.dims.is_empty() && declared.dims.iter().all(|dim| matches!(dim, 1 | -1)) {
        return Ok(declared.dims.iter().map(|_| 1).collect());
    }
    let fits = declared.dims.len() == actual.dims.len()
        && declared
            .dims
            .iter()
            .zip(actual.dims)
            .all(|(declared, actual)| *declared == -1 || declared == actual);
    if fits {
        Ok(Dims::from_slice(actual.dims))
    } else {
        Err(ExecutionError(format!(
            "the model returned '{}' with the shape {:?}, and its configuration declares {:?}; \
             correct the output's dims",
            declared.name, actual.dims, declared.dims
        )))
    }
}

#[cold]
fn wrong_type(declared: &TensorSignature, actual: Result<DataType, String>) -> ExecutionError {
    let (name, expected) = (&declared.name, declared.data_type.config_name());
    ExecutionError(match actual {
        Ok(actual) => format!(
            "the model returned '{name}' with the data type {}, and its configuration declares \
             {expected}; correct the output's data_type",
            actual.config_name()
        ),
        Err(actual) => format!(
            "the model returned '{name}' with the element type {actual}, which the protocol does \
             not carry; convert it in the model to {expected}, as its configuration declares it"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(dims: &[i64]) -> TensorSignature {
        TensorSignature {
            name: "y".to_owned(),
            data_type: DataType::Fp32,
            dims: dims.to_vec(),
        }
    }

    fn fp32(dims: &[i64]) -> ModuleOutput<'_> {
        ModuleOutput {
            element_type: element_type::of(DataType::Fp32),
            dims,
            bytes: 0,
        }
    }

    #[test]
    fn open_dimensions_take_any_length_and_fixed_ones_their_own() {
        assert_eq!(
            agree(&declared(&[-1, 3]), &fp32(&[5, 3])).unwrap()[..],
            [5, 3]
        );
        for dims in [&[5, 4][..], &[3], &[1, 5, 3]] {
            let message = agree(&declared(&[-1, 3]), &fp32(dims)).unwrap_err().0;
            assert!(
                message.contains("'y'") && message.contains("[-1, 3]"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_scalar_is_one_element() {
        assert_eq!(agree(&declared(&[1]), &fp32(&[])).unwrap()[..], [1]);
        assert!(agree(&declared(&[]), &fp32(&[])).unwrap().is_empty());
        assert!(agree(&declared(&[2]), &fp32(&[])).is_err());
    }

    #[test]
    fn both_types_are_named() {
        let mut output = fp32(&[1]);
        output.element_type = element_type::of(DataType::Int64);
        let message = agree(&declared(&[1]), &output).unwrap_err().0;
        assert!(
            message.contains("TYPE_INT64") && message.contains("TYPE_FP32"),
            "{message}"
        );
        output.element_type = 9;
        let message = agree(&declared(&[1]), &output).unwrap_err().0;
        assert!(message.contains("complex64"), "{message}");
    }
}
