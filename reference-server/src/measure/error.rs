//! Why something could not be measured.

use std::io;
use std::path::PathBuf;

use bridges::BridgeError;
use cudarc::driver::DriverError;
use runtimes::{CacheError, SelectionError};

use crate::configuration::{ConfigurationError, OpLibraryPathError};
use crate::worker::backend::{ExecutionError, LoadError};

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// There is no place for runtimes.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The runtime is not there.
    #[error(transparent)]
    Runtime(#[from] SelectionError),
    /// The bridge to the runtime cannot be compiled.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// This program cannot be started again with the runtime's libraries on its path, or has no
    /// memory to share.
    #[error("failed to prepare the process: {0}; look at the limits on processes and memory")]
    Process(io::Error),
    /// Nobody asks, or nobody reads the answers.
    #[error("failed to read a request or to write a reply: {0}")]
    Pipe(io::Error),
    /// A line is no request.
    #[error(
        "failed to understand a request: {0}; see the package measure-protocol for what there is"
    )]
    Request(serde_json::Error),
    /// A model's configuration is not one.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// An op library of a model is not there.
    #[error(transparent)]
    OpLibrary(#[from] OpLibraryPathError),
    /// A runtime or a model cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The model is of another framework.
    #[error(
        "the model in '{folder}' is one of {found}, and this process has {expected} only; start another with its runtime"
    )]
    OtherFramework {
        /// The model's folder.
        folder: PathBuf,
        /// The model's framework.
        found: runtimes::Framework,
        /// The one of this process.
        expected: runtimes::Framework,
    },
    /// Something that a request names is not there.
    #[error("there is no {kind} '{name}'; load it before it is used")]
    Unknown {
        /// What kind of thing.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A run without models or without inputs.
    #[error("a run needs at least one model and the name of at least one set of inputs")]
    NothingToRun,
    /// Inputs do not fit the model.
    #[error("the inputs '{inputs}' do not fit the model '{model}': {reason}")]
    Misfit {
        /// The name of the inputs.
        inputs: String,
        /// The model.
        model: String,
        /// What does not fit.
        reason: String,
    },
    /// A file of a tensor cannot be used.
    #[error("the tensor file '{file}' cannot be used: {reason}")]
    Tensor {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The shared memory is used up.
    #[error("no shared memory is left for {0} bytes of inputs; let go of others first")]
    Memory(usize),
    /// An execution failed.
    #[error("the model '{model}' failed: {source}")]
    Execution {
        /// The model.
        model: String,
        /// The framework's message.
        source: ExecutionError,
    },
    /// There is no GPU.
    #[error(
        "there is no NVIDIA GPU (the driver is not installed, or it finds none), which {0} needs"
    )]
    NoGpu(&'static str),
    /// The GPU's driver refuses.
    #[error("the GPU's driver failed to {action}: {source}")]
    Driver {
        /// What was attempted.
        action: &'static str,
        /// What it said.
        source: DriverError,
    },
    /// CUPTI cannot be used.
    #[error(transparent)]
    Cupti(#[from] super::cupti::CuptiError),
}
