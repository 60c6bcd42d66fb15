//! The mapped `libonnxruntime` and its environment.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::sync::{Arc, OnceLock};

use ort::AsPointer;
use ort::environment::{Environment, GlobalThreadPoolOptions};
use ort::logging::LogLevel;
use ort::sys::{OrtAllocator, OrtAllocatorType, OrtApi, OrtApiBase, OrtMemType, OrtMemoryInfo};
use runtimes::Framework;

use super::cuda;
use super::status::{Failure, check};
use crate::worker::backend::LoadError;
use crate::worker::gpus::Gpus;
use crate::worker::recorder::{Recorder, Step};

/// ONNX Runtime, mapped into this process for the rest of its life.
///
/// ONNX Runtime allows one environment a process, and so there is one of these.
pub(super) struct Runtime {
    /// The table of the API level that we use; it lives as long as the process.
    pub(super) api: &'static OrtApi,
    /// The entry that op libraries get, before interposition.
    pub(super) base: &'static OrtApiBase,
    /// The version that the library tells, such as `1.32.0`.
    pub(super) version: String,
    /// The highest API level that it offers.
    pub(super) api_level: u32,
    /// Describes plain memory of the CPU; never released, as the runtime is not.
    pub(super) cpu_memory: NonNull<OrtMemoryInfo>,
    /// ONNX Runtime's own default allocator.
    pub(super) allocator: NonNull<OrtAllocator>,
    /// Shared by all sessions: logging and threads.
    pub(super) environment: Environment,
    /// Where its library lies.
    folder: PathBuf,
    gpus: OnceLock<Gpus>,
}

// SAFETY: the pointers are to objects of ONNX Runtime that live as long as the process and that
// may be used from any thread.
unsafe impl Send for Runtime {}
// SAFETY: as above; none of them is written to after `open`.
unsafe impl Sync for Runtime {}

impl Runtime {
    /// Maps `library` and creates the environment with one pool of threads for all sessions.
    ///
    /// The threads do not spin while they wait: several workers share the machine.
    pub(super) fn open(library: &Path, recorder: &Recorder) -> Result<Arc<Self>, LoadError> {
        recorder.enter(Step::MapRuntime, library);
        let opened = Self::open_unrecorded(library);
        recorder.idle();
        opened.map(Arc::new).map_err(|reason| {
            LoadError::new(format!(
                "the ONNX Runtime library '{}' cannot be used: {reason}",
                library.display()
            ))
        })
    }

    fn open_unrecorded(library: &Path) -> Result<Self, String> {
        let builder = ort::init_from(library).map_err(|error| match error {
            ort::LoadDynamicError::Dlopen { error, .. } => {
                format!("{error}; install the runtime again, or name another library for it")
            }
            ort::LoadDynamicError::MissingApi { .. } => {
                "it does not export 'OrtGetApiBase'; name a libonnxruntime.so".to_owned()
            }
            ort::LoadDynamicError::InvalidVersionString => {
                "its version is not readable; name a libonnxruntime.so".to_owned()
            }
            ort::LoadDynamicError::BadVersion { version_str, .. } => format!(
                "it is version {version_str}, and 1.{}.0 is the oldest that is supported; use a \
                 newer runtime",
                ort::MINOR_VERSION
            ),
        })?;
        let base = base_of(library)?;
        // SAFETY: `base` is ONNX Runtime's own entry; the string it returns is static.
        let version = unsafe { CStr::from_ptr((base.GetVersionString)()) }
            .to_string_lossy()
            .into_owned();
        // What a build from source adds, as in 1.33.0-dev, says nothing about the level.
        let api_level = version
            .split(['-', '+'])
            .next()
            .and_then(|release| release.parse().ok())
            .and_then(|release| Framework::OnnxRuntime.api_level(&release))
            .ok_or_else(|| {
                format!("its version '{version}' is not of the form 1.<level>.<patch>")
            })?;
        let api = ort::api();
        let environment = environment(builder)
            .map_err(|error| format!("its environment cannot be created: {}", error.message()))?;
        let resources =
            default_resources(api).map_err(|failure| format!("it is not functional: {failure}"))?;
        Ok(Self {
            api,
            base,
            version,
            api_level,
            cpu_memory: resources.0,
            allocator: resources.1,
            environment,
            folder: folder_of(library),
            gpus: OnceLock::new(),
        })
    }

