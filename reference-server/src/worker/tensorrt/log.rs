//! What TensorRT has to say: handed on to the worker's log, and kept for error texts.

use std::ffi::{CStr, c_char, c_void};

use parking_lot::Mutex;

/// Most messages that are kept; the first ones tell the cause.
const MOST_KEPT: usize = 16;

/// Severities of TensorRT that are errors.
const ERRORS: std::ops::RangeInclusive<i32> = 0..=1;

/// Receives TensorRT's messages.
#[derive(Default)]
pub(super) struct Log {
    errors: Mutex<Vec<String>>,
}

impl Log {
    /// Forgets the messages so far.
    pub(super) fn clear(&self) {
        self.errors.lock().clear();
    }

    /// The errors since the last [`clear`](Self::clear).
    pub(super) fn errors(&self) -> Vec<String> {
        self.errors.lock().clone()
    }

    /// `failure` and what TensorRT said about it.
    pub(super) fn explain(&self, failure: &str) -> String {
        let errors = self.errors();
        if errors.is_empty() {
            return failure.to_owned();
        }
        format!("{failure}; TensorRT says: {}", errors.join(" / "))
    }

    fn note(&self, severity: i32, message: &str) {
        let message = message.trim();
        match severity {
            0 | 1 => tracing::error!("TensorRT: {message}"),
            2 => tracing::warn!("TensorRT: {message}"),
            _ => tracing::debug!("TensorRT: {message}"),
        }
        let mut errors = self.errors.lock();
        if ERRORS.contains(&severity) && errors.len() < MOST_KEPT {
            errors.push(message.to_owned());
        }
    }
}

/// The bridge's `LogSink`; `log` is the [`Log`].
///
/// # Safety
/// `log` points to a live [`Log`], `text` to a C string.
pub(super) unsafe extern "C" fn receive(log: *mut c_void, severity: i32, text: *const c_char) {
    // SAFETY: the caller's promise.
    let (log, text) = unsafe { (&*log.cast::<Log>(), CStr::from_ptr(text)) };
    log.note(severity, &text.to_string_lossy());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_explain_a_failure_and_others_do_not() {
        let log = Log::default();
        log.note(2, "careful");
        assert_eq!(log.explain("it fails"), "it fails");
        log.note(1, " no such plugin\n");
        assert_eq!(
            log.explain("it fails"),
            "it fails; TensorRT says: no such plugin"
        );
        log.clear();
        assert!(log.errors().is_empty());
    }
}
