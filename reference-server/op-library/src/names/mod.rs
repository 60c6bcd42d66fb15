//! Which names a library registers, as far as the file tells; one module a framework.
//!
//! A wrong name is worse than a missing one: what cannot be traced to the call that registers it is
//! left out. So a name that is listed is registered wherever the code runs that registers it, and a
//! library can register more than is listed.

mod onnxruntime;
mod pytorch;
mod schema;
mod tensorflow;
mod tensorrt;

use runtimes::Framework;
use serde::{Deserialize, Serialize};

use crate::code::Program;
pub(crate) use pytorch::DeclaredKernel;

/// Names that a library registers.
const MAX_NAMES: usize = 1 << 14;

/// One name that a library registers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegisteredName {
    /// With which framework.
    pub framework: Framework,
    /// What it is the name of.
    pub kind: RegisteredKind,
    /// The namespace of an op of PyTorch or of a plugin of TensorRT, the domain of an op of ONNX
    /// Runtime, where it is known.
    pub domain: Option<String>,
    /// The name. An overload of PyTorch's follows behind a dot.
    pub name: String,
    /// The version of a plugin of TensorRT.
    pub version: Option<String>,
    /// Where it was read.
    pub source: NameSource,
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegisteredKind {
    /// A namespace of PyTorch that only one library may define, or a domain of ONNX Runtime.
    Domain,
    /// A namespace of PyTorch that several libraries may add to.
    DomainFragment,
    /// An op.
    Op,
    /// A kernel of an op, which may be another library's.
    Kernel,
    /// A class of TorchScript.
    Class,
    /// A plugin of TensorRT.
    Plugin,
}

/// Where a name was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameSource {
    /// In the code that registers it.
    Code,
    /// In the name of a symbol that the framework's macros make.
    Symbol,
}

impl RegisteredName {
    /// The name with its namespace or domain in front, where there is one.
    pub(crate) fn full_name(&self) -> String {
        match &self.domain {
            Some(domain) => format!("{domain}::{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What a library registers, as far as its code tells.
#[derive(Debug, Default)]
pub(crate) struct Registrations {
    /// The names, in order.
    pub names: Vec<RegisteredName>,
    /// The kernels of ops of PyTorch that the library defines itself.
    pub kernels: Vec<DeclaredKernel>,
}

impl From<Vec<RegisteredName>> for Registrations {
    fn from(names: Vec<RegisteredName>) -> Self {
        Self {
            names,
            kernels: Vec::new(),
        }
    }
}

/// What a library of `frameworks`, whose code is `program`, registers.
pub(crate) fn read(frameworks: &[Framework], program: &Program<'_>) -> Registrations {
    let mut registrations = Registrations::default();
    for framework in frameworks {
        let of_framework: Registrations = match framework {
            Framework::OnnxRuntime => onnxruntime::read(program).into(),
            Framework::PyTorch => pytorch::read(program),
            Framework::TensorFlow => tensorflow::read(program).into(),
            Framework::TensorRt => tensorrt::read(program).into(),
        };
        registrations.names.extend(of_framework.names);
        registrations.kernels.extend(of_framework.kernels);
    }
    let names = &mut registrations.names;
    names.sort_unstable();
    // Of the same name from two sources, the better one comes first.
    names.dedup_by(|later, first| {
        let same = |name: &RegisteredName| RegisteredName {
            source: NameSource::Code,
            ..name.clone()
        };
        same(later) == same(first)
    });
    names.truncate(MAX_NAMES);
    registrations
}

/// Whether `text` is a name as programs have them: letters, digits and underscores.
fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
