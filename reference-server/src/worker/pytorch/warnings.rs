//! PyTorch's warnings while an op library is opened: they tell of kernels that it replaces.

use std::ffi::c_void;

use super::bridge::Text;
use super::dispatcher::op_named;
use super::runtime::Runtime;
use crate::worker::backend::RegisteredOp;

/// What PyTorch writes in front of the operator of which a library replaces a kernel.
const OPERATOR_PREFIX: &str = "operator: ";

/// What it writes in front of the name of the kernel's dispatch key.
const KEY_PREFIX: &str = "dispatch key: ";

/// The op of which a library replaced a kernel, with the name of that kernel's dispatch key, from
/// PyTorch's warning about it.
pub(super) fn replaced_kernel(warning: &str) -> Option<(RegisteredOp, &str)> {
    if !warning.contains("Overriding a previously registered kernel") {
        return None;
    }
    let behind = |prefix| {
        let mut lines = warning.lines();
        lines.find_map(|line| line.trim_start().strip_prefix(prefix))
    };
    let operator = behind(OPERATOR_PREFIX)?;
    // Behind the name stands the overload or the signature.
    let end = operator.find(['.', '(', ' ']).unwrap_or(operator.len());
    let key = behind(KEY_PREFIX).unwrap_or_default().trim();
    Some((op_named(&operator[..end]), key))
}

/// Collects PyTorch's warnings on this thread while it lives.
pub(super) struct WarningWatch<'a> {
    runtime: &'a Runtime,
}

impl<'a> WarningWatch<'a> {
    /// Collects them into `warnings`.
    pub(super) fn begin(runtime: &'a Runtime, warnings: &'a mut Vec<String>) -> Self {
        let bridge = &runtime.bridge;
        // SAFETY: the list is borrowed for as long as the watch lives, and the bridge writes to it
        // on this thread, between begin and end.
        let begun = unsafe {
            bridge.check((bridge.functions().begin_warnings)(
                note_warning,
                std::ptr::from_mut(warnings).cast(),
            ))
        };
        if let Err(failure) = begun {
            tracing::warn!("PyTorch's warnings are not collected: {failure}");
        }
        Self { runtime }
    }
}

impl Drop for WarningWatch<'_> {
    fn drop(&mut self) {
        // SAFETY: ends what was begun on this thread; without a beginning it does nothing.
        unsafe { (self.runtime.bridge.functions().end_warnings)() };
    }
}

/// # Safety
/// `warnings` is a `Vec<String>` that nobody else uses; the text is live.
unsafe extern "C" fn note_warning(warnings: *mut c_void, text: Text) {
    // SAFETY: the caller's promise.
    unsafe { (*warnings.cast::<Vec<String>>()).push(text.to_string()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_replaced_kernel_is_read_from_the_warning() {
        let warning = "Warning only once for all operators,  other operators may also be \
                       overridden.\n  Overriding a previously registered kernel for the same \
                       operator and the same dispatch key\n  operator: custom_ops::modulo(Tensor \
                       x, Tensor divisor) -> Tensor\n    registered at a.cpp:1\n  dispatch key: CPU";
        let (op, key) = replaced_kernel(warning).unwrap();
        assert_eq!(
            (op.domain.as_str(), op.name.as_str(), key),
            ("custom_ops", "modulo", "CPU")
        );
        assert_eq!(replaced_kernel("operator: other"), None);
    }

    proptest! {
        #[test]
        fn any_text_of_pytorch_is_read(text in ".{0,200}") {
            replaced_kernel(&text);
            replaced_kernel(&format!("Overriding a previously registered kernel\noperator: {text}"));
        }
    }
}
