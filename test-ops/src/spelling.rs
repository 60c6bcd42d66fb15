//! How each framework spells the domain of an operator and the operator in it.
//!
//! Domains are written in one form everywhere in this package, such as `custom.ops`; each
//! framework has its own rules for names:
//!
//! | framework    | domain `custom.ops` | BiasGelu in it            |
//! |--------------|---------------------|---------------------------|
//! | ONNX Runtime | `custom.ops`        | `BiasGelu`                |
//! | PyTorch      | `custom_ops`        | `custom_ops::bias_gelu`   |
//! | TensorFlow   | `Custom`            | `CustomBiasGelu`          |
//! | TensorRT     | `custom.ops`        | `BiasGelu`                |
//!
//! TensorFlow has no namespaces: a prefix stands in for one.

use runtimes::Framework;

use crate::{DataType, Op};

/// The domain as the framework has it: an operator domain (ONNX Runtime), a dispatcher namespace
/// (PyTorch), the prefix of an operator's name (TensorFlow), a plugin namespace (TensorRT).
///
/// For TensorFlow each word is capitalized and a last word `ops` left out.
pub fn domain(framework: Framework, domain: &str) -> String {
    match framework {
        Framework::OnnxRuntime | Framework::TensorRt => domain.to_owned(),
        Framework::PyTorch => domain.replace(['.', '-'], "_"),
        Framework::TensorFlow => domain
            .strip_suffix(".ops")
            .unwrap_or(domain)
            .split(['.', '-', '_'])
            .map(capitalized)
            .collect(),
    }
}

/// The operator as a model of the framework names it, such as `custom_ops::bias_gelu`. ONNX
/// Runtime and TensorRT keep the domain apart from it.
pub fn op(framework: Framework, domain: &str, op: Op) -> String {
    match framework {
        Framework::OnnxRuntime | Framework::TensorRt => op.name().to_owned(),
        Framework::PyTorch => format!("{}::{}", self::domain(framework, domain), op.snake_name()),
        Framework::TensorFlow => self::domain(framework, domain) + op.name(),
    }
}

/// An operator of a framework itself that computes what a sample operator does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltIn {
    /// The sample operator.
    pub op: Op,
    /// An element type for which the two compute the same.
    pub data_type: DataType,
    /// The domain, in the one form of this package.
    pub domain: &'static str,
    /// The full name, as an op library registers it in that domain.
    pub name: &'static str,
}

/// The framework's own operator that [`Op::Modulo`] is like: the remainder of a floored division.
/// TensorRT has no operators in its plugin registry but those of its plugin library.
///
/// Sources: ONNX `Mod` (with `fmod` 0, for integers only), PyTorch `aten::remainder`, TensorFlow
/// `FloorMod`.
pub fn built_in(framework: Framework) -> Option<BuiltIn> {
    let (domain, name) = match framework {
        Framework::OnnxRuntime => ("", "Mod"),
        Framework::PyTorch => ("aten", "remainder.Tensor"),
        Framework::TensorFlow => ("", "FloorMod"),
        Framework::TensorRt => return None,
    };
    Some(BuiltIn {
        op: Op::Modulo,
        data_type: DataType::Int64,
        domain,
        name,
    })
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::DEFAULT_DOMAIN;

    #[test]
    fn each_framework_has_its_spelling() {
        let spelled = Framework::ALL.map(|framework| {
            (
                domain(framework, DEFAULT_DOMAIN),
                op(framework, DEFAULT_DOMAIN, Op::BiasGelu),
            )
        });
        let expected = [
            ("custom.ops", "BiasGelu"),
            ("custom_ops", "custom_ops::bias_gelu"),
            ("Custom", "CustomBiasGelu"),
            ("custom.ops", "BiasGelu"),
        ];
        assert_eq!(
            spelled,
            expected.map(|(domain, op)| (domain.to_owned(), op.to_owned()))
        );
    }

    #[test]
    fn domains_stay_apart() {
        for framework in Framework::ALL {
            let names: HashSet<String> = [DEFAULT_DOMAIN, "custom.ops.b", "vendor.ops", "second"]
                .map(|name| domain(framework, name))
                .into();
            assert_eq!(names.len(), 4, "{framework}");
        }
    }
}
