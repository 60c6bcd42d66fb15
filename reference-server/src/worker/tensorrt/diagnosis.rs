//! Why a plan cannot be served, in words that help.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use memchr::memmem;

use super::gpu::GpuError;
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

/// The error of a plan that gets no GPU.
pub(super) fn no_gpu(plan: &Path, error: &GpuError) -> LoadError {
    let plan = plan.display();
    LoadError::new(match error {
        GpuError::Missing(reason) => format!(
            "the plan '{plan}' needs a GPU, and none was found: {reason}; serve it on a machine with \
             an NVIDIA GPU and its driver, where `nvidia-smi` lists the GPU"
        ),
        // With little memory left the driver says "out of memory", or nothing to the point.
        GpuError::Unusable(reason) => format!(
            "the plan '{plan}' needs a GPU that cannot be used: {reason}; its memory may be used up: \
             `nvidia-smi` lists by whom"
        ),
    })
}

/// The error of a plan that TensorRT has just refused on this thread; `capabilities` are the compute
/// capabilities of the GPUs that it was to run on.
pub(super) fn refused(
    runtime: &Runtime,
    plan: &Path,
    failure: &str,
    libraries: &[LibraryReport],
    capabilities: &[String],
) -> LoadError {
    let errors = log::errors();
    let mut missing = missing_plugins(&errors);
    if missing.iter().any(|op| op.domain.is_empty()) {
        let content = beginning_of(plan);
        for op in &mut missing {
            take_apart(op, &content);
        }
    }
    let mut told = errors.iter();
    if let Some(other) = told.find_map(|message| OtherGpu::told(message, capabilities)) {
        return LoadError::new(format!("the plan '{}' {other}: {failure}", plan.display()));
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

/// The compute capabilities of the GPU that a plan was built for and of the one here.
#[derive(Debug, PartialEq, Eq)]
struct OtherGpu<'a> {
    built_for: &'a str,
    here: &'a str,
}

impl<'a> OtherGpu<'a> {
    /// Reads `The engine plan file is generated on an incompatible device, expecting compute 7.5 got
    /// compute 6.1, please rebuild.` What TensorRT expects is the GPU that it runs on, and what it got
    /// is the plan's, unless `capabilities`, those of the GPUs here, say otherwise.
    ///
    /// Source of the order: reports that name both GPUs, such as microsoft/onnxruntime#15250 (built on
    /// a P6000, run on an RTX 2080 Ti) and NVIDIA/TensorRT#2177.
    fn told(message: &'a str, capabilities: &[String]) -> Option<Self> {
        let (_, numbers) = message.split_once("incompatible device")?;
        let mut parts = numbers.split("compute ").skip(1);
        let mut capability = || {
            let part = parts.next()?;
            let end = part.find(|character: char| !character.is_ascii_digit() && character != '.');
            let number = part[..end.unwrap_or(part.len())].trim_end_matches('.');
            Some(number).filter(|number| !number.is_empty())
        };
        let (expected, got) = (capability()?, capability()?);
        let is_here = |number: &str| capabilities.iter().any(|known| known == number);
        let (here, built_for) = if is_here(got) && !is_here(expected) {
            (got, expected)
        } else {
            (expected, got)
        };
        Some(Self { built_for, here })
    }
}

/// What is wrong with the plan, and what to do, behind its name.
impl fmt::Display for OtherGpu<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { built_for, here } = self;
        write!(
            f,
            "was built for a GPU of compute capability {built_for}, and the GPU here has {here}; a plan \
             holds code for the kind of GPU that it was built on: build it on this machine (`trtexec \
             --saveEngine=model.plan`; the sample models with `harness build-plans`), or with the \
             builder's hardware compatibility level, which TensorRT has from 8.6 on for GPUs of compute \
             capability 8.0 and newer"
        )
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
    fn a_plan_for_another_gpu_is_told_with_both_and_what_to_do() {
        let message = "6: The engine plan file is generated on an incompatible device, expecting \
                       compute 9.0 got compute 6.0, please rebuild.";
        let told = |present: &[&str]| {
            let present: Vec<String> = present.iter().map(|&number| number.to_owned()).collect();
            OtherGpu::told(message, &present).unwrap()
        };
        let other = told(&["9.0"]);
        assert_eq!((other.built_for, other.here), ("6.0", "9.0"));
        assert_eq!(told(&[]), other);
        assert_eq!(told(&["6.0"]).here, "6.0");
        let text = other.to_string();
        for part in [
            "built for a GPU of compute capability 6.0",
            "the GPU here has 9.0",
            "harness build-plans",
            "hardware compatibility level",
        ] {
            assert!(text.contains(part), "{text}");
        }
        for other in [
            "the engine plan file is generated on an incompatible device",
            "incompatible device, expecting compute  got compute 7.5",
            "3: getPluginCreator could not find plugin: BiasGelu version: 1",
        ] {
            assert_eq!(OtherGpu::told(other, &[]), None, "{other}");
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
