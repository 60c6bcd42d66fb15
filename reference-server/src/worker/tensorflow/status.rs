//! The one place that turns a TensorFlow status into a `Result`.

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::Arc;

use super::interface;
use super::runtime::Runtime;

/// A status of TensorFlow that is not OK: its code and its message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message} ({})", code_name(*code))]
pub(super) struct Failure {
    /// TensorFlow's error code.
    pub(super) code: i32,
    /// TensorFlow's message.
    pub(super) message: String,
}

/// Code of an argument that does not fit.
pub(super) const INVALID_ARGUMENT: i32 = 3;

impl Failure {
    /// A failure on our side of the interface.
    #[cold]
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            code: INVALID_ARGUMENT,
            message: message.into(),
        }
    }
}

/// A `TF_Status` that calls report into, one after the other.
pub(super) struct Status {
    pointer: NonNull<interface::Status>,
    runtime: Arc<Runtime>,
}

// SAFETY: a status is a value on the heap without ties to a thread.
unsafe impl Send for Status {}

impl Status {
    /// A status that is OK.
    pub(super) fn new(runtime: &Arc<Runtime>) -> Self {
        // SAFETY: the function takes nothing and allocates.
        let pointer = unsafe { (runtime.interface.new_status)() };
        Self {
            pointer: NonNull::new(pointer).expect("TensorFlow allocates a status"),
            runtime: runtime.clone(),
        }
    }

    /// For a call to report into.
    pub(super) fn pointer(&self) -> *mut interface::Status {
        self.pointer.as_ptr()
    }

    /// What the last call reported.
    #[inline]
    pub(super) fn check(&self) -> Result<(), Failure> {
        // SAFETY: the status is live.
        match unsafe { (self.runtime.interface.get_code)(self.pointer()) } {
            0 => Ok(()),
            code => Err(self.failure(code)),
        }
    }

    #[cold]
    fn failure(&self, code: i32) -> Failure {
        // SAFETY: the status is live; its message is a C string that lives until the next call.
        let message = unsafe { CStr::from_ptr((self.runtime.interface.message)(self.pointer())) };
        Failure {
            code,
            message: message.to_string_lossy().trim().to_owned(),
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        // SAFETY: the status is ours.
        unsafe { (self.runtime.interface.delete_status)(self.pointer()) };
    }
}

/// TensorFlow's name of an error code.
fn code_name(code: i32) -> &'static str {
    match code {
        1 => "CANCELLED",
        2 => "UNKNOWN",
        3 => "INVALID_ARGUMENT",
        4 => "DEADLINE_EXCEEDED",
        5 => "NOT_FOUND",
        6 => "ALREADY_EXISTS",
        7 => "PERMISSION_DENIED",
        8 => "RESOURCE_EXHAUSTED",
        9 => "FAILED_PRECONDITION",
        10 => "ABORTED",
        11 => "OUT_OF_RANGE",
        12 => "UNIMPLEMENTED",
        13 => "INTERNAL",
        14 => "UNAVAILABLE",
        15 => "DATA_LOSS",
        16 => "UNAUTHENTICATED",
        _ => "an unknown code",
    }
}
