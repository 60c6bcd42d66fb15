//! What was seen of a case.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use runtimes::Framework;
use serde::{Deserialize, Serialize};

use crate::case::{Conflict, LoadingPath, Suite, named};
use crate::compatibility::{Prediction, Trial};
use crate::expectation::{Expectation, Isolation};

named! {
    /// What became of an op library.
    Outcome {
        /// The model answers, with right values.
        Served = "served",
        /// The server is up and refused the model.
        Rejected = "rejected",
        /// The server exited with an error before it was ready.
        RefusedStart = "refused-start",
        /// The server was killed by a signal, or closed its connections and went.
        Aborted = "aborted",
        /// The process that hosted the op library died; the server went on.
        WorkerCrashed = "worker-crashed",
        /// Another library's implementation answered.
        Shadowed = "shadowed",
        /// The library was silently not loaded.
        Ignored = "ignored",
        /// No answer within the time limit.
        Hung = "hung",
        /// The library is still mapped, or its memory on a GPU still held, after the unload of its
        /// last model.
        StillLoaded = "still-loaded",
        /// The model answers, with wrong values.
        WrongValues = "wrong-values",
    }
}

named! {
    /// How far things went.
    Phase {
        /// The server process starts.
        Spawn = "spawn",
        /// The dynamic loader brings in what `LD_PRELOAD` names.
        Preload = "preload",
        /// The op library's file is found, judged and opened; its static initializers run.
        Dlopen = "dlopen",
        /// The op library registers its ops with the framework.
        Register = "register",
        /// The framework reads the model and binds its ops.
        Load = "load",
        /// The op runs.
        FirstRun = "first-run",
        /// The model, and with it its op library, is taken away.
        Unload = "unload",
        /// The server ends.
        Exit = "exit",
    }
}

named! {
    /// How an observation stands to its expectation.
    Verdict {
        /// As expected.
        Pass = "pass",
        /// Not as expected.
        Fail = "fail",
        /// Not run; the message says why.
        Skip = "skip",
        /// The harness itself failed; the message says how.
        Error = "error",
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// This signal killed it.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What a healthy model was asked, continuously, while another one was in trouble.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// The healthy model.
    pub model: String,
    /// Requests sent before the trouble began.
    pub requests_before: u64,
    /// Requests sent since.
    pub requests_after: u64,
    /// Requests that failed or were answered with wrong values, in the whole time.
    pub failures: u64,
    /// The first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
}

impl Traffic {
    /// What speaks against the model having been left alone, one sentence each.
    pub fn disturbances(&self) -> Vec<String> {
        let mut disturbances = Vec::new();
        if self.failures > 0 {
            disturbances.push(format!(
                "{} of {} requests to model '{}' failed, the first with: {}",
                self.failures,
                self.requests_before + self.requests_after,
                self.model,
                self.first_failure.as_deref().unwrap_or("no text"),
            ));
        }
        if self.requests_before == 0 || self.requests_after == 0 {
            disturbances.push(format!(
                "model '{}' was asked {} times before and {} times after, which proves nothing",
                self.model, self.requests_before, self.requests_after
            ));
        }
        disturbances
    }
}

/// Whose implementation of an op answered a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The model.
    pub model: String,
    /// File name of the op library, of identical ones the first; `None`: the framework itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// What the library adds to its results.
    pub signature: u8,
    /// Its place among the op libraries of the case, from 1, in the order in which the server got
    /// them: those for all models, then each model's own with its first load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// How many op libraries the server had got.
    pub of: usize,
}

/// Memory of all GPUs together at one moment of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuMemory {
    /// When, such as `before the load`.
    pub moment: String,
    /// Bytes in use, whoever uses them.
    pub used: u64,
    /// How many of the server's processes the driver lists as users. It may list none in a container.
    pub processes: usize,
    /// Bytes that those use.
    pub of_server: u64,
}

/// What supports an observation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The expectation that was compared with, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<Expectation>,
    /// Where the observation departs from the expectation, one sentence each; empty in a pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub departures: Vec<String>,
    /// The steps that were taken and what came of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// Who answered, model by model, as far as the values tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    /// How the server ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// The last lines of the server's log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_tail: Vec<String>,
    /// Op libraries of the case that were mapped by any process of the server before the unload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mapped_before_unload: Vec<PathBuf>,
    /// The same after the unload; `None` where nothing was unloaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapped_after_unload: Option<Vec<PathBuf>>,
    /// Memory in use on the GPUs, in a case that is about that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpu_memory: Vec<GpuMemory>,
    /// What the healthy model answered meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// The server's command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_command: Vec<String>,
    /// A command line that runs this case again.
    #[serde(default)]
    pub reproduce: String,
}

/// One case of one run, as the result files hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// `suite/framework/path/name`.
    pub id: String,
    /// The suite.
    pub suite: Suite,
    /// The framework.
    pub framework: Framework,
    /// How the op library reached the server.
    pub path: LoadingPath,
    /// What the case is about, in one sentence.
    #[serde(default)]
    pub description: String,
    /// What collides, in a case of the suite about names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
    /// The server's isolation policy.
    pub isolation: Isolation,
    /// The runtime's name, such as `onnxruntime-1.32.0`.
    pub runtime: String,
    /// The outcome that was expected; `None` where nothing is expected of this combination.
    pub expected: Option<Outcome>,
    /// The outcome that was observed; `None` where the case did not run to one.
    pub outcome: Option<Outcome>,
    /// How the two compare.
    pub verdict: Verdict,
    /// The phase in which the outcome showed.
    pub phase: Phase,
    /// What the inspector said of the case's op library beforehand, where the case is about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Prediction>,
    /// What came of that library in a throw-away worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// The error text that the client saw, or why the case was skipped or went wrong.
    pub message: String,
    /// From spawn to the first positive answer of `/v2/health/ready`, in milliseconds.
    pub time_to_ready_ms: Option<f64>,
    /// From the request to load the model under test to its answer, in milliseconds.
    pub load_ms: Option<f64>,
    /// From preparing the arrangement to the end of the server, in milliseconds.
    pub duration_ms: f64,
    /// What supports the observation.
    pub evidence: Evidence,
}
