//! What a framework has to offer to be hosted by a worker. Every framework has the same shape.

use std::path::PathBuf;

use runtimes::Framework;
use serde::{Deserialize, Serialize};

use super::gpus::Gpus;
use crate::configuration::Device;
use crate::protocol::DataType;

/// A framework runtime mapped into this worker, with the models it serves.
///
/// All methods are called from the worker's control thread, one at a time.
pub trait Backend {
    /// Loads op libraries whose ops are there for every model of the framework, in this order and
    /// behind those of earlier calls. Called before the first model. The preloaded libraries of
    /// [`RuntimeSpecification`] stand at the beginning of the first call's `paths`; where being in
    /// the process is all they need, loading them again changes nothing.
    ///
    /// Returns what each of them registered, without those that are loaded already.
    ///
    /// # Errors
    /// A [`LoadError`] that names the file at fault. The libraries before it are loaded; those
    /// behind it have not been touched.
    fn load_libraries(&mut self, paths: &[PathBuf]) -> Result<Vec<LibraryReport>, LoadError>;

    /// Describes what the libraries of [`load_libraries`](Self::load_libraries) registered, library
    /// by library. What cannot be told is left empty. Code of the libraries may run.
    fn describe(&self) -> Vec<LibraryDescription>;

    /// Loads one version of a model with its op libraries and prepares its instances.
    ///
    /// Op libraries that are loaded already (same path, same content) are used again.
    ///
    /// # Errors
    /// A [`LoadError`] that names the file at fault; whatever had been loaded for this model is
    /// released again.
    fn load_model(&mut self, specification: &ModelSpecification) -> Result<LoadedModel, LoadError>;

    /// Releases what [`load_model`](Self::load_model) took for the model `key`. The caller has
    /// dropped the model's instances before. Op libraries that no other model uses are closed.
    ///
    /// Returns the op libraries that were closed and yet are still mapped, with the reason as far
    /// as it can be told (`dlclose` returning 0 does not mean unloaded).
    fn unload_model(&mut self, key: u64) -> Vec<StillMapped>;
}

/// Everything a backend needs to know to map its runtime.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuntimeSpecification {
    /// The framework.
    pub framework: Framework,
    /// Name and version, such as `pytorch-2.11.0`, for messages.
    pub runtime: String,
    /// The runtime's main library.
    pub main_library: PathBuf,
    /// Folders of the runtime's libraries; they are on the worker's library path.
    pub library_dirs: Vec<PathBuf>,
    /// The bridge that was compiled for this runtime, where the framework needs one.
    pub bridge: Option<PathBuf>,
    /// Op libraries that the dynamic loader put into this process before it started
    /// (`LD_PRELOAD`), in its order.
    pub preloaded: Vec<PathBuf>,
    /// The tag of the Python that the runtime's extension modules are built for, such as `cp311`,
    /// where it has any.
    pub python: Option<String>,
}

/// Everything a backend needs to know to load one version of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelSpecification {
    /// The front's key for this load, unique in the life of a worker.
    pub key: u64,
    /// Model name, for messages.
    pub name: String,
    /// Model version, for messages.
    pub version: i64,
    /// The model file; a folder where the format is one (TensorFlow's SavedModel).
    pub file: PathBuf,
    /// Inputs that the model configuration declares, in its order, the batch dimension included;
    /// empty where it leaves them to the model.
    pub declared_inputs: Vec<TensorSignature>,
    /// Outputs that the model configuration declares, likewise.
    pub declared_outputs: Vec<TensorSignature>,
    /// Op libraries in the order in which they are registered; resolved, absolute paths.
    pub op_libraries: Vec<PathBuf>,
    /// The instances, each with the device that it executes on; at least one.
    pub instances: Vec<Device>,
    /// `parameters` of the model configuration, by key.
    pub parameters: std::collections::BTreeMap<String, String>,
}

impl ModelSpecification {
    /// Where the instances execute in `runtime`, which can use `gpus`; those are looked for where an
    /// instance depends on them.
    ///
    /// # Errors
    /// An instance is to be on a GPU that the runtime cannot use.
    pub fn devices<'a>(
        &self,
        gpus: impl Fn() -> &'a Gpus,
        runtime: &str,
    ) -> Result<Vec<Device>, LoadError> {
        let devices = self.instances.iter();
        devices
            .map(|&device| match device {
                Device::Cpu | Device::OfModel => Ok(device),
                Device::Auto => Ok(gpus().first_or_cpu(&self.name, runtime)),
                Device::Gpu(number) => gpus().with_number(number, runtime),
            })
            .collect::<Result<_, String>>()
            .map_err(|reason| LoadError {
                without_gpu: matches!(gpus(), Gpus::None(_)),
                ..LoadError::new(format!("the model '{}' {reason}", self.name))
            })
    }
}

