//! Op libraries that are extension modules of Python.
//!
//! Such a library uses Python's interface without naming its library as a dependency: within a
//! Python program it is there anyway. TorchVision's does so through `libtorch_python.so`,
//! `onnxruntime-extensions` by itself. No op calls it, but its symbols have to resolve, data as
//! well as functions, and they differ from one Python version to the next. So such a library gets
//! the first `libpython` of this machine with which it can be opened; that of the Python which its
//! file name tells, or else the runtime was built for, is tried first.

use std::ffi::{CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libloading::os::unix::{RTLD_GLOBAL, RTLD_NOW};

use super::refused;
use crate::worker::backend::LoadError;
use crate::worker::exception_barrier;

/// Calls `open`, which opens the op library at `path`, again with Python's library in the process
/// where it needs that. `tag` is the Python that the runtime's own extension modules are built for.
///
/// # Errors
/// The library cannot be opened.
pub fn with_python<T>(
    path: &Path,
    tag: Option<&str>,
    mut open: impl FnMut() -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    let error = match open() {
        Err(error) if needs_python(&error.message) => error,
        outcome => return outcome,
    };
    let candidates = runtimes::python_libraries_for(path, tag);
    for candidate in &candidates {
        let Some(handle) = map(candidate) else {
            continue;
        };
        match open() {
            Ok(opened) => {
                tracing::info!(
                    library = %path.display(),
                    python = %candidate.display(),
                    "the op library is made for Python, whose library was opened for it"
                );
                return Ok(opened);
            }
            Err(error) => {
                // SAFETY: the handle is open; nothing uses the library.
                unsafe { exception_barrier::close(handle) };
                if !needs_python(&error.message) {
                    return Err(error);
                }
            }
        }
    }
    Err(no_python(path, &error.message, &candidates))
}

/// Whether the dynamic loader misses a symbol of Python's interface.
fn needs_python(message: &str) -> bool {
    const MISSING: &str = "undefined symbol: ";
    message.match_indices(MISSING).any(|(at, _)| {
        let symbol = message[at + MISSING.len()..].trim_start_matches('_');
        symbol.strip_prefix("Py").is_some_and(|rest| {
            rest.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '_')
        })
    })
}

fn no_python(path: &Path, message: &str, tried: &[PathBuf]) -> LoadError {
    let tried = if tried.is_empty() {
        "no libpython3 was found on this machine".to_owned()
    } else {
        let names: Vec<_> = tried.iter().map(|path| path.to_string_lossy()).collect();
        let tried = names.join(", ");
        format!("none of this machine's has all the symbols that are needed (tried {tried})")
    };
    refused(
        path,
        &format!(
            "it is an extension module of Python, so it needs the shared library of the Python \
             version that it was built for, and {tried}; install that version (Debian and Ubuntu: apt-get install libpython3.11 for wheels tagged cp311). \
             Without it: {message}"
        ),
    )
}

/// Maps a library whose symbols whatever comes later may use.
fn map(library: &Path) -> Option<*mut c_void> {
    let name = CString::new(library.as_os_str().as_bytes()).ok()?;
    // SAFETY: Python's library has no initializers that do anything before it is asked to.
    let handle = unsafe { exception_barrier::open(&name, RTLD_NOW | RTLD_GLOBAL) };
    (!handle.is_null()).then_some(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_python_are_known_from_others() {
        for symbol in [
            "PyInstanceMethod_Type",
            "_PyThreadState_UncheckedGet",
            "Py_Main",
        ] {
            assert!(needs_python(&format!("lib.so: undefined symbol: {symbol}")));
        }
        for message in [
            "undefined symbol: _ZN2at6Tensor",
            "undefined symbol: Pythagoras",
            "undefined symbol: pthread_create",
            "undefined symbol: ",
            "PyObject_Call: cannot open shared object file",
        ] {
            assert!(!needs_python(message), "{message}");
        }
    }

    #[test]
    fn the_refusal_says_what_to_install() {
        let message = no_python(Path::new("/a.so"), "why", &[]).message;
        for part in ["/a.so", "no libpython3 was found", "apt-get install", "why"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
