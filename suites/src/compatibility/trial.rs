//! What came of opening a library for real, in a worker that was thrown away.

use std::fmt;
use std::str::FromStr;

use op_library::{ProbeOutcome, ProbedLibrary, ProbedOp};
use serde::{Deserialize, Serialize};

use super::Fit;
use crate::case::named;

named! {
    /// How the trial of a library ended.
    TrialOutcome {
        /// Its ops were there.
        Registered = "registered",
        /// It was opened, and none of its ops was there.
        RegisteredNothing = "registered-nothing",
        /// The dynamic loader, the framework or the library reported an error.
        Failed = "failed",
        /// It ended the worker.
        Crashed = "crashed",
        /// It did not come to an end within the time limit.
        Hung = "hung",
    }
}

/// What came of opening a case's op library in a throw-away worker of its runtime, without a look
/// at the file before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// How it ended.
    pub outcome: TrialOutcome,
    /// What a client would have been told; empty where the library registered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The ops that the library registered, as `domain::name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ops: Vec<String>,
    /// The highest level of ONNX Runtime's interface that the library asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_level: Option<u32>,
}

impl Trial {
    /// How library and runtime stand to each other.
    pub fn fit(&self) -> Fit {
        match self.outcome {
            TrialOutcome::Registered => Fit::Registers,
            TrialOutcome::RegisteredNothing => Fit::RegistersNothing,
            TrialOutcome::Failed | TrialOutcome::Crashed | TrialOutcome::Hung => Fit::Fails,
        }
    }

    /// The trial of the one library that was probed; `None` where it was not opened at all.
    pub fn of_probe(library: ProbedLibrary) -> Option<Self> {
        let outcome = match library.outcome {
            ProbeOutcome::Registered => TrialOutcome::Registered,
            ProbeOutcome::RegisteredNothing => TrialOutcome::RegisteredNothing,
            ProbeOutcome::Failed => TrialOutcome::Failed,
            ProbeOutcome::Crashed => TrialOutcome::Crashed,
            ProbeOutcome::Hung => TrialOutcome::Hung,
            ProbeOutcome::NotReached => return None,
        };
        Some(Self {
            outcome,
            message: library.message,
            ops: library.ops.iter().map(full_name).collect(),
            api_level: library.api_level,
        })
    }
}

fn full_name(op: &ProbedOp) -> String {
    if op.domain.is_empty() {
        op.name.clone()
    } else {
        format!("{}::{}", op.domain, op.name)
    }
}
