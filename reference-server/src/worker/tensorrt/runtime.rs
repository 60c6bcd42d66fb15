//! The mapped `libnvinfer` with its bridge.

use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::bridge::{self, Bridge, Entries, RawPlugin, RawTensorRt};
use super::log;
use super::plan::Reader;
use super::plugin_field::PluginField;
use super::version::Version;
use crate::worker::backend::{LoadError, RegisteredOp, RuntimeSpecification};
use crate::worker::recorder::{Recorder, Step};

/// TensorRT, mapped into this process for the rest of its life.
pub(super) struct Runtime {
    pub(super) bridge: Bridge,
    raw: *mut RawTensorRt,
    /// The version that the library tells.
    pub(super) version: Version,
    is_lean: bool,
    /// The folders of its libraries.
    pub(super) library_dirs: Vec<PathBuf>,
}

// SAFETY: the bridge's functions may be called from any thread, the plugin registry locks by
// itself, and what is not safe for threads (engines, contexts) has owners of its own.
unsafe impl Send for Runtime {}
// SAFETY: as above.
unsafe impl Sync for Runtime {}

/// A plugin of the registry, or one that was to become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plugin {
    /// Namespace, name and version.
    pub(super) op: RegisteredOp,
    /// The library that holds its code, where that can be told.
    pub(super) file: Option<PathBuf>,
    /// Whether the registry took it.
    pub(super) accepted: bool,
}

/// What a plugin's creator says of the plugins that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PluginDescription {
    /// Their interface, such as `IPluginV3`.
    pub(super) interface: String,
    /// Their attributes.
    pub(super) fields: Vec<PluginField>,
}

impl Runtime {
    /// Maps the runtime's library and its bridge.
    ///
    /// # Errors
    /// One of them cannot be mapped, or the library is no TensorRT that the bridge fits.
    pub(super) fn open(
        specification: &RuntimeSpecification,
        recorder: &Recorder,
    ) -> Result<Arc<Self>, LoadError> {
        recorder.enter(Step::MapRuntime, &specification.main_library);
        let opened = Self::open_unrecorded(specification);
        recorder.idle();
        opened.map(Arc::new).map_err(|reason| {
            LoadError::new(format!(
                "the TensorRT library '{}' cannot be used: {reason}",
                specification.main_library.display()
            ))
        })
    }

    fn open_unrecorded(specification: &RuntimeSpecification) -> Result<Self, String> {
        let path = specification.bridge.as_deref().ok_or(
            "no bridge was compiled for it; start the server where a C++ compiler is installed",
        )?;
        let entries = entries(&specification.main_library)?;
        let bridge = Bridge::open(path)
            .map_err(|error| format!("its bridge '{}' is unusable: {error}", path.display()))?;
        let mut raw = ptr::null_mut();
        // SAFETY: the entries are functions of a mapped TensorRT.
        unsafe {
            bridge::check(|| {
                (bridge.open_runtime)(&raw const entries, log::receive, &raw mut raw)
            })?;
        }
        // SAFETY: the bridge is open.
        let version = Version::from_number(unsafe { (bridge.version)(raw) });
        let name = specification.main_library.file_name();
        Ok(Self {
            bridge,
            raw,
            version,
            library_dirs: specification.library_dirs.clone(),
            is_lean: name.is_some_and(|name| name.to_string_lossy().contains("_lean")),
        })
    }

    /// How plans are judged.
    pub(super) fn reader(&self) -> Reader {
        Reader {
            version: self.version,
            is_lean: self.is_lean,
        }
    }

    /// The bridge's handle.
    pub(super) fn pointer(&self) -> *mut RawTensorRt {
        self.raw
    }

    /// All plugins of the registry.
    pub(super) fn plugins(&self) -> Vec<Plugin> {
        let mut plugins = Vec::new();
        // SAFETY: the visitor is called during the call only, with the vector.
        unsafe { (self.bridge.plugins)(self.raw, collect, (&raw mut plugins).cast()) };
        plugins
    }

    /// What the creator of a registered plugin says of it; nothing where there is none. Code of the
    /// plugin's library runs.
    pub(super) fn describe(&self, op: &RegisteredOp) -> Option<PluginDescription> {
        let text = |text: &str| CString::new(text).ok();
        let (domain, name, version) = (text(&op.domain)?, text(&op.name)?, text(&op.version)?);
        let wanted = RawPlugin {
            plugin_namespace: domain.as_ptr(),
            name: name.as_ptr(),
            version: version.as_ptr(),
            file: ptr::null(),
            accepted: 1,
        };
        let mut fields: Vec<PluginField> = Vec::new();
        let mut interface = ptr::null();
        // SAFETY: the texts outlive the call, the visitor is called during it, with the vector.
        unsafe {
            bridge::check(|| {
                (self.bridge.describe)(
                    self.raw,
                    &raw const wanted,
                    collect_field,
                    (&raw mut fields).cast(),
                    &raw mut interface,
                )
            })
            .ok()?;
        }
        // SAFETY: a C string of the bridge or of the creator, or null.
        let interface = (!interface.is_null()).then(|| unsafe { CStr::from_ptr(interface) })?;
        Some(PluginDescription {
            interface: interface.to_string_lossy().into_owned(),
            fields,
        })
    }

