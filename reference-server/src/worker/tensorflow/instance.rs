//! One execution of a model: tensors from shared memory, in place.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::barrier;
use super::diagnosis;
use super::element_type;
use super::interface::{self, Output, TString};
use super::runtime::Runtime;
use super::session::{Session, count};
use super::signature::Signature;
use super::status::{Failure, Status};
use super::string_tensor;
use crate::configuration::Device;
use crate::protocol::DataType;
use crate::worker::backend::{ExecutionError, GpuTransfers, InputTensor, Instance, OutputSink};
use crate::worker::gpu;

type Dims = SmallVec<[i64; 6]>;

/// Whether TensorFlow may use an input's memory itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    /// It reads it while the model executes, and not later.
    InPlace,
    /// An operation of the model may keep a tensor beyond the execution.
    Copied,
}

/// Executes a session, which it shares with the other instances of the model.
pub(super) struct TensorFlowInstance {
    // Before the session: tensors and status use the runtime that it holds.
    values: Tensors,
    results: Tensors,
    status: Status,
    feeds: Vec<Output>,
    fetches: Vec<Output>,
    signature: Arc<Signature>,
    session: Arc<Session>,
    inputs: Inputs,
    device: Device,
    is_lost: bool,
    /// Added to the message of an execution that fails because of it.
    clash: Option<Arc<str>>,
}

// SAFETY: tensors and status are TensorFlow's values on the heap without ties to a thread; places
// point into the graph of the session that is held.
unsafe impl Send for TensorFlowInstance {}

/// Tensors that are deleted together.
struct Tensors {
    pointers: Vec<*mut interface::Tensor>,
    runtime: Arc<Runtime>,
}

impl Tensors {
    fn new(runtime: &Arc<Runtime>) -> Self {
        Self {
            pointers: Vec::new(),
            runtime: runtime.clone(),
        }
    }

    fn delete(&mut self) {
        for tensor in self.pointers.drain(..) {
            if !tensor.is_null() {
                // SAFETY: the tensor is ours and not used any more.
                unsafe { (self.runtime.interface.delete_tensor)(tensor) };
            }
        }
    }
}

impl Drop for Tensors {
    fn drop(&mut self) {
        self.delete();
    }
}

impl TensorFlowInstance {
    /// An instance that executes `session` of `device`, whose signature is `signature`.
    pub(super) fn new(
        session: Arc<Session>,
        signature: Arc<Signature>,
        inputs: Inputs,
        device: Device,
        clash: Option<Arc<str>>,
    ) -> Self {
        let runtime = session.runtime();
        Self {
            values: Tensors::new(runtime),
            results: Tensors::new(runtime),
            status: Status::new(runtime),
            feeds: Vec::new(),
            fetches: Vec::new(),
            signature,
            inputs,
            device,
            is_lost: false,
            clash,
            session,
        }
    }

    fn prepare(&mut self, inputs: &[InputTensor<'_>], outputs: &[u32]) -> Result<(), Failure> {
        self.feeds.clear();
        self.fetches.clear();
        for tensor in inputs {
            let declared = self.signature.inputs.get(tensor.input as usize);
            let declared = declared.ok_or_else(|| unknown_tensor("input", tensor.input))?;
            self.feeds.push(declared.place);
            let value = value(self.session.runtime(), tensor, self.inputs)?;
            self.values.pointers.push(value);
        }
        for &output in outputs {
            let declared = self.signature.outputs.get(output as usize);
            let declared = declared.ok_or_else(|| unknown_tensor("output", output))?;
            self.fetches.push(declared.place);
        }
        self.results.pointers.resize(outputs.len(), ptr::null_mut());
        Ok(())
    }

    fn run<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), Reason> {
        self.prepare(inputs, outputs)?;
        let runtime = self.session.runtime();
        // SAFETY: the session is live and may run on several threads; places and tensors are as
        // many as told, and live: the memory of inputs for `'a`, which outlasts this call.
        unsafe {
            barrier::tensorflow_barrier_run(
                runtime.interface.session_run,
                self.session.pointer(),
                self.feeds.as_ptr(),
                self.values.pointers.as_ptr(),
                count(self.feeds.len()),
                self.fetches.as_ptr(),
                self.results.pointers.as_mut_ptr(),
                count(self.fetches.len()),
                self.status.pointer(),
            );
        }
        self.status.check()?;
        for (&result, &output) in self.results.pointers.iter().zip(outputs) {
            let declared = self.signature.outputs[output as usize].data_type;
            copy_out(runtime, result, output, declared, sink)?;
        }
        Ok(())
    }
}

