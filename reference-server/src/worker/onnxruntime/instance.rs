//! One execution context of a model: the hot path.

use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use ort::sys::{OrtMemoryInfo, OrtTensorTypeAndShapeInfo, OrtValue};
use smallvec::SmallVec;

use super::element_type;
use super::gpu_memory::GpuMemoryInfo;
use super::runtime::Runtime;
use super::session::Session;
use super::signature::{DimSource, Signature};
use super::status::{Failure, check};
use super::string_tensor;
use crate::configuration::Device;
use crate::protocol::DataType;
use crate::worker::backend::{
    ExecutionError, GpuMemory, GpuTransfers, InputTensor, Instance, OutputSink, TensorData,
};
use crate::worker::gpu;

/// Dimensions of a tensor without an allocation, for as many as are usual.
type Dims = SmallVec<[i64; 8]>;

/// A session with everything that an execution of it needs, prepared.
pub(super) struct OnnxRuntimeInstance {
    session: Arc<Session>,
    signature: Arc<Signature>,
    /// Where each output's dimensions come from, if they can be known before the run.
    sizes: Vec<Option<Vec<DimSource>>>,
    in_place: InPlace,
    input_values: Values,
    output_values: Values,
    /// The names of the inputs and outputs of one execution. Kept for their memory alone.
    input_names: Vec<*const c_char>,
    output_names: Vec<*const c_char>,
    /// The wanted outputs that ONNX Runtime has to allocate itself: (place among the wanted ones,
    /// number).
    unplaced: Vec<(usize, u32)>,
    string_offsets: Vec<usize>,
    device: Device,
    /// Where it executes on a GPU: that GPU's memory.
    gpu_memory: Option<GpuMemoryInfo>,
    is_lost: bool,
}

// SAFETY: the pointers are to names in `signature`, which the instance shares, and to values that
// it owns; none of them belongs to a thread.
unsafe impl Send for OnnxRuntimeInstance {}

/// For which outputs ONNX Runtime gets memory before the run, to write in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InPlace {
    /// For each one whose dimensions are fixed or those of an input of the same symbol.
    Known,
    /// For those with fixed dimensions: the model uses symbols loosely.
    Fixed,
    /// For none: the model's declaration is wrong.
    Never,
}

impl InPlace {
    /// What to try after a run that found a shape to differ; `None` if no shape was given.
    fn next(self) -> Option<Self> {
        match self {
            Self::Known => Some(Self::Fixed),
            Self::Fixed => Some(Self::Never),
            Self::Never => None,
        }
    }
}

/// Values that are released together.
struct Values {
    pointers: Vec<*mut OrtValue>,
    session: Arc<Session>,
}

impl Values {
    fn new(session: &Arc<Session>) -> Self {
        Self {
            pointers: Vec::new(),
            session: session.clone(),
        }
    }

    fn release(&mut self) {
        let api = self.session.runtime().api;
        for value in self.pointers.drain(..) {
            if !value.is_null() {
                // SAFETY: the value is ours and not used any more.
                unsafe { (api.ReleaseValue)(value) };
            }
        }
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        self.release();
    }
}

impl OnnxRuntimeInstance {
    /// An instance that executes `session`, whose signature is `signature`, on `device`.
    pub(super) fn new(
        session: Arc<Session>,
        signature: Arc<Signature>,
        device: Device,
    ) -> Result<Self, Failure> {
        let gpu_memory = match device {
            Device::Gpu(number) => Some(GpuMemoryInfo::new(session.runtime(), number)?),
            _ => None,
        };
        Ok(Self {
            sizes: signature.output_sizes(),
            in_place: InPlace::Known,
            input_values: Values::new(&session),
            output_values: Values::new(&session),
            input_names: Vec::new(),
            output_names: Vec::new(),
            unplaced: Vec::new(),
            string_offsets: Vec::new(),
            session,
            signature,
            device,
            gpu_memory,
            is_lost: false,
        })
    }

