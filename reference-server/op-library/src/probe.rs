//! What a dynamic probe observed: op libraries opened for real, in a process that is thrown away.
//!
//! Nothing here opens anything. The reference server makes the experiment (`reference-server
//! probe`) and prints a [`Probe`] as JSON; whoever starts it reads the same type.

use std::path::PathBuf;

use runtimes::RuntimeName;
use serde::{Deserialize, Serialize};

use crate::Verdict;

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
    /// The verdict that the observation amounts to; `None` where the library was not opened.
    pub fn verdict(&self, runtime: RuntimeName) -> Option<Verdict> {
        let Self { path, message, .. } = self;
        let path = path.display();
        let failed = |reason: String| Verdict::Fails {
            reason,
            remedy: "see the findings, which tell what the file is about".to_owned(),
        };
        Some(match self.outcome {
            ProbeOutcome::Registered => Verdict::Loads {
                reason: format!(
                    "tried: {runtime} opened '{path}' and has {} from it",
                    match self.ops.len() {
                        1 => "one op".to_owned(),
                        ops => format!("{ops} ops"),
                    }
                ),
            },
            ProbeOutcome::RegisteredNothing => Verdict::RegistersNothing {
                reason: format!(
                    "tried: {runtime} opened '{path}' without an error, and has no op from it"
                ),
                remedy: "register its ops when it is opened, or name another library".to_owned(),
                certain: true,
            },
            ProbeOutcome::Failed | ProbeOutcome::Crashed | ProbeOutcome::Hung => {
                failed(format!("tried: {message}"))
            }
            ProbeOutcome::NotReached => return None,
        })
    }

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

#[cfg(test)]
mod tests {
    use runtimes::{Framework, Version};

    use super::*;

    fn verdict(outcome: ProbeOutcome) -> Option<Verdict> {
        let runtime = RuntimeName::new(Framework::PyTorch, Version::new(2, 11, 0));
        let library = ProbedLibrary {
            outcome,
            message: "it says why".to_owned(),
            ..ProbedLibrary::not_reached("/opt/ops/libops.so".into())
        };
        library.verdict(runtime)
    }

    #[test]
    fn an_observation_is_never_left_to_a_trial() {
        for (outcome, name) in [
            (ProbeOutcome::Registered, "loads"),
            (ProbeOutcome::RegisteredNothing, "registers-nothing"),
            (ProbeOutcome::Failed, "fails"),
            (ProbeOutcome::Crashed, "fails"),
            (ProbeOutcome::Hung, "fails"),
        ] {
            let verdict = verdict(outcome).expect("it was opened");
            assert_eq!(verdict.name(), name);
            let tells = verdict.reason().contains("libops.so") || verdict.reason().contains("why");
            assert!(tells, "{verdict}");
        }
        assert_eq!(verdict(ProbeOutcome::NotReached), None);
    }

    #[test]
    fn the_record_is_the_documented_json() {
        let op = ProbedOp {
            domain: "custom_ops".to_owned(),
            name: "bias_gelu".to_owned(),
            version: String::new(),
            schemas: vec!["bias_gelu(Tensor x) -> Tensor".to_owned()],
            kernels: vec!["CPU".to_owned()],
        };
        let probe = Probe {
            runtime: "pytorch-2.11.0".parse().expect("a name"),
            libraries: vec![
                ProbedLibrary {
                    outcome: ProbeOutcome::Registered,
                    phase: Some(ProbePhase::Register),
                    ops: vec![op],
                    ..ProbedLibrary::not_reached("/a.so".into())
                },
                ProbedLibrary::not_reached("/b.so".into()),
            ],
            duration_ms: 7,
        };
        let json = serde_json::json!({
            "runtime": "pytorch-2.11.0",
            "libraries": [
                {
                    "path": "/a.so", "outcome": "registered", "phase": "register", "message": "",
                    "signal": null, "api_level": null,
                    "ops": [{
                        "domain": "custom_ops", "name": "bias_gelu", "version": "",
                        "schemas": ["bias_gelu(Tensor x) -> Tensor"], "kernels": ["CPU"],
                    }],
                },
                {
                    "path": "/b.so", "outcome": "not-reached", "phase": null, "message": "",
                    "signal": null, "api_level": null, "ops": [],
                },
            ],
            "duration_ms": 7,
        });
        assert_eq!(serde_json::to_value(&probe).expect("plain data"), json);
        let read: Probe = serde_json::from_value(json).expect("the same");
        assert_eq!(read, probe);
    }
}
