//! Why a bridge was not built.

use std::io;
use std::path::PathBuf;

use runtimes::{CompileError, PrebuiltError, RuntimeName};

/// Why a bridge was not built.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// The compiler is missing or refuses the sources.
    #[error(
        "failed to compile the bridge to {runtime} against '{}': {source}", package.display()
    )]
    Compile {
        /// The runtime.
        runtime: RuntimeName,
        /// The folder of its headers and libraries.
        package: PathBuf,
        /// The cause, in the compiler's own words.
        source: CompileError,
    },
    /// The cache was filled on another machine, without it.
    #[error(transparent)]
    Prebuilt(#[from] PrebuiltError),
    /// The cache cannot be written.
    #[error("failed to build the bridge to {runtime}: failed to {action} '{}': {source}", path.display())]
    Io {
        /// The runtime.
        runtime: RuntimeName,
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}