    fn prepare_inputs(&mut self, inputs: &[InputTensor<'_>]) -> Result<(), Failure> {
        let runtime = self.session.runtime();
        self.input_names.clear();
        for tensor in inputs {
            let Some(declared) = self.signature.inputs.get(tensor.input as usize) else {
                return Err(unknown_tensor("input", tensor.input));
            };
            let value = match tensor.data {
                TensorData::Host(bytes) if tensor.data_type == DataType::Bytes => {
                    let count = element_count(tensor.dims)?;
                    string_tensor::create(runtime, tensor.dims, bytes, count)?
                }
                // ONNX Runtime never writes to an input; its interface only lacks the `const`.
                TensorData::Host(bytes) => wrap(
                    runtime,
                    runtime.cpu_memory.as_ptr(),
                    bytes.as_ptr().cast_mut(),
                    bytes.len(),
                    tensor.data_type,
                    tensor.dims,
                )?,
                TensorData::Gpu(memory) => {
                    self.wrap_on_gpu(memory, tensor.data_type, tensor.dims)?
                }
            };
            self.input_values.pointers.push(value);
            self.input_names.push(declared.name.as_ptr());
        }
        Ok(())
    }

    fn prepare_outputs<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), Reason> {
        self.output_names.clear();
        self.unplaced.clear();
        for (place, &output) in outputs.iter().enumerate() {
            let Some(declared) = self.signature.outputs.get(output as usize) else {
                return Err(unknown_tensor("output", output).into());
            };
            self.output_names.push(declared.name.as_ptr());
            let sources = self.sizes[output as usize].as_deref();
            let dims = sources.and_then(|sources| dims_before_run(sources, inputs, self.in_place));
            let value = match dims.and_then(|dims| {
                let length = byte_length(declared.data_type, &dims)?;
                Some((dims, length))
            }) {
                Some((dims, length)) => {
                    match sink.gpu_place(output, declared.data_type, &dims, length) {
                        Some(memory) => self.wrap_on_gpu(memory, declared.data_type, &dims)?,
                        None => {
                            let memory =
                                sink.allocate(output, declared.data_type, &dims, length)?;
                            let runtime = self.session.runtime();
                            wrap(
                                runtime,
                                runtime.cpu_memory.as_ptr(),
                                memory.as_mut_ptr(),
                                memory.len(),
                                declared.data_type,
                                &dims,
                            )?
                        }
                    }
                }
                None => {
                    self.unplaced.push((place, output));
                    ptr::null_mut()
                }
            };
            self.output_values.pointers.push(value);
        }
        Ok(())
    }

    /// A value in memory of the instance's GPU. The caller owns the value.
    fn wrap_on_gpu(
        &self,
        memory: GpuMemory,
        data_type: DataType,
        dims: &[i64],
    ) -> Result<*mut OrtValue, Failure> {
        let info = self.gpu_memory.as_ref().ok_or_else(|| Failure {
            code: ort::ErrorCode::InvalidArgument,
            message: format!(
                "a tensor is on GPU {}, and the model executes on the CPU",
                memory.device
            ),
        })?;
        let address = ptr::without_provenance_mut(memory.address as usize);
        wrap(
            self.session.runtime(),
            info.pointer(),
            address,
            memory.bytes,
            data_type,
            dims,
        )
    }

    fn run_once<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), Reason> {
        self.prepare_inputs(inputs)?;
        self.prepare_outputs(inputs, outputs, sink)?;
        let runtime = self.session.runtime();
        // SAFETY: the session is live and executes on this thread alone (`&mut self`); names and
        // values are as many as told, and live: the names in `signature`, the memory of the values
        // for `'a`, which outlasts this call.
        unsafe {
            check((runtime.api.Run)(
                self.session.pointer(),
                ptr::null(),
                self.input_names.as_ptr(),
                self.input_values.pointers.as_ptr().cast(),
                self.input_values.pointers.len(),
                self.output_names.as_ptr(),
                self.output_names.len(),
                self.output_values.pointers.as_mut_ptr(),
            ))?;
        }
        for &(place, output) in &self.unplaced {
            let value = self.output_values.pointers[place];
            let declared = &self.signature.outputs[output as usize];
            copy_out(
                runtime,
                value,
                output,
                declared.data_type,
                sink,
                &mut self.string_offsets,
            )?;
        }
        Ok(())
    }
}

