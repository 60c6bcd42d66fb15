//! The C interface of the bridge, as `bridges/tensorrt/bridge.h` declares it.

use std::ffi::{CStr, c_char, c_void};
use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::log;

/// `TensorRt`, known by its address only.
pub(super) enum RawTensorRt {}
/// `Engine`, known by its address only.
pub(super) enum RawEngine {}
/// `Context`, known by its address only.
pub(super) enum RawContext {}

/// Most dimensions of a tensor.
pub(super) const MOST_DIMS: usize = 8;

/// `LogSink`.
pub(super) type LogSink = unsafe extern "C" fn(i32, *const c_char);

/// `Entries`.
#[repr(C)]
pub(super) struct Entries {
    pub(super) get_plugin_registry: *mut c_void,
    pub(super) create_infer_runtime: *mut c_void,
    pub(super) get_infer_lib_version: *mut c_void,
}

/// `Plugin`.
#[repr(C)]
pub(super) struct RawPlugin {
    pub(super) plugin_namespace: *const c_char,
    pub(super) name: *const c_char,
    pub(super) version: *const c_char,
    pub(super) file: *const c_char,
    pub(super) accepted: i32,
}

/// `PluginVisitor`.
pub(super) type PluginVisitor = unsafe extern "C" fn(*mut c_void, *const RawPlugin);

/// `FieldVisitor`.
pub(super) type FieldVisitor = unsafe extern "C" fn(*mut c_void, *const c_char, i32);

/// `Tensor`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct RawTensor {
    pub(super) name: *const c_char,
    pub(super) data_type: i32,
    pub(super) is_input: i32,
    pub(super) on_host: i32,
    pub(super) is_linear: i32,
    pub(super) rank: i32,
    pub(super) dims: [i64; MOST_DIMS],
    pub(super) smallest: [i64; MOST_DIMS],
    pub(super) largest: [i64; MOST_DIMS],
}

/// Null, or why a call failed.
pub(super) type Failure = *const c_char;

/// Declares the bridge's functions, each of which is looked up by its name in the header.
macro_rules! functions {
    ($($field:ident = $name:literal: $signature:ty;)*) => {
        /// The bridge's functions.
        pub(super) struct Bridge {
            $(pub(super) $field: $signature,)*
        }

        impl Bridge {
            /// Maps the bridge at `path` for the rest of the process.
            ///
            /// # Errors
            /// The dynamic loader's words, or the function that is missing.
            pub(super) fn open(path: &Path) -> Result<Self, String> {
                // SAFETY: the bridge is ours; its initializers touch its own tables only.
                let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
                    .map_err(|error| error.to_string())?;
                let bridge = Self {
                    $(
                        // SAFETY: the header declares the function with this signature.
                        $field: unsafe { library.get::<$signature>($name) }
                            .map(|symbol| *symbol)
                            .map_err(|error| error.to_string())?,
                    )*
                };
                // Plugins' creators and engines refer to it.
                std::mem::forget(library);
                Ok(bridge)
            }
        }
    };
}

functions! {
    open_runtime = c"bridge_open": unsafe extern "C" fn(
        *const Entries, LogSink, *mut *mut RawTensorRt) -> Failure;
    version = c"bridge_version": unsafe extern "C" fn(*const RawTensorRt) -> i32;
    plugins = c"bridge_plugins":
        unsafe extern "C" fn(*mut RawTensorRt, PluginVisitor, *mut c_void);
    describe = c"bridge_describe": unsafe extern "C" fn(
        *mut RawTensorRt, *const RawPlugin, FieldVisitor, *mut c_void, *mut *const c_char) -> Failure;
    forget_attempts = c"bridge_forget_attempts": unsafe extern "C" fn(*mut RawTensorRt);
    attempts = c"bridge_attempts":
        unsafe extern "C" fn(*mut RawTensorRt, PluginVisitor, *mut c_void);
    offered = c"bridge_offered": unsafe extern "C" fn(
        *mut RawTensorRt, *mut c_void, PluginVisitor, *mut c_void) -> Failure;
    initialize = c"bridge_initialize":
        unsafe extern "C" fn(*mut RawTensorRt, *mut c_void) -> Failure;
    load_library = c"bridge_load_library": unsafe extern "C" fn(
        *mut RawTensorRt, *const c_char, *mut c_void, *mut *mut c_void) -> Failure;
    deregister_library = c"bridge_deregister_library":
        unsafe extern "C" fn(*mut RawTensorRt, *mut c_void) -> Failure;
    deserialize = c"bridge_deserialize": unsafe extern "C" fn(
        *mut RawTensorRt, *const c_void, usize, *mut *mut RawEngine) -> Failure;
    destroy_engine = c"bridge_destroy_engine": unsafe extern "C" fn(*mut RawEngine);
    tensor_count = c"bridge_tensor_count": unsafe extern "C" fn(*const RawEngine) -> i32;
    tensor = c"bridge_tensor":
        unsafe extern "C" fn(*const RawEngine, i32, *mut RawTensor) -> Failure;
    create_context = c"bridge_create_context":
        unsafe extern "C" fn(*mut RawEngine, *mut *mut RawContext) -> Failure;
    destroy_context = c"bridge_destroy_context": unsafe extern "C" fn(*mut RawContext);
    set_input_shape = c"bridge_set_input_shape": unsafe extern "C" fn(
        *mut RawContext, *const c_char, i32, *const i64) -> Failure;
    shape = c"bridge_shape": unsafe extern "C" fn(
        *const RawContext, *const c_char, *mut i32, *mut i64) -> Failure;
    set_address = c"bridge_set_address":
        unsafe extern "C" fn(*mut RawContext, *const c_char, *mut c_void) -> Failure;
    enqueue = c"bridge_enqueue": unsafe extern "C" fn(*mut RawContext, *mut c_void) -> Failure;
}

/// Makes one call of the bridge, whose failure is explained by what TensorRT says meanwhile.
///
/// # Errors
/// The bridge's words and TensorRT's.
///
/// # Safety
/// `call` calls one function of the bridge and returns what that returns.
pub(super) unsafe fn check(call: impl FnOnce() -> Failure) -> Result<(), String> {
    log::clear();
    let failure = call();
    if failure.is_null() {
        return Ok(());
    }
    // SAFETY: the bridge returns C strings that are valid on this thread until the next call.
    let failure = unsafe { CStr::from_ptr(failure) };
    Err(log::explain(&failure.to_string_lossy()))
}
