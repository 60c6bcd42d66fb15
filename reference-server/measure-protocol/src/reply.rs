use serde::{Deserialize, Serialize};

use crate::{ClockEvents, DeviceRecord, TensorFile};

/// What the sub-command answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The model is loaded.
    Loaded(Loaded),
    /// It is done.
    Done,
    /// The executions are over.
    Ran(Ran),
    /// The outputs are in these files.
    Written(Vec<TensorFile>),
    /// What each copy took, by the GPU's own records.
    Copied(Vec<u64>),
    /// The GPU; none where there is none.
    Device(Option<DeviceRecord>),
    /// The model was not loaded, because the runtime as it is installed uses no GPU; a sentence that
    /// says so. The process goes on.
    WithoutGpu(String),
    /// It could not be done: what was attempted, why it failed, and what to do. The process goes on.
    Failed(String),
}

/// A model that is ready to execute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Inputs in the model's own order.
    pub inputs: Vec<Tensor>,
    /// Outputs in the model's own order.
    pub outputs: Vec<Tensor>,
}

/// A tensor of a model's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// The protocol's name of its element type.
    pub data_type: String,
    /// Its extents, outermost first; -1 where the model leaves one open.
    pub dims: Vec<i64>,
}

/// What executions took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// One sample an execution, in the order in which they were made.
    pub samples: Vec<Sample>,
    /// What ran on the GPU in these executions, model by model; empty where nothing was traced.
    pub kernels: Vec<Vec<KernelUse>>,
    /// How the GPU's clocks behaved meanwhile; none where that cannot be told.
    pub clocks: Option<ClockEvents>,
}

/// One execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Which of the run's models.
    pub model: u32,
    /// From the call to its return on the host, in nanoseconds: inputs to the device, kernels and
    /// outputs back are in it.
    pub wall: u64,
    /// What the GPU's records say; none where the run was not traced.
    pub device: Option<DeviceTime>,
}

/// What the GPU did in one execution, by its own activity records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceTime {
    /// The durations of all kernels, in nanoseconds; neither copies nor sets of memory are in it, nor
    /// the gaps between kernels.
    pub kernels: u64,
    /// How many kernels.
    pub launches: u32,
    /// The durations of all copies, in nanoseconds.
    pub copies: u64,
}

/// One kernel in the executions of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelUse {
    /// Its name, as the compiler made it.
    pub name: String,
    /// How often it ran.
    pub launches: u32,
    /// What that took, in nanoseconds.
    pub time: u64,
}
