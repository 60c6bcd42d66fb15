//! Why a model could not be loaded, in words that help.

use std::ffi::c_void;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::bridge::{Failure, Text};
use super::dispatcher::op_named;
use super::runtime::Runtime;
use crate::worker::backend::{LibraryReport, LoadError, RegisteredOp};

/// Turns the failure to load `model` into an error for the user.
pub(super) fn load_failure<'a>(
    runtime: &Runtime,
    model: &Path,
    libraries: impl Iterator<Item = &'a LibraryReport>,
    failure: &Failure,
) -> LoadError {
    let subject = format!("the model file '{}'", model.display());
    let says = |text: &str| format!("{} says: {text}", runtime.name);
    if !model.is_file() {
        return LoadError::new(format!(
            "{subject} cannot be read; check that it exists and is a file. {}",
            says(&failure.0)
        ));
    }
    let missing = match missing_ops(runtime, model) {
        Ok(missing) => missing,
        Err(_) => {
            return LoadError::new(format!(
                "{subject} is not a TorchScript file or is damaged; save the model with \
                 torch.jit.save, or copy the file again. {}",
                says(&failure.0)
            ));
        }
    };
    if missing.is_empty() {
        let remedy = if failure.0.contains("constants.pkl") {
            "; it is an archive of PyTorch without code (a state dictionary, or a program of \
             torch.export): save the model with torch.jit.save"
        } else {
            ""
        };
        return LoadError::new(format!(
            "{subject} cannot be prepared for execution{remedy}. {}",
            says(&failure.0)
        ));
    }
    // Behind the first line stands the place in the model's code.
    let first_line = failure.0.lines().next().unwrap_or_default();
    LoadError {
        message: format!(
            "{subject} needs {}, and {}; name the op library that provides {} in \
             model_operations {{ op_library_filename }} of the model's configuration. {}",
            list(&missing),
            registered_text(libraries),
            if missing.len() == 1 { "it" } else { "them" },
            says(first_line)
        ),
        missing_ops: missing,
        ..LoadError::new("")
    }
}

/// The ops that the model's code calls and that nobody has registered.
fn missing_ops(runtime: &Runtime, model: &Path) -> Result<Vec<RegisteredOp>, Failure> {
    let mut missing: Vec<RegisteredOp> = Vec::new();
    let bridge = &runtime.bridge;
    // SAFETY: the path is live during the call; the context is the list, which nobody else uses
    // meanwhile.
    unsafe {
        bridge.check((bridge.functions().needed_operators)(
            Text::of(model.as_os_str().as_bytes()),
            note_missing,
            (&raw mut missing).cast(),
        ))?;
    }
    Ok(missing)
}

/// # Safety
/// `missing` is a `Vec<RegisteredOp>` that nobody else uses; the name is live.
unsafe extern "C" fn note_missing(missing: *mut c_void, name: Text, is_known: i32) {
    if is_known == 0 {
        // SAFETY: the caller's promise.
        unsafe { (*missing.cast::<Vec<RegisteredOp>>()).push(op_named(&name.to_string())) };
    }
}

fn list(ops: &[RegisteredOp]) -> String {
    let names: Vec<String> = ops
        .iter()
        .map(|op| format!("'{}::{}'", op.domain, op.name))
        .collect();
    match names.as_slice() {
        [name] => format!("the op {name}"),
        _ => format!("the ops {}", names.join(" and ")),
    }
}

fn registered_text<'a>(libraries: impl Iterator<Item = &'a LibraryReport>) -> String {
    let each: Vec<String> = libraries
        .map(|library| {
            let ops: Vec<String> = library
                .ops
                .iter()
                .map(|op| format!("{}::{}", op.domain, op.name))
                .collect();
            let ops = if ops.is_empty() {
                "nothing".to_owned()
            } else {
                shortened(&ops)
            };
            format!("'{}' registers {ops}", library.path.display())
        })
        .collect();
    if each.is_empty() {
        "neither the model nor the server's command line lists an op library".to_owned()
    } else {
        format!("no op library registers it ({})", each.join("; "))
    }
}

/// At most as many ops as a reader takes in.
fn shortened(ops: &[String]) -> String {
    const MOST: usize = 12;
    let shown = ops[..ops.len().min(MOST)].join(", ");
    match ops.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_what_they_register_are_listed() {
        let report = |count: usize| LibraryReport {
            path: "/lib.so".into(),
            ops: (0..count)
                .map(|number| op_named(&format!("vendor::op{number}")))
                .collect(),
            extends: Vec::new(),
            api_level: None,
        };
        assert!(registered_text([].iter()).contains("lists an op library"));
        let text = registered_text([report(0), report(1), report(20)].iter());
        for part in [
            "registers nothing",
            "vendor::op0",
            "vendor::op11 and 8 more",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(
            list(&[op_named("a::b"), op_named("c::d")]),
            "the ops 'a::b' and 'c::d'"
        );
    }
}