/// One tensor of a model's signature, as the model itself reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSignature {
    /// Tensor name.
    pub name: String,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions, the batch dimension included; -1 where the model leaves one open.
    pub dims: Vec<i64>,
}

/// One op that a library registered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RegisteredOp {
    /// Domain (ONNX Runtime) or namespace of the op; empty where the framework has none.
    pub domain: String,
    /// Name of the op.
    pub name: String,
    /// Version string (TensorRT plugins); empty where ops have none.
    #[serde(default)]
    pub version: String,
}

/// `'BiasGelu' of domain 'custom.ops'`.
impl std::fmt::Display for RegisteredOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}'", self.name)?;
        if !self.domain.is_empty() {
            write!(f, " of domain '{}'", self.domain)?;
        }
        if !self.version.is_empty() {
            write!(f, " in version '{}'", self.version)?;
        }
        Ok(())
    }
}

/// What one op library did when it was loaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LibraryReport {
    /// The file that was loaded.
    pub path: PathBuf,
    /// The ops it registered, in the order of registration.
    pub ops: Vec<RegisteredOp>,
    /// Those of [`ops`](Self::ops) that it brought kernels for and does not define: another library
    /// or the framework does.
    #[serde(default)]
    pub extends: Vec<RegisteredOp>,
    /// The highest API level it asked the runtime for, where the framework has such levels.
    pub api_level: Option<u32>,
}

impl LibraryReport {
    /// The ops that it defines.
    pub fn defines(&self) -> impl Iterator<Item = &RegisteredOp> {
        let ops = self.ops.iter();
        ops.filter(|op| !self.extends.contains(op))
    }
}

/// What one op library registered, in the framework's own terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryDescription {
    /// The file that was loaded.
    pub path: PathBuf,
    /// Its ops, each once.
    pub ops: Vec<OpDescription>,
}

/// One op that a library registered, in the framework's own terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpDescription {
    /// The op.
    pub op: RegisteredOp,
    /// What it takes and returns, one text for each overload or struct.
    pub schemas: Vec<String>,
    /// What executes it, as far as the library brought it.
    pub kernels: Vec<String>,
}

/// An op library that was closed and is still in the worker's memory map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillMapped {
    /// The file.
    pub path: PathBuf,
    /// Why, as far as it can be told.
    pub reason: String,
}

/// A model that is ready to execute.
pub struct LoadedModel {
    /// Inputs in the model's own order.
    pub inputs: Vec<TensorSignature>,
    /// Outputs in the model's own order.
    pub outputs: Vec<TensorSignature>,
    /// As many as the specification asked for.
    pub instances: Vec<Box<dyn Instance>>,
    /// What its op libraries registered, in the order of the specification.
    pub libraries: Vec<LibraryReport>,
}

/// One execution context of a model. It is moved to a thread of its own and used from there.
pub trait Instance: Send {
    /// Executes the model once.
    ///
    /// `inputs` are tensors in shared memory, used in place. `outputs` are the indices (into
    /// [`LoadedModel::outputs`]) that are wanted, ascending. For each wanted output the instance
    /// takes memory from `sink` and writes the tensor there: before the run where the output's
    /// size is known then, so that the framework writes in place.
    ///
    /// # Errors
    /// The framework's own message.
    fn execute<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        outputs: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), ExecutionError>;

    /// Whether the framework may write to the memory of inputs, as operations in place do.
    fn may_write_inputs(&self) -> bool {
        false
    }

    /// Which tensors a GPU reads from shared memory and writes there itself.
    fn gpu_transfers(&self) -> GpuTransfers;

    /// The GPU whose memory inputs may be in ([`TensorData::Gpu`]) and of which the instance asks for
    /// places of outputs ([`OutputSink::gpu_place`]).
    fn shared_gpu(&self) -> Option<u32> {
        None
    }

    /// Whether nothing can be executed in this process any more, after the last execution failed: the
    /// state of a GPU that a kernel has spoilt comes back only with another process.
    fn is_lost(&self) -> bool {
        false
    }
}

/// What passes between shared memory and a GPU without a detour through other memory of the CPU. Only
/// for these tensors is it of use that their memory is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuTransfers {
    /// Inputs are copied to a GPU.
    pub inputs: bool,
    /// Outputs are copied from a GPU.
    pub outputs: bool,
}

impl GpuTransfers {
    /// Nothing: an execution on the CPU.
    pub const NONE: Self = Self {
        inputs: false,
        outputs: false,
    };
    /// Inputs and outputs.
    pub const BOTH: Self = Self {
        inputs: true,
        outputs: true,
    };
}

