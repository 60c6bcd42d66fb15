//! The mapped `libtensorflow_cc`.

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL};
use prost::Message;

use super::cuda;
use super::interface::{Buffer, Interface};
use super::messages::{KernelDef, KernelList, OpDef, OpList};
use super::status::Status;
use crate::worker::backend::{LoadError, RuntimeSpecification};
use crate::worker::gpus::Gpus;
use crate::worker::recorder::{Recorder, Step};

/// The variable that a worker is started with so that TensorFlow writes errors only, unless it is
/// set already. What else it writes is about itself and not about models.
pub fn log_level() -> Option<(&'static str, &'static str)> {
    const VARIABLE: &str = "TF_CPP_MIN_LOG_LEVEL";
    const ERRORS: &str = "2";
    std::env::var_os(VARIABLE)
        .is_none()
        .then_some((VARIABLE, ERRORS))
}

/// TensorFlow, mapped into this process for the rest of its life.
pub(super) struct Runtime {
    /// Its functions.
    pub(super) interface: Interface,
    /// The version that the library tells, such as `2.21.0`.
    pub(super) version: String,
    /// All folders of the runtime's libraries.
    pub(super) library_dirs: Vec<PathBuf>,
    gpus: OnceLock<Gpus>,
}

impl Runtime {
    /// Maps the main library, a `libtensorflow_cc.so.2` or `libtensorflow.so.2`.
    pub(super) fn open(
        specification: &RuntimeSpecification,
        recorder: &Recorder,
    ) -> Result<Arc<Self>, LoadError> {
        let library = &specification.main_library;
        recorder.enter(Step::MapRuntime, library);
        let opened = Self::open_unrecorded(library, &specification.library_dirs);
        recorder.idle();
        opened.map(Arc::new).map_err(|reason| {
            LoadError::new(format!(
                "the TensorFlow library '{}' cannot be used: {reason}",
                library.display()
            ))
        })
    }

    fn open_unrecorded(library: &Path, library_dirs: &[PathBuf]) -> Result<Self, String> {
        // Lazily bound: it has 150 000 references between its parts, most of them never used.
        // SAFETY: its initializers are TensorFlow's own.
        let mapped = unsafe { Library::open(Some(library), RTLD_LAZY | RTLD_LOCAL) }
            .map_err(|error| format!("{error}; install the runtime again, or name another"))?;
        let interface = Interface::of(&mapped).map_err(|symbol| {
            format!(
                "it does not export '{symbol}' of TensorFlow's C API; name a \
                 libtensorflow_cc.so.2 of version 2.12 or newer"
            )
        })?;
        // Threads of TensorFlow run until the process ends, and so its code has to stay.
        std::mem::forget(mapped);
        // SAFETY: the function returns a static C string.
        let version = unsafe { CStr::from_ptr((interface.version)()) }
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            interface,
            version,
            library_dirs: library_dirs.to_vec(),
            gpus: OnceLock::new(),
        })
    }

    /// Name and version, such as `tensorflow-2.21.0`.
    pub(super) fn name(&self) -> String {
        format!("tensorflow-{}", self.version)
    }

    /// The GPUs that sessions can execute on.
    pub(super) fn gpus(self: &Arc<Self>) -> &Gpus {
        self.gpus.get_or_init(|| cuda::gpus(self))
    }

    /// All ops of this process: TensorFlow's own and those of op libraries.
    pub(super) fn all_ops(&self) -> Vec<OpDef> {
        // SAFETY: the function takes nothing and hands over a buffer.
        let buffer = unsafe { (self.interface.get_all_op_list)() };
        self.take::<OpList>(buffer).ops
    }

    /// All kernels of this process, likewise.
    pub(super) fn all_kernels(self: &Arc<Self>) -> Vec<KernelDef> {
        let status = Status::new(self);
        // SAFETY: a live status; the function hands over a buffer, or null.
        let buffer = unsafe { (self.interface.get_all_registered_kernels)(status.pointer()) };
        self.take::<KernelList>(buffer).kernels
    }

    /// The kernels of the op `name`.
    pub(super) fn kernels_of(self: &Arc<Self>, name: &str) -> Vec<KernelDef> {
        let Ok(name) = CString::new(name) else {
            return Vec::new();
        };
        let status = Status::new(self);
        // SAFETY: a C string and a live status; the function hands over a buffer, or null.
        let buffer = unsafe {
            (self.interface.get_registered_kernels_for_op)(name.as_ptr(), status.pointer())
        };
        self.take::<KernelList>(buffer).kernels
    }

    /// Decodes a message that TensorFlow hands over, and frees it. Null is an empty message.
    fn take<M: Message + Default>(&self, buffer: *mut Buffer) -> M {
        if buffer.is_null() {
            return M::default();
        }
        // SAFETY: the buffer is live until it is freed below, once.
        unsafe {
            let message = decode(&*buffer);
            (self.interface.delete_buffer)(buffer);
            message
        }
    }
}

/// Decodes a message of TensorFlow's own; one that cannot be read is empty.
///
/// # Safety
/// The buffer is as long as it says.
pub(super) unsafe fn decode<M: Message + Default>(buffer: &Buffer) -> M {
    if buffer.data.is_null() {
        return M::default();
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.data.cast::<u8>(), buffer.length) };
    M::decode(bytes).unwrap_or_default()
}
