//! The one place that knows the backend of each framework.

use runtimes::Framework;

use super::backend::{Backend, LoadError, RuntimeSpecification};
use super::onnxruntime::OnnxRuntimeBackend;
use super::pytorch::PyTorchBackend;
use super::recorder::SharedRecorder;
use super::tensorflow::TensorFlowBackend;
use super::tensorrt::TensorRtBackend;

/// Maps the runtime of `specification` into this process, which can have one of each framework.
///
/// # Errors
/// The runtime, or its bridge, cannot be mapped.
pub fn open(
    specification: &RuntimeSpecification,
    recorder: SharedRecorder,
) -> Result<Box<dyn Backend>, LoadError> {
    Ok(match specification.framework {
        Framework::OnnxRuntime => Box::new(OnnxRuntimeBackend::open(specification, recorder)?),
        Framework::PyTorch => Box::new(PyTorchBackend::open(specification, recorder)?),
        Framework::TensorFlow => Box::new(TensorFlowBackend::open(specification, recorder)?),
        Framework::TensorRt => Box::new(TensorRtBackend::open(specification, recorder)?),
    })
}
