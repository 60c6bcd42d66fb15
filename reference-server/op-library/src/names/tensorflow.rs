//! TensorFlow: `REGISTER_OP` and `REGISTER_KERNEL_BUILDER`, and the C interface.

use runtimes::Framework;

use super::{NameSource, RegisteredKind, RegisteredName};
use crate::code::{Call, Callee, Program, Text, Watch, calls};

/// Functions that are given the name of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    /// `tensorflow::OpDefBuilder::OpDefBuilder(std::string)`, and its wrapper of `const char*`.
    OpDef,
    /// `tensorflow::KernelDefBuilder::KernelDefBuilder(const char*)`, and `Name`, which is one.
    KernelDef,
    /// `TF_NewOpDefinitionBuilder(const char*)`.
    NewOpDefinition,
    /// `TF_NewKernelBuilder(const char* op_name, …)`.
    NewKernel,
}

impl Function {
    fn named(symbol: &str) -> Option<Self> {
        const CPP: [(&str, Function); 4] = [
            ("_ZN10tensorflow12OpDefBuilderC", Function::OpDef),
            (
                "_ZN10tensorflow11register_op19OpDefBuilderWrapperC",
                Function::OpDef,
            ),
            ("_ZN10tensorflow16KernelDefBuilderC", Function::KernelDef),
            (
                "_ZN10tensorflow15register_kernel4NameC",
                Function::KernelDef,
            ),
        ];
        match symbol {
            "TF_NewOpDefinitionBuilder" => Some(Self::NewOpDefinition),
            "TF_NewKernelBuilder" => Some(Self::NewKernel),
            _ => CPP
                .into_iter()
                .find(|(prefix, _)| symbol.starts_with(prefix))
                .map(|(_, function)| function),
        }
    }

    const fn text(self) -> Text {
        match self {
            Self::OpDef | Self::KernelDef => Text {
                parameter: 1,
                wrapped: 1,
            },
            Self::NewOpDefinition | Self::NewKernel => Text {
                parameter: 0,
                wrapped: 0,
            },
        }
    }

    const fn kind(self) -> RegisteredKind {
        match self {
            Self::OpDef | Self::NewOpDefinition => RegisteredKind::Op,
            Self::KernelDef | Self::NewKernel => RegisteredKind::Kernel,
        }
    }
}

/// The ops and the ops of the kernels that the library registers.
pub(super) fn read(program: &Program<'_>) -> Vec<RegisteredName> {
    let watch = Watch {
        named: &Function::named,
        member: None,
        text: &|function: Function| Some(function.text()),
        object: &|_| None,
        makes: &|_| false,
    };
    calls(program, &watch).iter().filter_map(name).collect()
}

fn name(call: &Call<Function>) -> Option<RegisteredName> {
    let (function, text) = match call.callee {
        Callee::Watched(function) => (function, function.text().parameter),
        Callee::Wrapper { of, text, .. } => (of, text),
        Callee::Function(_) => return None,
    };
    let name = call.texts[text].clone().filter(|text| is_op_name(text))?;
    Some(RegisteredName {
        framework: Framework::TensorFlow,
        kind: function.kind(),
        domain: None,
        name,
        version: None,
        source: NameSource::Code,
    })
}

/// Source: TensorFlow's `ValidateOpDef`: names are in camel case, and those with a namespace have it
/// in front of `>`.
fn is_op_name(text: &str) -> bool {
    text.split('>').all(|part| {
        part.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ops_are_told_from_other_texts() {
        for name in ["Modulo", "Addons>SkipGramGenerateCandidates", "_Recv"] {
            assert!(is_op_name(name), "{name}");
        }
        for text in ["", "x: float", "modulo", "Addons>", "CPU/2"] {
            assert!(!is_op_name(text), "{text}");
        }
    }

    #[test]
    fn functions_are_known_by_their_symbols() {
        assert_eq!(
            Function::named("_ZN10tensorflow12OpDefBuilderC1ESs"),
            Some(Function::OpDef)
        );
        assert_eq!(
            Function::named("_ZN10tensorflow12OpDefBuilder5InputESs"),
            None
        );
        assert_eq!(
            Function::named("TF_NewKernelBuilder"),
            Some(Function::NewKernel)
        );
    }
}
