//! The C interface of the bridge, as `bridges/pytorch/bridge.h` declares it.

use std::ffi::c_void;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// `BridgeFailure`, known by its address only.
pub(super) enum RawFailure {}
/// `BridgeModule`, known by its address only.
pub(super) enum RawModule {}
/// `BridgeExecution`, known by its address only.
pub(super) enum RawExecution {}

/// Text of the bridge or for it, not terminated.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    data: *const u8,
    length: usize,
}

impl Text {
    /// `bytes` for the bridge, which reads them during the call.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            data: bytes.as_ptr(),
            length: bytes.len(),
        }
    }

    /// A copy; what is no UTF-8 is replaced.
    ///
    /// # Safety
    /// The text came from the bridge and is live.
    pub(super) unsafe fn to_string(self) -> String {
        if self.length == 0 {
            return String::new();
        }
        // SAFETY: the caller's promise.
        let bytes = unsafe { std::slice::from_raw_parts(self.data, self.length) };
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// In place of an element type: a list of strings.
pub(super) const STRINGS: i32 = -1;

/// `takes` of an [`Argument`]: a tensor.
pub(super) const TAKES_TENSOR: i32 = 0;
/// `takes` of an [`Argument`]: a list of strings.
pub(super) const TAKES_STRINGS: i32 = 1;

/// `BridgeArgument`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Argument {
    pub(super) name: Text,
    pub(super) type_name: Text,
    pub(super) takes: i32,
    pub(super) has_default: i32,
}

/// `BRIDGE_ON_CPU`.
pub(super) const ON_CPU: i32 = -1;
/// `BRIDGE_AS_SAVED`.
pub(super) const AS_SAVED: i32 = -2;

/// `BridgeExecutionOptions`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExecutionOptions {
    pub(super) inference_mode: i32,
    pub(super) optimize: i32,
    pub(super) intra_op_threads: i32,
}

/// `BridgeInput`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    pub(super) argument: usize,
    pub(super) element_type: i32,
    pub(super) rank: usize,
    pub(super) dims: *const i64,
    pub(super) data: *const c_void,
    pub(super) bytes: usize,
    pub(super) on_gpu: i32,
}

/// `BridgeOutput`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub(super) element_type: i32,
    pub(super) rank: usize,
    pub(super) dims: *const i64,
    pub(super) bytes: usize,
}

/// `BridgeOperator`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct RawOperator {
    pub(super) name: Text,
    pub(super) overload: Text,
    pub(super) place: Text,
    pub(super) has_schema: i32,
    pub(super) keys: *const u16,
    pub(super) key_count: usize,
}

/// `BridgeVisitOperator`: context and operator.
pub(super) type VisitOperator = unsafe extern "C" fn(*mut c_void, *const RawOperator);
/// `BridgeVisitSchema`: context, name and schema.
pub(super) type VisitSchema = unsafe extern "C" fn(*mut c_void, Text, Text);
/// `BridgeVisitNeeded`: context, name, and whether the dispatcher knows it.
pub(super) type VisitNeeded = unsafe extern "C" fn(*mut c_void, Text, i32);
/// `BridgeVisitWarning`: context and text.
pub(super) type VisitWarning = unsafe extern "C" fn(*mut c_void, Text);

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $answer:ty)?;)*) => {
        /// The bridge's functions.
        pub(super) struct Functions {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $answer)?,)*
        }

        impl Functions {
            fn find(library: &Library) -> Result<Self, String> {
                Ok(Self {
                    $($name: {
                        let name = concat!("bridge_", stringify!($name));
                        // SAFETY: the bridge's header declares the function with this signature,
                        // and the bridge is compiled from it.
                        *unsafe { library.get(name) }.map_err(|error| {
                            format!("it lacks the function '{name}': {error}; delete it, so that \
                                     it is compiled again")
                        })?
                    },)*
                })
            }
        }
    };
}

functions! {
    failure_message: fn(*const RawFailure) -> Text;
    failure_release: fn(*mut RawFailure);
    version: fn() -> Text;
    report_uncaught_exceptions: fn();
    set_inter_op_threads: fn(i32) -> *mut RawFailure;
    begin_warnings: fn(VisitWarning, *mut c_void) -> *mut RawFailure;
    end_warnings: fn();
    operators: fn(VisitOperator, *mut c_void) -> *mut RawFailure;
    schemas: fn(VisitSchema, *mut c_void) -> *mut RawFailure;
    dispatch_key_name: fn(u16) -> Text;
    needed_operators: fn(Text, VisitNeeded, *mut c_void) -> *mut RawFailure;
    module_load: fn(Text, i32, *mut *mut RawModule) -> *mut RawFailure;
    module_release: fn(*mut RawModule);
    module_argument_count: fn(*const RawModule) -> usize;
    module_argument: fn(*const RawModule, usize) -> Argument;
    execution_create: fn(*const RawModule, ExecutionOptions, *mut *mut RawExecution) -> *mut RawFailure;
    execution_release: fn(*mut RawExecution);
    execution_run: fn(*mut RawExecution, *const Input, usize, *mut usize) -> *mut RawFailure;
    execution_output: fn(*mut RawExecution, usize, *mut Output) -> *mut RawFailure;
    execution_write: fn(*mut RawExecution, usize, *mut c_void, usize) -> *mut RawFailure;
    execution_write_on_gpu: fn(*mut RawExecution, usize, *mut c_void, usize) -> *mut RawFailure;
    execution_clear: fn(*mut RawExecution);
}

/// The mapped bridge.
pub(super) struct Bridge {
    functions: Functions,
    /// Keeps the functions mapped.
    _library: Library,
}

/// What PyTorch says, without its stack of C++ frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure(pub(super) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Bridge {
    /// Maps the bridge at `path`. PyTorch has to be mapped already: the bridge does not know where
    /// it is.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, String> {
        // SAFETY: the bridge's initializers only construct C++ objects.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(Self {
            functions: Functions::find(&library)?,
            _library: library,
        }))
    }

    /// The functions.
    pub(super) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// The version of PyTorch that the bridge was compiled for.
    pub(super) fn version(&self) -> String {
        // SAFETY: the text is static.
        unsafe { (self.functions.version)().to_string() }
    }

    /// Turns what a function returned into a result.
    ///
    /// # Safety
    /// `failure` was just returned by a function of this bridge.
    pub(super) unsafe fn check(&self, failure: *mut RawFailure) -> Result<(), Failure> {
        if failure.is_null() {
            Ok(())
        } else {
            // SAFETY: the caller's promise.
            Err(unsafe { self.take(failure) })
        }
    }

    #[cold]
    unsafe fn take(&self, failure: *mut RawFailure) -> Failure {
        // SAFETY: the failure is live until it is released, which happens once.
        unsafe {
            let message = (self.functions.failure_message)(failure).to_string();
            (self.functions.failure_release)(failure);
            // Some of PyTorch's messages begin with an empty line.
            Failure(message.trim().to_owned())
        }
    }
}
