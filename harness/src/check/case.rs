//! What was found out, as a case.

use runtimes::Framework;
use suites::{CaseResult, Evidence, Isolation, LoadingPath, Outcome, Phase, Suite, Verdict};

/// What a case is about, before anything is known.
#[derive(Debug, Clone)]
pub struct Outline {
    /// The last part of its id.
    pub name: String,
    /// The framework.
    pub framework: Framework,
    /// One sentence: what is done, and what should come of it.
    pub description: String,
    /// The runtime, or what stands for several.
    pub runtime: String,
    /// The server's isolation policy.
    pub isolation: Isolation,
    /// The command line that does it again.
    pub reproduce: String,
}

impl Outline {
    /// The id: a library that is tried reaches a worker as one that a model names.
    pub fn id(&self) -> String {
        let Self {
            name, framework, ..
        } = self;
        format!(
            "{}/{framework}/{}/{name}",
            Suite::Check,
            LoadingPath::ModelConfig
        )
    }

    /// The case that was not made, because of `message`.
    pub fn skipped(&self, message: impl Into<String>) -> CaseResult {
        CaseResult {
            id: self.id(),
            suite: Suite::Check,
            framework: self.framework,
            path: LoadingPath::ModelConfig,
            description: self.description.clone(),
            prediction: None,
            trial: None,
            isolation: self.isolation,
            runtime: self.runtime.clone(),
            expected: None,
            outcome: None,
            verdict: Verdict::Skip,
            phase: Phase::Spawn,
            message: message.into(),
            time_to_ready_ms: None,
            load_ms: None,
            duration_ms: 0.0,
            conflict: None,
            evidence: Evidence {
                reproduce: self.reproduce.clone(),
                ..Evidence::default()
            },
        }
    }

    /// The case with its outcome: a failure where there are `departures`.
    pub fn ended(
        &self,
        expected: Option<Outcome>,
        (outcome, phase): (Outcome, Phase),
        message: impl Into<String>,
        departures: Vec<String>,
    ) -> CaseResult {
        let case = self.skipped(message);
        CaseResult {
            expected,
            outcome: Some(outcome),
            verdict: if departures.is_empty() {
                Verdict::Pass
            } else {
                Verdict::Fail
            },
            phase,
            evidence: Evidence {
                departures,
                ..case.evidence
            },
            ..case
        }
    }
}
