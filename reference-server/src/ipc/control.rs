//! Control messages between the front and a worker: one JSON object a line on a socket pair.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::worker::backend::{
    LibraryReport, LoadError, ModelSpecification, StillMapped, TensorSignature,
};

/// File descriptor number of the control socket in a worker.
pub const CONTROL_FD: i32 = 3;
/// File descriptor number of the shared region in a worker.
pub const REGION_FD: i32 = 4;
/// File descriptor number of the eventfd that wakes the front.
pub const DOORBELL_FD: i32 = 5;

/// What the front asks of a worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The first message: which runtime to map.
    Open {
        /// Framework name, such as `onnxruntime`.
        framework: runtimes::Framework,
        /// The runtime's main library.
        library: PathBuf,
    },
    /// Load one version of a model.
    Load {
        /// What to load.
        specification: ModelSpecification,
        /// One lane for each instance.
        lanes: Vec<u32>,
    },
    /// Release a model.
    Unload {
        /// Its key.
        key: u64,
    },
}

/// What a worker answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The runtime is mapped.
    Opened,
    /// The runtime could not be mapped; the worker ends.
    OpenFailed {
        /// Why.
        error: LoadError,
    },
    /// The model executes on its lanes.
    Loaded {
        /// Its key.
        key: u64,
        /// Inputs in the model's order.
        inputs: Vec<TensorSignature>,
        /// Outputs in the model's order.
        outputs: Vec<TensorSignature>,
        /// What its op libraries registered.
        libraries: Vec<LibraryReport>,
    },
    /// The model could not be loaded.
    LoadFailed {
        /// Its key.
        key: u64,
        /// Why.
        error: LoadError,
    },
    /// The model is released.
    Unloaded {
        /// Its key.
        key: u64,
        /// Op libraries that were closed and stay mapped.
        still_mapped: Vec<StillMapped>,
    },
}
