//! Why a plan cannot be served, in words that help.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use memchr::memmem;

use super::log;
use super::plan::PlanError;
use super::runtime::Runtime;
use crate::worker::backend::{LibraryReport, LoadError, RegisteredOp};

/// Bytes of a plan that are searched for the names of plugins.
const SEARCHED: u64 = 256 << 20;

/// The error of a plan that TensorRT does not get.
pub(super) fn unfit(plan: &Path, error: &PlanError) -> LoadError {
    LoadError::new(format!(
        "the model '{}' cannot be served: {error}",
        plan.display()
    ))
}

/// The error of a plan on a machine without a GPU; `reason` is what was looked for.
pub(super) fn no_gpu(plan: &Path, reason: &str) -> LoadError {
    LoadError::new(format!(
        "the plan '{}' needs a GPU, and none was found: {reason}; serve it on a machine with an \
         NVIDIA GPU and its driver, where `nvidia-smi` lists the GPU",
        plan.display()
    ))
}

/// The error of a plan that TensorRT has just refused on this thread.
pub(super) fn refused(
    runtime: &Runtime,
    plan: &Path,
    failure: &str,
    libraries: &[LibraryReport],
) -> LoadError {
    let mut missing = missing_plugins(&log::errors());
    if missing.iter().any(|op| op.domain.is_empty()) {
        let content = beginning_of(plan);
        for op in &mut missing {
            take_apart(op, &content);
        }
    }
    let remedy = if missing.is_empty() {
        String::new()
    } else {
        let registered: Vec<String> = libraries.iter().map(registered).collect();
        let registered = if registered.is_empty() {
            "no op library is loaded".to_owned()
        } else {
            registered.join(", ")
        };
        format!(
            "; {registered}: name the op library that provides the plugin in model_operations {{ \
             op_library_filename }} of the model's configuration"
        )
    };
    LoadError {
        missing_ops: missing,
        ..LoadError::new(format!(
            "the plan '{}' cannot be prepared for execution with TensorRT {}: {failure}{remedy}",
            plan.display(),
            runtime.version
        ))
    }
}

/// `'libops.so' registers 'RmsNorm' in version '1'`.
fn registered(library: &LibraryReport) -> String {
    let ops: Vec<String> = library.ops.iter().map(ToString::to_string).collect();
    let ops = if ops.is_empty() {
        "no plugin".to_owned()
    } else {
        ops.join(", ")
    };
    format!("'{}' registers {ops}", library.path.display())
}

/// The plugins that TensorRT says nobody registered.
fn missing_plugins(messages: &[String]) -> Vec<RegisteredOp> {
    let mut missing = Vec::new();
    for message in messages {
        let Some(rest) = message
            .split_once("could not find plugin")
            .map(|(_, rest)| rest.trim_start_matches([':', ' ']))
        else {
            continue;
        };
        let mut words = rest.split([' ', ',', ':']).filter(|word| !word.is_empty());
        let mut op = RegisteredOp {
            domain: String::new(),
            name: words
                .next()
                .unwrap_or_default()
                .trim_matches('\'')
                .to_owned(),
            version: String::new(),
        };
        while let Some(label) = words.next() {
            let mut value = || {
                words
                    .next()
                    .unwrap_or_default()
                    .trim_matches('\'')
                    .to_owned()
            };
            match label {
                "version" => op.version = value(),
                "namespace" => op.domain = value(),
                _ => {}
            }
        }
        if !op.name.is_empty() && !missing.contains(&op) {
            missing.push(op);
        }
    }
    missing
}

/// As much of a plan as is searched; nothing where it cannot be read.
fn beginning_of(plan: &Path) -> Vec<u8> {
    let mut content = Vec::new();
    let read = File::open(plan).and_then(|file| file.take(SEARCHED).read_to_end(&mut content));
    read.map(|_| content).unwrap_or_default()
}

/// TensorRT 8.6 writes name and namespace of a plugin as one word: `BiasGelucustom.ops`. In the plan
/// they stand apart.
fn take_apart(op: &mut RegisteredOp, plan: &[u8]) {
    if !op.domain.is_empty() || stands_alone(&op.name, plan) {
        return;
    }
    let parts = op.name.char_indices().skip(1);
    let parts = parts.map(|(at, _)| op.name.split_at(at));
    let apart = parts
        .filter(|(name, namespace)| stands_alone(name, plan) && stands_alone(namespace, plan))
        .map(|(name, namespace)| (name.to_owned(), namespace.to_owned()))
        .next();
    if let Some((name, namespace)) = apart {
        op.name = name;
        op.domain = namespace;
    }
}

/// Whether `plan` has `text` somewhere between bytes that are no part of a name.
fn stands_alone(text: &str, plan: &[u8]) -> bool {
    let is_outside = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_graphic());
    memmem::find_iter(plan, text).any(|at| {
        let before = at.checked_sub(1).and_then(|before| plan.get(before));
        is_outside(before) && is_outside(plan.get(at + text.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_namespace_in_one_word_are_taken_apart_by_the_plan() {
        let told = || {
            let message = "getPluginCreator could not find plugin: BiasGelucustom.ops version: 1";
            missing_plugins(&[message.to_owned()]).remove(0)
        };
        let mut op = told();
        take_apart(&mut op, b"\x08\0BiasGelu\x01\x001\x0a\0custom.ops\0\0");
        assert_eq!(
            op.to_string(),
            "'BiasGelu' of domain 'custom.ops' in version '1'"
        );
        for plan in [&b"BiasGelucustom.ops"[..], b"BiasGelus\0custom.ops", b""] {
            let mut op = told();
            take_apart(&mut op, plan);
            assert_eq!(op, told());
        }
    }

    #[test]
    fn missing_plugins_are_read_from_messages() {
        let messages = [
            "3: getPluginCreator could not find plugin: BiasGelu version: 1".to_owned(),
            "could not find plugin: RmsNorm, version: 1, namespace:custom.ops".to_owned(),
            "1: Cannot deserialize plugin".to_owned(),
            "3: getPluginCreator could not find plugin: BiasGelu version: 1".to_owned(),
        ];
        let missing = missing_plugins(&messages);
        let text: Vec<String> = missing.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "'BiasGelu' in version '1'",
                "'RmsNorm' of domain 'custom.ops' in version '1'"
            ]
        );
    }
}
