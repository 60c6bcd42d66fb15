//! What sets the C++ library of one framework apart from the others when it is compiled: one file
//! a framework. Nearly all that differs between samples stands in the configuration block; a
//! recipe names what the framework's own macros need at compile time.

mod pytorch;
mod tensorflow;
mod tensorrt;

use std::ffi::OsString;

use runtimes::{Framework, Runtime};

use super::sources::Sources;
use crate::{Broken, Sample};

/// How the C++ library of a framework is compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    /// Arguments for the compiler beside the runtime's own: definitions, more header folders.
    /// The second value is what is broken, where something is.
    pub(super) compile_arguments: fn(&Sample, Option<Broken>, &Runtime, &Sources) -> Vec<OsString>,
    /// The folder of its sources, in that of the framework's; the values are those of the arguments.
    pub(super) folder: fn(&Sample, Option<Broken>) -> &'static str,
    /// Whether the library cannot be compiled without headers from the runtime's package.
    pub(super) needs_headers: bool,
}

/// The folder of the framework's sources itself.
fn whole_folder(_: &Sample, _: Option<Broken>) -> &'static str {
    ""
}

impl Recipe {
    /// The recipe of a framework; `None` for ONNX Runtime, whose library is in Rust.
    pub(super) fn of(framework: Framework) -> Option<Recipe> {
        match framework {
            Framework::OnnxRuntime => None,
            Framework::PyTorch => Some(pytorch::RECIPE),
            Framework::TensorFlow => Some(tensorflow::RECIPE),
            Framework::TensorRt => Some(tensorrt::RECIPE),
        }
    }
}
