//! The part of Python's C interface that holds across versions.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::loader::is_python_symbol;

static LIMITED_API: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("limited_api.txt").lines();
    lines.filter(|line| !line.starts_with('#')).collect()
});

/// Whether a symbol holds across versions of Python; `None` where it is none of Python's.
pub(super) fn is_stable(name: &str) -> Option<bool> {
    is_python_symbol(name).then(|| LIMITED_API.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limited_api_is_told_from_the_rest() {
        assert_eq!(is_stable("PyModule_Create2"), Some(true));
        assert_eq!(is_stable("_Py_Dealloc"), Some(true));
        assert_eq!(is_stable("PyUnicode_AsUTF8"), Some(false));
        assert_eq!(is_stable("_PyThreadState_UncheckedGet"), Some(false));
        assert_eq!(is_stable("Pythagoras"), None);
    }
}
