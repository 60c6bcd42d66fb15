use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the sub-command is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Load a model; answered with [`Reply::Loaded`](crate::Reply::Loaded).
    Load(Load),
    /// Let go of the model of this name; answered with [`Reply::Done`](crate::Reply::Done).
    Unload(String),
    /// Read inputs from files and keep them under a name, in place of what was there; answered with
    /// [`Reply::Done`](crate::Reply::Done).
    SetInputs {
        /// The name.
        name: String,
        /// One file a tensor.
        tensors: Vec<TensorFile>,
    },
    /// Let go of the inputs of this name; answered with [`Reply::Done`](crate::Reply::Done).
    ForgetInputs(String),
    /// Execute; answered with [`Reply::Ran`](crate::Reply::Ran).
    Run(Run),
    /// Execute once and write the outputs to files; answered with
    /// [`Reply::Written`](crate::Reply::Written).
    Write(Write),
    /// Copy on the GPU; answered with [`Reply::Copied`](crate::Reply::Copied).
    Copy(Copy),
    /// Describe the GPU; answered with [`Reply::Device`](crate::Reply::Device).
    DescribeDevice,
}

/// A model to load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Its name from here on.
    pub name: String,
    /// Its folder in a model repository, with `config.pbtxt` and a version folder. The op libraries
    /// that it names are loaded, wherever they lie.
    pub folder: PathBuf,
    /// Where its one instance executes, whatever its `instance_group` says.
    pub place: Place,
}

/// Where a model executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On the CPU.
    Cpu,
    /// On the GPU of this number, as CUDA counts those that the process may use.
    Gpu(u32),
}

/// A tensor in a file: its elements, row-major and little-endian, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorFile {
    /// The model's name of it.
    pub name: String,
    /// The protocol's name of its element type, such as `FP32`.
    pub data_type: String,
    /// Its extents, outermost first.
    pub dims: Vec<i64>,
    /// The file.
    pub file: PathBuf,
}

/// Executions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The models, each of which is executed `count` times. Several take turns, and change the order
    /// from one turn to the next, so that none always comes behind the same other one.
    pub models: Vec<String>,
    /// Names of inputs; executions take them in turn.
    pub inputs: Vec<String>,
    /// Executions of each model.
    pub count: u32,
    /// Whether the GPU's own activity records are kept ([`DeviceTime`](crate::DeviceTime)). That adds
    /// microseconds to each launch, so that wall times are of no use then.
    pub trace: bool,
    /// Whether the GPU's cache is overwritten before each execution.
    pub flush: bool,
}

/// An execution whose outputs are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The model.
    pub model: String,
    /// The name of the inputs.
    pub inputs: String,
    /// Where the files go, one an output, named after it.
    pub folder: PathBuf,
    /// What each byte of the memory for the outputs is before the execution, so that one that nothing
    /// writes is found.
    pub poison: u8,
}

/// Copies from one place of the GPU's memory to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Bytes of each copy: as many are read and as many are written.
    pub bytes: u64,
    /// How many copies.
    pub count: u32,
    /// What is copied has just come from the CPU's memory, as the inputs of a model have: some of it is
    /// in the caches still, and has to be written back while the copy is made.
    pub from_host: bool,
}