impl Instance for OnnxRuntimeInstance {
    fn execute<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), ExecutionError> {
        loop {
            let outcome = self.run_once(inputs, outputs, sink);
            self.input_values.release();
            self.output_values.release();
            let failure = match outcome {
                Ok(()) => return Ok(()),
                Err(Reason::Sink(error)) => return Err(error),
                Err(Reason::Runtime(failure)) => failure,
            };
            let any_in_place = self.unplaced.len() < outputs.len();
            match self.in_place.next() {
                Some(next) if any_in_place && is_shape_mismatch(&failure.message) => {
                    tracing::warn!(
                        failure = failure.message,
                        "an output has another shape than the model declares; from now on it is \
                         copied once more"
                    );
                    self.in_place = next;
                }
                _ => {
                    self.is_lost = self.device != Device::Cpu && gpu::is_lost();
                    return Err(ExecutionError(failure.message));
                }
            }
        }
    }

    /// ONNX Runtime copies inputs to the GPU as they are told, with one `cudaMemcpyAsync` from the memory
    /// that the value wraps, and outputs that have their memory before the run likewise. It waits for its
    /// streams before the run ends, so that the memory is the request's again.
    ///
    /// Source: onnxruntime/core/providers/cuda/gpu_data_transfer.cc, `CopyTensorAsync`;
    /// onnxruntime/core/framework/device_stream_collection.cc, `CleanUp`.
    fn gpu_transfers(&self) -> GpuTransfers {
        match self.device {
            Device::Cpu => GpuTransfers::NONE,
            _ => GpuTransfers::BOTH,
        }
    }

    fn shared_gpu(&self) -> Option<u32> {
        self.device.gpu()
    }

    fn is_lost(&self) -> bool {
        self.is_lost
    }
}

/// Why an execution ended early.
enum Reason {
    Runtime(Failure),
    Sink(ExecutionError),
}

impl From<Failure> for Reason {
    fn from(failure: Failure) -> Self {
        Self::Runtime(failure)
    }
}

impl From<ExecutionError> for Reason {
    fn from(error: ExecutionError) -> Self {
        Self::Sink(error)
    }
}

/// ONNX Runtime's words when a given output has another shape than the kernel asks for: the first
/// up to 1.27, the second in 1.32. There is no error code of its own, and to execute again after
/// any failure would hide a kernel's own failures.
fn is_shape_mismatch(message: &str) -> bool {
    message.contains("shape verification failed") || message.contains("the computed output shape")
}

#[cold]
fn unknown_tensor(side: &str, number: u32) -> Failure {
    Failure {
        code: ort::ErrorCode::InvalidArgument,
        message: format!("the model has no {side} number {number}"),
    }
}

/// The dimensions of an output, where `in_place` lets them be known.
fn dims_before_run(
    sources: &[DimSource],
    inputs: &[InputTensor<'_>],
    in_place: InPlace,
) -> Option<Dims> {
    if in_place == InPlace::Never {
        return None;
    }
    sources
        .iter()
        .map(|source| match *source {
            DimSource::Fixed(length) => Some(length),
            DimSource::Input { .. } if in_place == InPlace::Fixed => None,
            DimSource::Input { input, axis } => {
                // Inputs usually come in the model's order.
                let tensor = inputs
                    .get(input)
                    .filter(|tensor| tensor.input as usize == input)
                    .or_else(|| inputs.iter().find(|tensor| tensor.input as usize == input))?;
                tensor.dims.get(axis).copied()
            }
        })
        .collect()
}

/// Number of elements of a tensor.
fn element_count(dims: &[i64]) -> Result<usize, Failure> {
    dims.iter()
        .try_fold(1_usize, |count, &length| {
            count.checked_mul(usize::try_from(length).ok()?)
        })
        .ok_or_else(|| Failure {
            code: ort::ErrorCode::InvalidArgument,
            message: format!("the shape {dims:?} has no valid number of elements"),
        })
}

/// Bytes of a tensor whose elements all have one size.
fn byte_length(data_type: DataType, dims: &[i64]) -> Option<usize> {
    element_count(dims)
        .ok()?
        .checked_mul(data_type.element_size()?)
}

/// A value that uses `length` bytes at `data`, which are such `memory`. The caller owns the value.
#[inline]
fn wrap(
    runtime: &Runtime,
    memory: *const OrtMemoryInfo,
    data: *mut u8,
    length: usize,
    data_type: DataType,
    dims: &[i64],
) -> Result<*mut OrtValue, Failure> {
    let mut value: *mut OrtValue = ptr::null_mut();
    // SAFETY: `data` and `dims` hold as many bytes and numbers as told; ONNX Runtime checks that
    // the length fits the shape, and reads the memory in `Run` only.
    unsafe {
        check((runtime.api.CreateTensorWithDataAsOrtValue)(
            memory,
            data.cast(),
            length,
            dims.as_ptr(),
            dims.len(),
            element_type::of(data_type),
            &raw mut value,
        ))?;
    }
    Ok(value)
}

/// Copies a tensor that ONNX Runtime allocated into memory from `sink`.
fn copy_out<'a>(
    runtime: &Runtime,
    value: *mut OrtValue,
    output: u32,
    declared: DataType,
    sink: &mut dyn OutputSink<'a>,
    offsets: &mut Vec<usize>,
) -> Result<(), Reason> {
    let api = runtime.api;
    let (code, dims) = shape(runtime, value)?;
    if element_type::from_code(code) != Ok(declared) {
        return Err(Failure {
            code: ort::ErrorCode::GenericFailure,
            message: format!(
                "output number {output} is of element type {code}, and the model declares {declared}"
            ),
        }
        .into());
    }
    let count = element_count(&dims)?;
    let Some(size) = declared.element_size() else {
        let length = string_tensor::encoded_length(runtime, value, count)?;
        let memory = sink.allocate(output, declared, &dims, length)?;
        string_tensor::encode(runtime, value, count, memory, offsets)?;
        return Ok(());
    };
    let length = count * size;
    let memory = sink.allocate(output, declared, &dims, length)?;
    if length > 0 {
        let mut data = ptr::null_mut();
        // SAFETY: the value is a tensor of `length` bytes in plain memory; the sink's memory is
        // another one of the same length.
        unsafe {
            check((api.GetTensorMutableData)(value, &raw mut data))?;
            ptr::copy_nonoverlapping(
                data.cast::<u8>(),
                memory.as_mut_ptr(),
                length.min(memory.len()),
            );
        }
    }
    Ok(())
}

