//! Which sources make up the bridge of a framework.

use runtimes::Framework;

/// The bridge of one framework, as sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Its files; those that end in `.cpp` are compiled, the others are included by them.
    pub sources: &'static [Source],
    /// Arguments for the compiler beside the runtime's own.
    pub arguments: &'static [&'static str],
    /// Whether the bridge is linked against the runtime's libraries; one that is not finds
    /// everything it calls by name.
    pub links_runtime: bool,
}

/// One file of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path below the framework's folder, as in an `#include`.
    pub path: &'static str,
    /// Its content.
    pub text: &'static str,
}

/// A file of this package's folder for a framework.
macro_rules! source {
    ($framework:literal, $path:literal) => {
        Source {
            path: $path,
            text: include_str!(concat!("../", $framework, "/", $path)),
        }
    };
}

impl Bridge {
    /// The bridge of `framework`; `None` where the worker uses the framework's own C interface.
    pub const fn of(framework: Framework) -> Option<Self> {
        match framework {
            Framework::OnnxRuntime | Framework::TensorFlow => None,
            Framework::PyTorch => PYTORCH,
            Framework::TensorRt => TENSORRT,
        }
    }
}

const PYTORCH: Option<Bridge> = Some(Bridge {
    sources: &[
        source!("pytorch", "borrowing.h"),
        source!("pytorch", "bridge.cpp"),
        source!("pytorch", "bridge.h"),
        source!("pytorch", "execution.h"),
        source!("pytorch", "failure.h"),
        source!("pytorch", "module.h"),
        source!("pytorch", "operators.h"),
        source!("pytorch", "own_stream.h"),
        source!("pytorch", "process.h"),
    ],
    arguments: &[],
    links_runtime: true,
});

const TENSORRT: Option<Bridge> = Some(Bridge {
    sources: &[
        source!("tensorrt", "bridge.h"),
        source!("tensorrt", "engine.cpp"),
        source!("tensorrt", "failure.h"),
        source!("tensorrt", "include/10/NvInferRuntime.h"),
        source!("tensorrt", "include/8/NvInferRuntime.h"),
        source!("tensorrt", "include/NvInferRuntime.h"),
        source!("tensorrt", "include/cuda/cuda_runtime_api.h"),
        source!("tensorrt", "interface.h"),
        source!("tensorrt", "observation.cpp"),
        source!("tensorrt", "registry.cpp"),
        source!("tensorrt", "runtime.h"),
    ],
    // An SDK's headers need CUDA's, of which they use two types.
    arguments: &["-idirafter", "include/cuda"],
    links_runtime: false,
});
