//! Why a session could not be created, in words that help.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runtimes::Framework;

use super::model_file::ModelFile;
use super::runtime::Runtime;
use super::status::Failure;
use crate::worker::backend::{LibraryReport, LoadError, RegisteredOp};
use crate::worker::own_namespaces::is_own;

/// What the op libraries of a model registered.
#[derive(Default)]
pub(super) struct Registered {
    /// One report for each library.
    pub(super) libraries: Vec<LibraryReport>,
    /// The domains each of them added to the session, library by library.
    pub(super) domains: Vec<(PathBuf, Vec<String>)>,
}

/// Turns the failure to create a session of `model` into an error for the user.
pub(super) fn session_failure(
    runtime: &Runtime,
    model: &Path,
    registered: &Registered,
    failure: &Failure,
) -> LoadError {
    let subject = format!("the model file '{}'", model.display());
    let says = format!("ONNX Runtime {} says: {failure}", runtime.version);
    if !model.is_file() {
        return LoadError::new(format!(
            "{subject} cannot be read; check that it exists and is a file. {says}"
        ));
    }
    if let Some((domain, first, second)) = domain_twice(&registered.domains) {
        let who = if first == second {
            format!("the op library '{}' adds it twice", first.display())
        } else {
            format!(
                "both '{}' and '{}' register it",
                first.display(),
                second.display()
            )
        };
        return LoadError::new(format!(
            "{subject} cannot be prepared: one session takes each custom op domain once, and for \
             the domain '{domain}' {who}; use one library for each domain in this model. {says}"
        ));
    }
    let Some(file) = ModelFile::read(model) else {
        return LoadError::new(format!(
            "{subject} is not an ONNX model or is damaged; export or copy it again. {says}"
        ));
    };
    let missing = missing_ops(&file, &registered.libraries, &failure.message);
    if missing.is_empty() {
        return LoadError::new(format!(
            "{subject} cannot be prepared for execution. {says}"
        ));
    }
    LoadError {
        message: format!(
            "{subject} needs {}, and {}{}; name the op library that provides {} in \
             model_operations {{ op_library_filename }} of the model's configuration. {says}",
            list(&missing, &file),
            registered_text(&registered.libraries),
            did_you_mean(&missing, &registered.libraries),
            if missing.len() == 1 { "it" } else { "them" },
        ),
        missing_ops: missing,
        ..LoadError::new("")
    }
}

/// The ops that the model uses and that neither the runtime nor a library has.
fn missing_ops(
    file: &ModelFile,
    libraries: &[LibraryReport],
    runtime_message: &str,
) -> Vec<RegisteredOp> {
    file.ops()
        .into_iter()
        .filter(|op| {
            if is_own(Framework::OnnxRuntime, &op.domain) {
                // ONNX Runtime does not tell which ops it has; its message is all there is: "No Op registered for X with domain_version of 1",
                // "ai.onnx:X(-1) is not a registered function/op".
                let named = format!("No Op registered for {} ", op.name);
                let function = format!("{}(-1) is not a registered function/op", op.name);
                return runtime_message.contains(&named) || runtime_message.contains(&function);
            }
            !libraries.iter().any(|library| library.ops.contains(op))
        })
        .collect()
}

fn list(ops: &[RegisteredOp], file: &ModelFile) -> String {
    ops.iter()
        .map(|op| {
            let opset = file
                .opset(&op.domain)
                .map_or_else(String::new, |version| format!(" (opset {version})"));
            format!("the op '{}' of domain '{}'{opset}", op.name, op.domain)
        })
        .collect::<Vec<_>>()
        .join(" and ")
}

fn registered_text(libraries: &[LibraryReport]) -> String {
    if libraries.is_empty() {
        return "the model lists no op library".to_owned();
    }
    let each = libraries
        .iter()
        .map(|library| {
            let ops = library
                .ops
                .iter()
                .map(|op| format!("{}:{}", op.domain, op.name))
                .collect::<Vec<_>>()
                .join(", ");
            let ops = if ops.is_empty() { "nothing" } else { &ops };
            format!("'{}' registers {ops}", library.path.display())
        })
        .collect::<Vec<_>>()
        .join("; ");
    format!("no op library of the model registers it ({each})")
}

/// The registered op that is spelled most like a missing one, as a question, if one is near.
fn did_you_mean(missing: &[RegisteredOp], libraries: &[LibraryReport]) -> String {
    missing
        .iter()
        .flat_map(|op| {
            let registered = libraries.iter().flat_map(|library| &library.ops);
            registered.map(|other| (strsim::damerau_levenshtein(&op.name, &other.name), other))
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, other)| *distance <= other.name.len() / 3)
        .map_or_else(String::new, |(_, other)| {
            format!(
                " (did you mean '{}' of domain '{}'?)",
                other.name, other.domain
            )
        })
}

/// A domain that was added to the session twice, with who did.
fn domain_twice(domains: &[(PathBuf, Vec<String>)]) -> Option<(&str, &Path, &Path)> {
    let mut first = BTreeMap::new();
    for (path, names) in domains {
        for name in names {
            if let Some(earlier) = first.insert(name.as_str(), path.as_path()) {
                return Some((name, earlier, path));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_registered_op_is_asked_about() {
        let op = |name: &str| RegisteredOp {
            domain: "d".to_owned(),
            name: name.to_owned(),
            version: String::new(),
        };
        let library = LibraryReport {
            path: PathBuf::from("/a.so"),
            ops: vec![op("StringLower"), op("StringUpper")],
            extends: Vec::new(),
            api_level: None,
        };
        let libraries = [library];
        assert_eq!(
            did_you_mean(&[op("StringUppr")], &libraries),
            " (did you mean 'StringUpper' of domain 'd'?)"
        );
        // The same name in another domain is the nearest of all.
        assert!(did_you_mean(&[op("StringLower")], &libraries).contains("StringLower"));
        assert_eq!(did_you_mean(&[op("Gelu")], &libraries), "");
        assert_eq!(did_you_mean(&[op("Gelu")], &[]), "");
    }

    #[test]
    fn a_domain_that_two_libraries_add_is_found_with_both() {
        let domains = [
            (PathBuf::from("/a.so"), vec!["one".to_owned()]),
            (
                PathBuf::from("/b.so"),
                vec!["two".to_owned(), "one".to_owned()],
            ),
        ];
        assert_eq!(
            domain_twice(&domains),
            Some(("one", Path::new("/a.so"), Path::new("/b.so")))
        );
        assert_eq!(domain_twice(&domains[..1]), None);
    }
}
