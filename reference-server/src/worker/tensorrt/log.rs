//! What TensorRT has to say: handed on to the worker's log, and kept for error texts.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{CStr, c_char};

/// Most messages that are kept.
const MOST_KEPT: usize = 16;

/// Severities of TensorRT that are errors.
const ERRORS: std::ops::RangeInclusive<i32> = 0..=1;

thread_local! {
    /// The errors that were told on this thread: those of a call are told on its caller's, and
    /// other models execute on other threads.
    static KEPT: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

/// Forgets this thread's messages so far.
pub(super) fn clear() {
    KEPT.with_borrow_mut(VecDeque::clear);
}

/// The errors on this thread since the last [`clear`].
pub(super) fn errors() -> Vec<String> {
    KEPT.with_borrow(|kept| kept.iter().cloned().collect())
}

/// `failure` and what TensorRT said about it on this thread.
pub(super) fn explain(failure: &str) -> String {
    let errors = errors();
    if errors.is_empty() {
        return failure.to_owned();
    }
    format!("{failure}; TensorRT says: {}", errors.join(" / "))
}

fn note(severity: i32, message: &str) {
    let message = message.trim();
    match severity {
        0 | 1 => tracing::error!("TensorRT: {message}"),
        2 => tracing::warn!("TensorRT: {message}"),
        _ => tracing::debug!("TensorRT: {message}"),
    }
    if !ERRORS.contains(&severity) {
        return;
    }
    // A thread that ends may have something to say after its list is gone.
    let _ = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() == MOST_KEPT {
            kept.pop_front();
        }
        kept.push_back(message.to_owned());
    });
}

/// The bridge's `LogSink`.
///
/// # Safety
/// `text` points to a C string.
pub(super) unsafe extern "C" fn receive(severity: i32, text: *const c_char) {
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    note(severity, &text.to_string_lossy());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_explain_a_failure_and_others_do_not() {
        clear();
        note(2, "careful");
        assert_eq!(explain("it fails"), "it fails");
        note(1, " no such plugin\n");
        assert_eq!(
            explain("it fails"),
            "it fails; TensorRT says: no such plugin"
        );
        clear();
        assert!(errors().is_empty());
    }

    #[test]
    fn errors_are_those_of_the_thread_and_the_newest() {
        clear();
        std::thread::spawn(|| note(1, "of another model"))
            .join()
            .unwrap();
        assert!(errors().is_empty());
        for number in 0..=MOST_KEPT {
            note(1, &number.to_string());
        }
        let errors = errors();
        assert_eq!(errors.len(), MOST_KEPT);
        assert_eq!(errors[0], "1");
    }
}
