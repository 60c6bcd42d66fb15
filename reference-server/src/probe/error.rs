//! Why an experiment could not be made.

use std::io;

use bridges::BridgeError;
use runtimes::{CacheError, RuntimeName, SelectionError};

/// Why an experiment could not be made. That a library fails is no reason: that is its result.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is no place for runtimes.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The runtime is not there.
    #[error(transparent)]
    Runtime(#[from] SelectionError),
    /// The bridge to the runtime cannot be compiled.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// No process can be started.
    #[error(
        "failed to start a process for the probe: {0}; look at the limits on processes, open files \
         and address space"
    )]
    Process(io::Error),
    /// A signal came.
    #[error("the probe was told to stop before it was finished")]
    Stopped,
    /// The model that ONNX Runtime creates sessions of cannot be written.
    #[error("failed to write a model for the probe to the folder for temporary files: {0}")]
    Model(io::Error),
    /// Nobody reads the record.
    #[error("failed to write the record to standard output: {0}")]
    Output(io::Error),
    /// The runtime does not work, before any library was opened.
    #[error("{runtime} cannot be used: {reason}")]
    Unusable {
        /// The runtime.
        runtime: RuntimeName,
        /// Why, and what to do.
        reason: String,
    },
}
