//! The one place that turns an ONNX Runtime status into a `Result`.

use ort::sys::OrtStatusPtr;

/// A status of ONNX Runtime that is not OK: its code and its message.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({code:?})")]
pub(super) struct Failure {
    /// ONNX Runtime's error code.
    pub(super) code: ort::ErrorCode,
    /// ONNX Runtime's message.
    pub(super) message: String,
}

impl Failure {
    /// An object that ONNX Runtime did not make although it reports success.
    pub(super) fn missing() -> Self {
        Self {
            code: ort::ErrorCode::GenericFailure,
            message: "ONNX Runtime reported success and returned nothing".to_owned(),
        }
    }
}

impl From<ort::Error> for Failure {
    fn from(error: ort::Error) -> Self {
        Self {
            code: error.code(),
            message: error.message().trim().to_owned(),
        }
    }
}

/// Takes over `status` and tells what it says.
///
/// # Safety
/// `status` was returned by the mapped ONNX Runtime (or by an op library that created it through
/// ONNX Runtime's table) and was not released.
#[inline]
pub(super) unsafe fn check(status: OrtStatusPtr) -> Result<(), Failure> {
    if status.0.is_null() {
        return Ok(());
    }
    // SAFETY: the caller hands over a status that is live and ours.
    Err(unsafe { failure(status) })
}

#[cold]
unsafe fn failure(status: OrtStatusPtr) -> Failure {
    // SAFETY: as for `check`.
    match unsafe { ort::Error::result_from_status(status) } {
        Err(error) => error.into(),
        Ok(()) => Failure {
            code: ort::ErrorCode::GenericFailure,
            message: String::from("ONNX Runtime failed without a message"),
        },
    }
}
