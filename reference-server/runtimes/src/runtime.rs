//! One runtime on this machine.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::framework::onnxruntime;
use crate::{Framework, RuntimeName};

/// A runtime that is on this machine: which one it is and where its libraries lie.
///
/// All paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Runtime {
    /// Framework and version.
    pub name: RuntimeName,
    /// The library that a worker opens.
    pub main_library: PathBuf,
    /// The folders that the dynamic loader has to search for the runtime's libraries, as
    /// `LD_LIBRARY_PATH` does; the main library's folder is the first.
    pub library_dirs: Vec<PathBuf>,
    /// The package's own folder, such as `…/onnxruntime` of a wheel or the root of an SDK.
    pub package_dir: PathBuf,
    /// How it came here.
    pub origin: Origin,
}

/// How a runtime came to be on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Installed into the cache by [`install()`](crate::install()).
    Cache,
    /// Was there before and is used where it is.
    InPlace,
}

impl Runtime {
    /// The runtime of `framework` at `path`: its library, or a folder that holds it (the installed
    /// package, the package's library folder, or an SDK's root). Nothing is loaded.
    ///
    /// # Errors
    /// There is no such library at `path`, or its version cannot be told.
    pub fn in_place(framework: Framework, path: &Path) -> Result<Self, LocateError> {
        match framework {
            Framework::OnnxRuntime => onnxruntime::locate(path),
            Framework::PyTorch | Framework::TensorFlow | Framework::TensorRt => {
                Err(LocateError::Unsupported { framework })
            }
        }
    }
}

/// Why there is no usable runtime at a path.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// Nothing is known about the framework's library files yet.
    #[error(
        "{} runtimes cannot be used in place: only those of onnxruntime can", framework.title()
    )]
    Unsupported {
        /// The framework.
        framework: Framework,
    },
    /// The path does not exist or cannot be read.
    #[error("failed to use the {} at '{}': {source}", framework.title(), path.display())]
    Unreadable {
        /// The framework.
        framework: Framework,
        /// The path that was given, or a file in it.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// No file of the right name is there.
    #[error(
        "found no {} in '{}': looked for {pattern} in {}; name the library itself or the folder \
         that holds it", framework.title(), path.display(), list(searched)
    )]
    NotFound {
        /// The framework.
        framework: Framework,
        /// The path that was given.
        path: PathBuf,
        /// The file names that were looked for.
        pattern: &'static str,
        /// The folders that were searched.
        searched: Vec<PathBuf>,
    },
    /// The file is there and is something else.
    #[error("'{}' is not {}: {reason}", path.display(), framework.title())]
    NotThisFramework {
        /// The framework.
        framework: Framework,
        /// The file.
        path: PathBuf,
        /// What is missing in it.
        reason: &'static str,
    },
    /// The file is there, and nothing in it tells its version.
    #[error(
        "failed to tell the version of '{}': neither its file name nor {evidence} holds one; \
         rename it to {example}", path.display()
    )]
    NoVersion {
        /// The file.
        path: PathBuf,
        /// What was looked at beside the file name.
        evidence: &'static str,
        /// A file name that would tell.
        example: &'static str,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| format!("'{}'", path.display()))
        .collect::<Vec<_>>()
        .join(", ")
}
