//! The mapped PyTorch and its bridge.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use op_library::missing_libraries;

use super::bridge::Bridge;
use crate::worker::backend::{LoadError, RuntimeSpecification};
use crate::worker::exception_barrier;
use crate::worker::gpus::{Gpus, Obstacle};
use crate::worker::recorder::{Recorder, Step};

/// The part of PyTorch that needs a GPU, beside the main library.
const CUDA_LIBRARY: &str = "libtorch_cuda.so";

/// The variable that a worker is started with so that PyTorch's threads sleep while they have
/// nothing to do, unless it is set already: several workers share the machine.
pub fn wait_policy() -> Option<(&'static str, &'static str)> {
    const VARIABLE: &str = "OMP_WAIT_POLICY";
    const SLEEP: &str = "PASSIVE";
    std::env::var_os(VARIABLE)
        .is_none()
        .then_some((VARIABLE, SLEEP))
}

/// PyTorch, mapped into this process for the rest of its life: its dispatcher holds on to whatever
/// registered with it.
pub(super) struct Runtime {
    /// The functions of the bridge.
    pub(super) bridge: Arc<Bridge>,
    /// Name and version, such as `pytorch-2.11.0`.
    pub(super) name: String,
    /// The tag of the Python that its extension modules are built for.
    pub(super) python: Option<String>,
    /// The folder of PyTorch's own libraries.
    pub(super) folder: PathBuf,
    /// All folders of the runtime's libraries.
    pub(super) library_dirs: Vec<PathBuf>,
    /// The GPUs that models can be put on.
    pub(super) gpus: Gpus,
}

impl Runtime {
    /// Maps PyTorch, its CUDA part where there is a GPU, and the bridge.
    pub(super) fn open(
        specification: &RuntimeSpecification,
        recorder: &Recorder,
    ) -> Result<Arc<Self>, LoadError> {
        let library = &specification.main_library;
        recorder.enter(Step::MapRuntime, library);
        let opened = open_unrecorded(specification);
        recorder.idle();
        let (bridge, gpus) = opened.map_err(|reason| {
            LoadError::new(format!(
                "the PyTorch library '{}' of {} cannot be used: {reason}",
                library.display(),
                specification.runtime
            ))
        })?;
        Ok(Arc::new(Self {
            bridge,
            gpus,
            name: specification.runtime.clone(),
            python: specification.python.clone(),
            library_dirs: specification.library_dirs.clone(),
            folder: library.parent().unwrap_or(Path::new("/")).to_owned(),
        }))
    }
}

/// The bridge, and the GPUs that there are for PyTorch.
fn open_unrecorded(specification: &RuntimeSpecification) -> Result<(Arc<Bridge>, Gpus), String> {
    let bridge = specification.bridge.as_deref().ok_or(
        "the bridge between it and the server has not been compiled; install the runtime again",
    )?;
    map(&specification.main_library)
        .map_err(|reason| format!("{reason}; install the runtime again"))?;
    let gpus = open_cuda_part(specification);
    let bridge = Bridge::open(bridge)
        .map_err(|reason| format!("its bridge '{}' cannot be used: {reason}", bridge.display()))?;
    let expected = format!("pytorch-{}", bridge.version());
    if specification.runtime.starts_with("pytorch-") && expected != specification.runtime {
        return Err(format!(
            "its bridge was compiled for {expected}; delete the bridge, so that it is compiled again"
        ));
    }
    // SAFETY: the function takes nothing and only sets the process's terminate handler.
    unsafe { (bridge.functions().report_uncaught_exceptions)() };
    Ok((bridge, gpus))
}

/// Maps the CUDA part where there is a GPU for it and nothing that it needs is missing. Models that
/// stay on the CPU do without.
fn open_cuda_part(specification: &RuntimeSpecification) -> Gpus {
    let (runtime, folders) = (&specification.runtime, &specification.library_dirs);
    let cuda = specification.main_library.with_file_name(CUDA_LIBRARY);
    if !cuda.is_file() {
        return Gpus::unless(Some(Obstacle::no_part(runtime, CUDA_LIBRARY, "torch")));
    }
    let missing = missing_libraries(&cuda, folders);
    let requirement = runtime.replace("pytorch-", "torch==");
    let gpus = Gpus::unless(Obstacle::missing_libraries(runtime, &missing, &requirement));
    if matches!(gpus, Gpus::Usable(_))
        && let Err(reason) = map(&cuda)
    {
        tracing::warn!(library = %cuda.display(), reason, "PyTorch runs without its CUDA part");
        return Gpus::unless(Some(Obstacle {
            fault: format!("its part for GPUs cannot be loaded: {reason}"),
            remedy: "install the runtime again".to_owned(),
        }));
    }
    gpus
}

/// Maps a library for the rest of the process's life. Its symbols stay out of the way of other
/// frameworks in this process: whatever uses them names the library as a dependency.
fn map(path: &Path) -> Result<(), String> {
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| "its path holds a zero byte".to_owned())?;
    // SAFETY: the library's initializers are PyTorch's own.
    let handle = unsafe { exception_barrier::open(&name, RTLD_NOW | RTLD_LOCAL) };
    if handle.is_null() {
        return Err(exception_barrier::loader_message());
    }
    // SAFETY: the handle is open; forgetting it keeps it so.
    std::mem::forget(unsafe { Library::from_raw(handle) });
    Ok(())
}
