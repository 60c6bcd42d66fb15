//! PyTorch's stable C interface; what is built on it in C++ (`torch::stable`) is in headers alone.

use runtimes::Framework;

use crate::content::contains;
use crate::elf::{Bytes, Image};
use crate::framework::belongs_to;

/// What the names of its functions begin with.
///
/// Source: PyTorch documentation, "LibTorch Stable ABI"; `torch/csrc/stable` and
/// `torch/csrc/inductor/aoti_torch/c`.
const STABLE: [&str; 2] = ["aoti_torch_", "torch_"];

/// What the names of the functions of its part for Python contain.
const PYTHON_PART: &str = "THP";

/// The functions with which a library defines an op.
const DEFINITION: [&str; 2] = ["aoti_torch_library_def", "torch_library_def"];

/// The call in the headers whose result is checked: the check has its text in the library.
///
/// Source: `StableLibrary::def` in `torch/csrc/stable/library.h`, which drops the result up to
/// PyTorch 2.11 and checks it in 2.13.
const CHECKED_CALL: &[u8] = b"torch_library_def(lib_";

/// Whether the library defines ops through the C interface and goes on where that is refused, because
/// an op of that name is there.
pub(crate) fn drops_registration_errors(bytes: &dyn Bytes, image: &Image) -> bool {
    let defines = image
        .symbols
        .references()
        .any(|symbol| DEFINITION.contains(&symbol.name));
    defines && !contains(bytes, image, CHECKED_CALL)
}

/// Whether a symbol holds across versions of PyTorch; `None` where it is none of PyTorch's.
pub(super) fn is_stable(name: &str) -> Option<bool> {
    if STABLE.iter().any(|prefix| name.starts_with(prefix)) {
        return Some(true);
    }
    let is_unstable = belongs_to(Framework::PyTorch, name) || name.contains(PYTHON_PART);
    is_unstable.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_interface_is_stable_and_everything_in_cpp_is_not() {
        assert_eq!(is_stable("aoti_torch_delete_tensor_object"), Some(true));
        assert_eq!(is_stable("torch_call_dispatcher"), Some(true));
        assert_eq!(is_stable("_ZNK3c1010TensorImpl4sizeEl"), Some(false));
        assert_eq!(
            is_stable("_Z16THPVariable_WrapRKN2at10TensorBaseE"),
            Some(false)
        );
        assert_eq!(is_stable("_ZTIN3c105ErrorE"), Some(false));
        assert_eq!(is_stable("_ZNSt6vectorIiE4sizeEv"), None);
        assert_eq!(is_stable("_ZN3ops4geluERKN2at6TensorE"), None);
        assert_eq!(is_stable("memcpy"), None);
    }
}
