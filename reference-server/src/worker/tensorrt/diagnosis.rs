//! Why a plan cannot be served, in words that help.

use std::path::Path;

use super::log;
use super::plan::PlanError;
use super::runtime::Runtime;
use crate::worker::backend::{LibraryReport, LoadError, RegisteredOp};

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
    let missing = missing_plugins(&log::errors());
    let remedy = if missing.is_empty() {
        String::new()
    } else {
        let registered: Vec<String> = libraries
            .iter()
            .flat_map(|library| &library.ops)
            .map(ToString::to_string)
            .collect();
        let registered = if registered.is_empty() {
            "no op library is loaded".to_owned()
        } else {
            format!("op libraries register {}", registered.join(", "))
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

#[cfg(test)]
mod tests {
    use super::*;

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
