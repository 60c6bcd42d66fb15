//! What a worker maps and loads for one framework.

use std::path::PathBuf;

use runtimes::{Framework, Runtime, RuntimeName};

use crate::ipc::control::Request;
use crate::worker::backend::RuntimeSpecification;

/// A runtime with the op libraries that serve all its models in a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosted {
    /// Framework and version.
    pub runtime: RuntimeName,
    /// The runtime's main library.
    pub main_library: PathBuf,
    /// Folders of the runtime's libraries.
    pub library_dirs: Vec<PathBuf>,
    /// The bridge that was compiled for it, where the framework needs one.
    pub bridge: Option<PathBuf>,
    /// Op libraries of the framework that the worker was started with, in `LD_PRELOAD`.
    pub preloaded: Vec<PathBuf>,
    /// The op libraries for all models, the preloaded ones first.
    pub libraries: Vec<PathBuf>,
    /// The tag of the Python that the runtime's extension modules are built for.
    pub python: Option<String>,
}

impl Hosted {
    /// `runtime` with op libraries that serve all its models and none that is preloaded. `bridge`
    /// is the one that was compiled for it.
    pub fn new(runtime: &Runtime, bridge: Option<PathBuf>, libraries: Vec<PathBuf>) -> Self {
        Self {
            runtime: runtime.name,
            main_library: runtime.main_library.clone(),
            library_dirs: runtime.library_dirs.clone(),
            bridge,
            preloaded: Vec::new(),
            libraries,
            python: runtime.python.clone(),
        }
    }

    /// The framework.
    pub fn framework(&self) -> Framework {
        self.runtime.framework
    }

    /// What a backend needs to know to map the runtime.
    pub fn specification(&self) -> RuntimeSpecification {
        RuntimeSpecification {
            framework: self.framework(),
            runtime: self.runtime.to_string(),
            main_library: self.main_library.clone(),
            library_dirs: self.library_dirs.clone(),
            bridge: self.bridge.clone(),
            preloaded: self.preloaded.clone(),
            python: self.python.clone(),
        }
    }

    /// The request that opens it in a worker.
    pub fn open_request(&self) -> Request {
        Request::Open {
            specification: self.specification(),
            libraries: self.libraries.clone(),
        }
    }
}