/// Element type and dimensions of a tensor.
fn shape(runtime: &Runtime, value: *const OrtValue) -> Result<(i32, Dims), Failure> {
    let api = runtime.api;
    let mut info: *mut OrtTensorTypeAndShapeInfo = ptr::null_mut();
    // SAFETY: ONNX Runtime has set the value in a run that succeeded.
    unsafe { check((api.GetTensorTypeAndShape)(value, &raw mut info))? };
    let mut code = 0_i32;
    let mut rank = 0;
    let mut dims = Dims::new();
    // SAFETY: the info is live until it is released below; the enum is read as the number that it
    // is; `dims` has as many places as told.
    let outcome = unsafe {
        check((api.GetTensorElementType)(info, (&raw mut code).cast()))
            .and_then(|()| check((api.GetDimensionsCount)(info, &raw mut rank)))
            .and_then(|()| {
                dims.resize(rank, 0);
                check((api.GetDimensions)(info, dims.as_mut_ptr(), rank))
            })
    };
    // SAFETY: the info is ours.
    unsafe { (api.ReleaseTensorTypeAndShapeInfo)(info) };
    outcome.map(|()| (code, dims))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dims_are_taken_from_the_inputs_in_any_order() {
        let inputs = [
            InputTensor {
                input: 1,
                data_type: DataType::Fp32,
                dims: &[5, 6],
                data: TensorData::Host(&[]),
            },
            InputTensor {
                input: 0,
                data_type: DataType::Fp32,
                dims: &[7],
                data: TensorData::Host(&[]),
            },
        ];
        let sources = [
            DimSource::Input { input: 1, axis: 1 },
            DimSource::Fixed(3),
            DimSource::Input { input: 0, axis: 0 },
        ];
        assert_eq!(
            dims_before_run(&sources, &inputs, InPlace::Known).as_deref(),
            Some([6, 3, 7].as_slice())
        );
        assert_eq!(dims_before_run(&sources, &inputs, InPlace::Fixed), None);
        assert_eq!(
            dims_before_run(&sources[1..2], &inputs, InPlace::Never),
            None
        );
        assert_eq!(
            dims_before_run(
                &[DimSource::Input { input: 0, axis: 1 }],
                &inputs,
                InPlace::Known
            ),
            None
        );
    }

    #[test]
    fn sizes_that_do_not_exist_have_no_length() {
        assert_eq!(byte_length(DataType::Fp32, &[2, 3]), Some(24));
        assert_eq!(byte_length(DataType::Fp32, &[]), Some(4));
        assert_eq!(byte_length(DataType::Fp32, &[0, i64::MAX]), Some(0));
        assert_eq!(byte_length(DataType::Fp32, &[-1]), None);
        assert_eq!(byte_length(DataType::Fp64, &[i64::MAX, 2]), None);
        assert_eq!(byte_length(DataType::Bytes, &[1]), None);
    }
}