impl Instance for TensorFlowInstance {
    fn execute<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), ExecutionError> {
        let outcome = self.run(inputs, outputs, sink);
        self.values.delete();
        self.results.delete();
        self.is_lost = outcome.is_err() && self.device != Device::Cpu && gpu::is_any_lost();
        outcome.map_err(|reason| match reason {
            Reason::Sink(error) => error,
            Reason::TensorFlow(failure) => {
                let clash = diagnosis::with_clash(&failure.message, self.clash.as_deref());
                ExecutionError(failure.message + &clash)
            }
        })
    }

    /// TensorFlow copies an input to the GPU from the memory that its tensor wraps: it stages memory that
    /// it knows to be pageable, and of a tensor that was made from outside it knows nothing. It holds the
    /// tensor until the copy is done, and a run ends after that. Outputs it copies into pinned memory of
    /// its own, and the CPU from there: its interface takes no memory for them.
    ///
    /// Source: tensorflow/core/common_runtime/gpu/gpu_util.cc, `NeedStaging` and `CopyCPUTensorToGPU`.
    fn gpu_transfers(&self) -> GpuTransfers {
        GpuTransfers {
            inputs: self.device != Device::Cpu && self.inputs == Inputs::InPlace,
            outputs: false,
        }
    }

    fn is_lost(&self) -> bool {
        self.is_lost
    }
}

/// Why an execution ended early.
enum Reason {
    TensorFlow(Failure),
    Sink(ExecutionError),
}

impl From<Failure> for Reason {
    fn from(failure: Failure) -> Self {
        Self::TensorFlow(failure)
    }
}

impl From<ExecutionError> for Reason {
    fn from(error: ExecutionError) -> Self {
        Self::Sink(error)
    }
}

#[cold]
fn unknown_tensor(side: &str, number: u32) -> Failure {
    Failure::invalid(format!("the model has no {side} number {number}"))
}

/// Number of elements of a tensor.
fn element_count(dims: &[i64]) -> Result<usize, Failure> {
    dims.iter()
        .try_fold(1_usize, |count, &length| {
            count.checked_mul(usize::try_from(length).ok()?)
        })
        .ok_or_else(|| {
            Failure::invalid(format!(
                "the shape {dims:?} has no valid number of elements"
            ))
        })
}

/// The tensor lies in memory of the request, which is not TensorFlow's to free.
unsafe extern "C" fn keep(_data: *mut c_void, _length: usize, _argument: *mut c_void) {}

/// A tensor for an input. The caller owns it.
#[inline]
fn value(
    runtime: &Arc<Runtime>,
    tensor: &InputTensor<'_>,
    inputs: Inputs,
) -> Result<*mut interface::Tensor, Failure> {
    let dims = tensor.dims;
    let data = tensor
        .data
        .host()
        .map_err(|error| Failure::invalid(error.0))?;
    if tensor.data_type == DataType::Bytes {
        return string_tensor::create(runtime, dims, data, element_count(dims)?);
    }
    let code = element_type::of(tensor.data_type);
    // SAFETY: `data` and `dims` hold as many bytes and numbers as told, which fit each other; in
    // place, the memory is only read, and outlives the execution.
    let value = unsafe {
        match inputs {
            Inputs::InPlace => (runtime.interface.new_tensor)(
                code,
                dims.as_ptr(),
                count(dims.len()),
                data.as_ptr().cast_mut().cast(),
                data.len(),
                keep,
                ptr::null_mut(),
            ),
            Inputs::Copied => {
                let value = (runtime.interface.allocate_tensor)(
                    code,
                    dims.as_ptr(),
                    count(dims.len()),
                    data.len(),
                );
                if !value.is_null() && !data.is_empty() {
                    let place = (runtime.interface.tensor_data)(value);
                    ptr::copy_nonoverlapping(data.as_ptr(), place.cast(), data.len());
                }
                value
            }
        }
    };
    if value.is_null() {
        return Err(Failure::invalid(format!(
            "TensorFlow makes no tensor of {} bytes with the shape {dims:?}",
            data.len()
        )));
    }
    Ok(value)
}

/// Copies a result into memory from `sink`.
fn copy_out<'a>(
    runtime: &Runtime,
    result: *mut interface::Tensor,
    output: u32,
    declared: DataType,
    sink: &mut dyn OutputSink<'a>,
) -> Result<(), Reason> {
    let interface = &runtime.interface;
    // SAFETY: TensorFlow has set the result in a run that succeeded; axes are below the rank.
    let (code, dims, length, data) = unsafe {
        let rank = (interface.num_dims)(result);
        let dims: Dims = (0..rank)
            .map(|axis| (interface.dim)(result, axis))
            .collect();
        (
            (interface.tensor_type)(result),
            dims,
            (interface.tensor_byte_size)(result),
            (interface.tensor_data)(result),
        )
    };
    if element_type::from_code(code) != Ok(declared) {
        return Err(Failure::invalid(format!(
            "output number {output} is a tensor of {}, and the model declares {declared}",
            element_type::name(code)
        ))
        .into());
    }
    if declared == DataType::Bytes {
        let strings = data.cast::<TString>().cast_const();
        let elements = element_count(&dims)?;
        // SAFETY: a string tensor holds as many string objects as it has elements.
        let length = unsafe { string_tensor::encoded_length(runtime, strings, elements) };
        let memory = sink.allocate(output, declared, &dims, length)?;
        // SAFETY: as above.
        unsafe { string_tensor::encode(runtime, strings, elements, memory) };
        return Ok(());
    }
    let memory = sink.allocate(output, declared, &dims, length)?;
    if length > 0 {
        // SAFETY: the result is `length` bytes; the sink's memory is another one of that length.
        unsafe {
            ptr::copy_nonoverlapping(
                data.cast::<u8>(),
                memory.as_mut_ptr(),
                length.min(memory.len()),
            );
        }
    }
    Ok(())
}