    /// Name and version, such as `onnxruntime-1.32.0`.
    pub(super) fn name(&self) -> String {
        format!("onnxruntime-{}", self.version)
    }

    /// The GPUs that its sessions can execute on. Nothing is loaded to find out.
    pub(super) fn gpus(&self) -> &Gpus {
        self.gpus
            .get_or_init(|| cuda::gpus(&self.folder, &self.version))
    }

    /// The environment's handle.
    pub(super) fn environment(&self) -> *const ort::sys::OrtEnv {
        self.environment.ptr()
    }
}

/// The folder of a library, which may be a link to where the package is.
fn folder_of(library: &Path) -> PathBuf {
    let place = library.canonicalize();
    let place = place.as_deref().unwrap_or(library);
    place.parent().unwrap_or(Path::new("/")).to_owned()
}

/// ONNX Runtime's entry of the library that crate `ort` has mapped (and keeps to itself).
fn base_of(library: &Path) -> Result<&'static OrtApiBase, String> {
    // SAFETY: the library is mapped already, so no initializer runs.
    let mapped = unsafe { libloading::Library::new(library) }.map_err(|error| error.to_string())?;
    // SAFETY: the function has this signature in every version of ONNX Runtime.
    let entry =
        unsafe { mapped.get::<unsafe extern "C" fn() -> *const OrtApiBase>(c"OrtGetApiBase") }
            .map_err(|error| error.to_string())?;
    // SAFETY: the function takes nothing and returns a static, or null in a broken build.
    let base = unsafe { entry().as_ref() };
    // The first reference, which crate `ort` holds, keeps the library mapped for ever.
    base.ok_or_else(|| "'OrtGetApiBase' returned nothing; install the runtime again".to_owned())
}

fn environment(builder: ort::environment::EnvironmentBuilder) -> Result<Environment, ort::Error> {
    // A number is always given: with ONNX Runtime's default it would also pin each thread to a
    // core, and the pools of several workers would be pinned to the same ones.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = GlobalThreadPoolOptions::default()
        .with_intra_threads(cores)?
        .with_inter_threads(1)?
        .with_spin_control(false)?;
    let environment = builder
        .with_name("reference-server")
        .with_telemetry(false)
        .with_global_thread_pool(threads)
        .with_logger(Arc::new(log))
        .build()?;
    // Crate `ort` asks for everything down to verbose messages, of which an execution has many.
    environment.set_log_level(LogLevel::Warning);
    Ok(environment)
}

fn log(level: LogLevel, category: &str, session: &str, location: &str, message: &str) {
    match level {
        LogLevel::Verbose => tracing::trace!(category, session, location, "{message}"),
        LogLevel::Info => tracing::info!(category, session, location, "{message}"),
        LogLevel::Warning => tracing::warn!(category, session, location, "{message}"),
        LogLevel::Error | LogLevel::Fatal => {
            tracing::error!(category, session, location, "{message}");
        }
    }
}

fn default_resources(
    api: &OrtApi,
) -> Result<(NonNull<OrtMemoryInfo>, NonNull<OrtAllocator>), Failure> {
    let mut memory: *mut OrtMemoryInfo = ptr::null_mut();
    let mut allocator: *mut OrtAllocator = ptr::null_mut();
    // SAFETY: the out-parameters are live; the table is that of the mapped runtime.
    unsafe {
        check((api.CreateCpuMemoryInfo)(
            OrtAllocatorType::OrtDeviceAllocator,
            OrtMemType::OrtMemTypeDefault,
            &raw mut memory,
        ))?;
        check((api.GetAllocatorWithDefaultOptions)(&raw mut allocator))?;
    }
    match (NonNull::new(memory), NonNull::new(allocator)) {
        (Some(memory), Some(allocator)) => Ok((memory, allocator)),
        _ => Err(Failure {
            code: ort::ErrorCode::GenericFailure,
            message: "its default allocator is missing".to_owned(),
        }),
    }
}
