//! Op libraries that another op library needs.
//!
//! The dynamic loader opens them with it, and their initializers register before its own do. Who
//! opens them first, one after the other, can tell what each of them registers.

use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_LAZY};
use runtimes::Framework;

/// The op libraries of `framework` that the dynamic loader would bring into this process for the
/// library at `path`, each behind those that it needs itself. The runtime's own libraries, which
/// lie in `runtime_folders`, are none.
pub fn needed_op_libraries(
    path: &Path,
    framework: Framework,
    runtime_folders: &[PathBuf],
) -> Vec<PathBuf> {
    let is_there = |name: &str| {
        is_mapped(name)
            || runtime_folders
                .iter()
                .any(|folder| folder.join(name).is_file())
    };
    ::op_library::needed_op_libraries(path, framework, is_there)
}

/// Whether the process has the library that others need under this name.
fn is_mapped(name: &str) -> bool {
    // SAFETY: nothing is loaded, so no initializer runs; the reference is given back.
    unsafe { Library::open(Some(name), RTLD_LAZY | libc::RTLD_NOLOAD) }.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_of_this_process_is_known_by_its_name() {
        assert!(is_mapped("libc.so.6"));
        assert!(!is_mapped("libnowhere.so"));
    }
}