    /// Forgets what [`attempts`](Self::attempts) would tell.
    pub(super) fn forget_attempts(&self) {
        // SAFETY: the bridge is open.
        unsafe { (self.bridge.forget_attempts)(self.raw) };
    }

    /// The registrations that were attempted since, accepted and refused ones.
    pub(super) fn attempts(&self) -> Vec<Plugin> {
        let mut plugins = Vec::new();
        // SAFETY: as for `plugins`.
        unsafe { (self.bridge.attempts)(self.raw, collect, (&raw mut plugins).cast()) };
        plugins
    }

    /// The plugins that an op library's entry point hands out.
    ///
    /// # Safety
    /// `entry` is a library's `getPluginCreators` or `getCreators`.
    pub(super) unsafe fn offered(&self, entry: *mut c_void) -> Result<Vec<Plugin>, String> {
        let mut plugins = Vec::new();
        // SAFETY: as for `plugins`; the entry is the caller's promise.
        unsafe {
            bridge::check(|| {
                (self.bridge.offered)(self.raw, entry, collect, (&raw mut plugins).cast())
            })?;
        }
        Ok(plugins)
    }

    /// Calls a library's `initLibNvInferPlugins`.
    ///
    /// # Safety
    /// `entry` is that function.
    pub(super) unsafe fn initialize(&self, entry: *mut c_void) -> Result<(), String> {
        // SAFETY: the caller's promise.
        unsafe { bridge::check(|| (self.bridge.initialize)(self.raw, entry)) }
    }

    /// Lets the registry load the library at `path`, whose entry point is `entry`.
    ///
    /// # Safety
    /// As for [`offered`](Self::offered).
    pub(super) unsafe fn load_library(
        &self,
        path: &Path,
        entry: *mut c_void,
    ) -> Result<*mut c_void, String> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        let mut handle = ptr::null_mut();
        // SAFETY: the caller's promise; the path is a C string.
        unsafe {
            bridge::check(|| {
                (self.bridge.load_library)(self.raw, path.as_ptr(), entry, &raw mut handle)
            })?;
        }
        Ok(handle)
    }

    /// Takes back what [`load_library`](Self::load_library) did.
    ///
    /// # Errors
    /// Plugins of the library may still be in the registry.
    ///
    /// # Safety
    /// `handle` came from there, is given back once, and no engine uses the plugins.
    pub(super) unsafe fn deregister_library(&self, handle: *mut c_void) -> Result<(), String> {
        // SAFETY: the caller's promise.
        unsafe { bridge::check(|| (self.bridge.deregister_library)(self.raw, handle)) }
    }
}

/// Maps TensorRT's library and finds its functions. Its symbols are there for all libraries that
/// are opened later: plugin libraries with a static registrar are often linked without it.
fn entries(library: &Path) -> Result<Entries, String> {
    // SAFETY: TensorRT's initializers; a worker process is there to contain them.
    let mapped =
        unsafe { Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL) }.map_err(|error| {
            format!("{error}; install the runtime again, or name another library for it")
        })?;
    let find = |name: &CStr| {
        // SAFETY: only looked up; the bridge knows the signatures.
        unsafe { mapped.get::<*mut c_void>(name) }
            .map(|symbol| *symbol)
            .map_err(|_| {
                format!(
                    "it does not export '{}'; name a libnvinfer.so or libnvinfer_lean.so",
                    name.to_string_lossy()
                )
            })
    };
    let entries = Entries {
        get_plugin_registry: find(c"getPluginRegistry")?,
        create_infer_runtime: find(c"createInferRuntime_INTERNAL")?,
        get_infer_lib_version: find(c"getInferLibVersion")?,
    };
    // It has threads and registrations of others: it stays.
    std::mem::forget(mapped);
    Ok(entries)
}

/// Adds a plugin to the `Vec<Plugin>` that `plugins` points to.
///
/// # Safety
/// `plugins` points to such a vector, `plugin` to a live plugin.
unsafe extern "C" fn collect(plugins: *mut c_void, plugin: *const RawPlugin) {
    // SAFETY: the caller's promise.
    let (plugins, plugin) = unsafe { (&mut *plugins.cast::<Vec<Plugin>>(), &*plugin) };
    let text = |text: *const c_char| {
        // SAFETY: the bridge gives C strings or null.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
    };
    let owned =
        |value| text(value).map_or_else(String::new, |text| text.to_string_lossy().into_owned());
    plugins.push(Plugin {
        op: RegisteredOp {
            domain: owned(plugin.plugin_namespace),
            name: owned(plugin.name),
            version: owned(plugin.version),
        },
        file: text(plugin.file)
            .map(|text| PathBuf::from(std::ffi::OsStr::from_bytes(text.to_bytes()))),
        accepted: plugin.accepted != 0,
    });
}

/// Adds an attribute to the `Vec<PluginField>` that `fields` points to.
///
/// # Safety
/// `fields` points to such a vector, `name` to a C string.
unsafe extern "C" fn collect_field(fields: *mut c_void, name: *const c_char, kind: i32) {
    // SAFETY: the caller's promise.
    let (fields, name) = unsafe {
        (
            &mut *fields.cast::<Vec<PluginField>>(),
            CStr::from_ptr(name),
        )
    };
    fields.push(PluginField {
        name: name.to_string_lossy().into_owned(),
        kind,
    });
}
