//! What a dynamic probe observed: op libraries opened for real, in a process that is thrown away.
//!
//! Nothing here opens anything. The reference server makes the experiment (`reference-server
//! probe`) and prints a [`Probe`] as JSON; whoever starts it reads the same type.

use std::path::PathBuf;

use runtimes::RuntimeName;
use serde::{Deserialize, Serialize};

/// One experiment: op libraries that were opened one after the other in one process of a runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The runtime.
    pub runtime: RuntimeName,
    /// The libraries, in the order in which they were opened.
    pub libraries: Vec<ProbedLibrary>,
    /// From the start of the process to its end, in milliseconds.
    pub duration_ms: u64,
}

/// What became of one library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbedLibrary {
    /// The file, as an absolute path.
    pub path: PathBuf,
    /// How it ended.
    pub outcome: ProbeOutcome,
    /// The last step that was begun with it; `None` where there was none.
    pub phase: Option<ProbePhase>,
    /// What a client would be told; empty where the library registered.
    pub message: String,
    /// The signal that ended the process, where the library crashed with one.
    pub signal: Option<i32>,
    /// The highest level of ONNX Runtime's interface that the library asked for.
    pub api_level: Option<u32>,
    /// What it registered. An op that another of the libraries registered does not count, also
    /// where this one pulled the other in.
    pub ops: Vec<ProbedOp>,
}

/// How opening a library ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeOutcome {
    /// Its ops are there.
    Registered,
    /// It was opened, nobody reported an error, and none of its ops is there.
    RegisteredNothing,
    /// The dynamic loader, the framework or the library reported an error, or the library collides
    /// with one before it.
    Failed,
    /// The process ended.
    Crashed,
    /// It did not come to an end within the time limit.
    Hung,
    /// One before it failed, crashed or hung.
    NotReached,
}

/// A step of opening a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbePhase {
    /// The dynamic loader opens the file; its static initializers run, in which PyTorch's and
    /// TensorFlow's libraries register.
    Dlopen,
    /// The framework takes its ops: `RegisterCustomOps`, the plugin registry, a look at the op
    /// registry.
    Register,
    /// ONNX Runtime creates a session with the ops of all libraries so far. It looks at them then,
    /// not before.
    Session,
}

/// One op that a library registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbedOp {
    /// Domain (ONNX Runtime) or namespace; empty where the framework has none.
    pub domain: String,
    /// Name.
    pub name: String,
    /// Version string (TensorRT); empty where ops have none.
    pub version: String,
    /// What it takes and returns, one text for each overload or struct, in the framework's
    /// notation; empty where that cannot be told.
    pub schemas: Vec<String>,
    /// What executes it: dispatch keys (PyTorch), devices with their conditions (TensorFlow),
    /// execution providers (ONNX Runtime), the plugin interface (TensorRT). Of an op that was there
    /// before, only what the library brought.
    pub kernels: Vec<String>,
}

impl ProbeOutcome {
    /// Whether the libraries behind this one are opened.
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::Registered | Self::RegisteredNothing)
    }

    /// Whether the process is gone.
    pub const fn ends_process(self) -> bool {
        matches!(self, Self::Crashed | Self::Hung)
    }
}

impl ProbedLibrary {
    /// A library that has not been opened.
    pub fn not_reached(path: PathBuf) -> Self {
        Self {
            path,
            outcome: ProbeOutcome::NotReached,
            phase: None,
            message: String::new(),
            signal: None,
            api_level: None,
            ops: Vec::new(),
        }
    }
}
