//! What comes of two libraries in one process, from what each of them registers alone.

use std::collections::BTreeSet;

use op_library::ProbedOp;
use runtimes::Framework;

use crate::results::Meeting;

/// What is foretold of two libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foretold {
    /// What both register and cannot share.
    pub shared: Vec<String>,
    /// What comes of it; `None`: what they register does not tell.
    pub meeting: Option<Meeting>,
}

/// Says what comes of opening the library that registers `second` after the one that registers
/// `first`.
///
/// - ONNX Runtime: a session takes each domain once, whatever its ops are called.
/// - PyTorch: a namespace may be opened by one `TORCH_LIBRARY` only, and an op be defined once; the
///   process aborts in the static initializer of the second library. Whether a namespace was opened
///   or only continued does not show in its ops.
/// - TensorFlow: an op with the kernels of two libraries cannot be executed, so the second library is
///   refused.
/// - TensorRT: the registry keeps the plugin that came first, so the second library is refused.
///   Plugins of another version are other plugins.
pub fn foretell(framework: Framework, first: &[ProbedOp], second: &[ProbedOp]) -> Foretold {
    let common = |name: fn(&ProbedOp) -> String| -> Vec<String> {
        let names = |ops: &[ProbedOp]| ops.iter().map(name).collect::<BTreeSet<String>>();
        names(first).intersection(&names(second)).cloned().collect()
    };
    let ops = common(full_name);
    let domains = common(|op| op.domain.clone());
    let (shared, meeting) = match framework {
        Framework::OnnxRuntime if !domains.is_empty() => {
            (in_words("domain", domains), Some(Meeting::Refused))
        }
        Framework::PyTorch if !ops.is_empty() => (in_words("op", ops), Some(Meeting::Crashed)),
        Framework::PyTorch if !domains.is_empty() => (in_words("namespace", domains), None),
        Framework::TensorFlow if !ops.is_empty() => (in_words("op", ops), Some(Meeting::Refused)),
        Framework::TensorRt if !ops.is_empty() => (in_words("plugin", ops), Some(Meeting::Refused)),
        _ => (Vec::new(), Some(Meeting::Together)),
    };
    Foretold { shared, meeting }
}

fn in_words(what: &str, names: Vec<String>) -> Vec<String> {
    names
        .into_iter()
        .map(|name| match name.as_str() {
            "" => format!("the default {what}"),
            name => format!("{what} {name}"),
        })
        .collect()
}

/// An op as people write it: with its domain or namespace, and its version where it has one.
pub fn full_name(op: &ProbedOp) -> String {
    let mut name = op.name.clone();
    if !op.domain.is_empty() {
        name = format!("{}::{name}", op.domain);
    }
    if !op.version.is_empty() {
        name = format!("{name} version {}", op.version);
    }
    name
}

/// What a server does about it, and what to do, in two sentences.
pub fn advice(framework: Framework) -> &'static str {
    match framework {
        Framework::OnnxRuntime => {
            "Two models may name one library each, also in one worker: sessions are apart. Do not give \
             both to one model or to all."
        }
        Framework::PyTorch => {
            "A server that shares one process among models, as Triton does, is ended by the second \
             one. Let each model name the one that it needs, under isolation op-set or model, which \
             keeps them in workers of their own."
        }
        Framework::TensorFlow => {
            "A server that shares one process among models, as Triton does, takes both and fails every \
             request to such an op. Let each model name the one that it needs, under isolation op-set \
             or model, which keeps them in workers of their own."
        }
        Framework::TensorRt => {
            "A server that shares one process among models, as Triton does, silently answers with the \
             one that came first. Let each model name the one that it needs, under isolation op-set or \
             model, which keeps them in workers of their own."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(domain: &str, name: &str, version: &str) -> ProbedOp {
        ProbedOp {
            domain: domain.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            schemas: Vec::new(),
            kernels: Vec::new(),
        }
    }

    fn meeting(framework: Framework, second: ProbedOp) -> Option<Meeting> {
        foretell(framework, &[op("a", "Gelu", "1")], &[second]).meeting
    }

    #[test]
    fn the_same_op_cannot_be_there_twice() {
        let same = || op("a", "Gelu", "1");
        for framework in Framework::ALL {
            let expected = match framework {
                Framework::PyTorch => Meeting::Crashed,
                _ => Meeting::Refused,
            };
            assert_eq!(meeting(framework, same()), Some(expected), "{framework}");
            let other = op("b", "Relu", "1");
            assert_eq!(
                meeting(framework, other),
                Some(Meeting::Together),
                "{framework}"
            );
        }
    }

    #[test]
    fn domains_namespaces_and_versions_count_where_the_framework_looks_at_them() {
        let other_op = || op("a", "Relu", "1");
        assert_eq!(
            meeting(Framework::OnnxRuntime, other_op()),
            Some(Meeting::Refused)
        );
        assert_eq!(meeting(Framework::PyTorch, other_op()), None);
        assert_eq!(
            meeting(Framework::TensorFlow, other_op()),
            Some(Meeting::Together)
        );
        let other_version = op("a", "Gelu", "2");
        assert_eq!(
            meeting(Framework::TensorRt, other_version),
            Some(Meeting::Together)
        );
    }

    #[test]
    fn what_is_shared_is_named() {
        let ops = [op("", "Gelu", "1")];
        let foretold = foretell(Framework::TensorRt, &ops, &ops);
        assert_eq!(foretold.shared, ["plugin Gelu version 1"]);
        let foretold = foretell(Framework::OnnxRuntime, &ops, &ops);
        assert_eq!(foretold.shared, ["the default domain"]);
    }
}