/// One input tensor in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct InputTensor<'a> {
    /// Index into [`LoadedModel::inputs`].
    pub input: u32,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions, all known.
    pub dims: &'a [i64],
    /// Row-major little-endian elements; `BYTES` as 4-byte length-prefixed elements. Its length fits
    /// type and dimensions (checked by the caller).
    pub data: TensorData<'a>,
}

/// Where the elements of an input are.
#[derive(Clone, Copy, Debug)]
pub enum TensorData<'a> {
    /// In memory of this process, 64-byte aligned.
    Host(&'a [u8]),
    /// In memory of the GPU that the instance [shares](Instance::shared_gpu).
    Gpu(GpuMemory),
}

impl<'a> TensorData<'a> {
    /// How many bytes they are.
    pub fn byte_length(&self) -> usize {
        match self {
            Self::Host(bytes) => bytes.len(),
            Self::Gpu(memory) => memory.bytes,
        }
    }

    /// The elements, for an instance that shares no GPU.
    ///
    /// # Errors
    /// They are on a GPU, where the caller must not put them for such an instance.
    pub fn host(&self) -> Result<&'a [u8], ExecutionError> {
        match self {
            Self::Host(bytes) => Ok(bytes),
            Self::Gpu(memory) => Err(ExecutionError(format!(
                "an input is on GPU {}, from where this instance does not read",
                memory.device
            ))),
        }
    }
}

impl<'a> From<&'a [u8]> for TensorData<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Host(bytes)
    }
}

/// Memory of a GPU, [aligned](GPU_ALIGNMENT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuMemory {
    /// The GPU's number.
    pub device: u32,
    /// Its address there.
    pub address: u64,
    /// How long it is, in bytes.
    pub bytes: usize,
}

/// What an address on a GPU is a multiple of, for frameworks to use a tensor in place: that of CUDA's own
/// allocations, which kernels may rely on, and TensorRT's rule for bindings.
///
/// Source: CUDA C++ Programming Guide, "Device Memory Accesses"; `IExecutionContext::setTensorAddress`.
pub const GPU_ALIGNMENT: u64 = 256;

/// Where an instance puts its outputs.
pub trait OutputSink<'a> {
    /// Takes memory for output number `output` (index into [`LoadedModel::outputs`]).
    ///
    /// `byte_length` is the size of the tensor; for `BYTES` that of the length-prefixed form.
    /// The memory is 64-byte aligned and not initialised to anything in particular. Taking the
    /// same output twice in one execution replaces the first.
    ///
    /// # Errors
    /// Shared memory is exhausted.
    fn allocate(
        &mut self,
        output: u32,
        data_type: DataType,
        dims: &[i64],
        byte_length: usize,
    ) -> Result<&'a mut [u8], ExecutionError>;

    /// Memory of the instance's GPU in which output number `output` is wanted, where there is room for
    /// `byte_length` bytes; in the place of [`allocate`](Self::allocate), which is to be called where
    /// there is none. It is written to when `execute` returns.
    fn gpu_place(
        &mut self,
        output: u32,
        data_type: DataType,
        dims: &[i64],
        byte_length: usize,
    ) -> Option<GpuMemory> {
        let _ = (output, data_type, dims, byte_length);
        None
    }
}

/// Why a model could not be loaded. The text completes "failed to load the model: …".
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// What was attempted, on which file, why it failed and what to do.
    pub message: String,
    /// The ops the model needs that nobody registered, where that is the reason.
    pub missing_ops: Vec<RegisteredOp>,
    /// The API level that an op library asked for in vain, where that is the reason: another
    /// runtime may offer it.
    pub refused_api: Option<RefusedApi>,
    /// The op library at fault, where opening it or registering its ops is what failed: another
    /// runtime may be able to.
    #[serde(default)]
    pub library: Option<PathBuf>,
    /// Whether the reason is that a library was opened without an error and registered no op.
    #[serde(default)]
    pub registers_nothing: bool,
    /// Whether the reason is that an instance is to be on a GPU and the runtime uses none.
    #[serde(default)]
    pub without_gpu: bool,
}

impl LoadError {
    /// An error that only its text explains.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            missing_ops: Vec::new(),
            refused_api: None,
            library: None,
            registers_nothing: false,
            without_gpu: false,
        }
    }
}

/// A level of the runtime's versioned interface that an op library asked for and did not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedApi {
    /// The level that the library asked for.
    pub requested: u32,
    /// The highest level that the runtime offers.
    pub offered: u32,
}

/// Why an execution failed; the framework's message.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{0}")]
pub struct ExecutionError(pub String);
