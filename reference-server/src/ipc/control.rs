//! Control messages between the front and a worker: one JSON object a line on a socket pair.

use std::path::PathBuf;

use runtimes::Framework;
use serde::{Deserialize, Serialize};

use crate::worker::backend::{
    LibraryDescription, LibraryReport, LoadError, ModelSpecification, RuntimeSpecification,
    StillMapped, TensorSignature,
};

/// File descriptor number of the control socket in a worker.
pub const CONTROL_FD: i32 = 3;
/// File descriptor number of the shared region in a worker.
pub const REGION_FD: i32 = 4;
/// File descriptor number of the eventfd that wakes the front.
pub const DOORBELL_FD: i32 = 5;

/// File descriptor number of the socket for memory of clients in a worker.
pub const CLIENT_MEMORY_FD: i32 = 6;

/// What the front asks of a worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Before the first model of a framework: which runtime to map, and the op libraries that
    /// serve all its models. At most once a framework.
    Open {
        /// The runtime.
        specification: RuntimeSpecification,
        /// The op libraries, the preloaded ones first.
        libraries: Vec<PathBuf>,
    },
    /// More op libraries that serve all models of a framework, before the first of these. A
    /// library that cannot be loaded leaves those before it as they are.
    Add {
        /// The framework, which is open.
        framework: Framework,
        /// The op libraries.
        libraries: Vec<PathBuf>,
    },
    /// Describe what the op libraries registered that serve all models of a framework.
    Describe {
        /// The framework, which is open.
        framework: Framework,
    },
    /// Load one version of a model.
    Load {
        /// The framework, which is open.
        framework: Framework,
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
    /// The runtime is mapped and the op libraries of the request are loaded.
    Opened {
        /// What each library registered.
        libraries: Vec<LibraryReport>,
    },
    /// The runtime could not be mapped or a library not be loaded. The worker serves models of
    /// other frameworks, and is not asked to open this one again.
    OpenFailed {
        /// Why.
        error: LoadError,
    },
    /// What the op libraries registered that serve all models of the framework.
    Described {
        /// Library by library.
        libraries: Vec<LibraryDescription>,
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
