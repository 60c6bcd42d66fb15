//! What a gate found.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::aggregate::Aggregate;
use super::baseline::MeasuredRun;
use super::comparison::{Comparison, Limits};
use super::judgement::Verdict;
use super::noise::Design;
use crate::exit_code::Exit;
use crate::quantity::count;

/// The version of the format of a gate's JSON. It grows when a reader of the old format would misread the
/// new one; a new field alone does not change it.
pub const GATE_SCHEMA_VERSION: u32 = 1;

/// What a gate found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// See [`GATE_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The worst verdict of the comparisons and the aggregate; not a pass where the candidate of a pair
    /// lacks what the baseline has.
    pub verdict: Verdict,
    /// By what it was judged.
    pub limits: Limits,
    /// How the runs belong together.
    pub design: Design,
    /// What it was compared with.
    pub baseline: Origin,
    /// What was compared.
    pub candidate: Origin,
    /// All measurements together; `None` where there are fewer than two.
    pub aggregate: Option<Aggregate>,
    /// The comparisons, in the order of the measurements.
    pub comparisons: Vec<Comparison>,
    /// Measurements of the baseline alone.
    pub only_in_baseline: Vec<String>,
    /// Measurements of the candidate alone.
    pub only_in_candidate: Vec<String>,
    /// What else a reader should know.
    pub notes: Vec<String>,
}

/// Where one side comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// What it is called.
    pub name: String,
    /// The commits of its runs, each once.
    pub commits: Vec<String>,
    /// When each run began, in UTC.
    pub starts: Vec<Timestamp>,
}

impl Origin {
    /// The origin of `runs`.
    #[must_use]
    pub fn of(name: &str, runs: &[MeasuredRun]) -> Self {
        let mut commits: Vec<String> = Vec::new();
        for commit in runs.iter().filter_map(|run| run.commit.as_ref()) {
            if !commits.contains(commit) {
                commits.push(commit.clone());
            }
        }
        Self {
            name: name.to_owned(),
            commits,
            starts: runs.iter().map(|run| run.start).collect(),
        }
    }

    /// In words: its name, its runs and its commits.
    #[must_use]
    pub fn text(&self) -> String {
        let commits: Vec<&str> = self
            .commits
            .iter()
            .map(|commit| commit.get(..7).unwrap_or(commit))
            .collect();
        let runs = count(self.starts.len(), "run");
        match commits.as_slice() {
            [] => format!("{} ({runs})", self.name),
            commits => format!("{} ({runs} at {})", self.name, commits.join(", ")),
        }
    }
}

impl Outcome {
    /// The exit status that says it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.verdict {
            Verdict::Pass => Exit::AsExpected,
            Verdict::Inconclusive => Exit::PerformanceInconclusive,
            Verdict::Regression => Exit::PerformanceRegression,
        }
    }

    /// Whether more runs would not change how this ends: something is a regression, or nothing is
    /// inconclusive.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let comparisons = self.comparisons.iter().map(|compared| compared.verdict);
        let mut all = comparisons.chain(self.aggregate.iter().map(|all| all.verdict));
        self.verdict == Verdict::Regression || !all.any(|one| one == Verdict::Inconclusive)
    }

    /// The comparisons with `verdict`, the worst change first.
    #[must_use]
    pub fn with(&self, verdict: Verdict) -> Vec<&Comparison> {
        let found = self.comparisons.iter();
        let mut found: Vec<&Comparison> = found
            .filter(|comparison| comparison.verdict == verdict)
            .collect();
        found.sort_by(|a, b| b.worse.total_cmp(&a.worse));
        found
    }

    /// The verdicts, counted, in a line: `1 regression, 2 inconclusive, 40 passed`.
    #[must_use]
    pub fn counts_text(&self) -> String {
        let number = |verdict| self.with(verdict).len();
        format!(
            "{}, {} inconclusive, {} passed",
            count(number(Verdict::Regression), "regression"),
            number(Verdict::Inconclusive),
            number(Verdict::Pass)
        )
    }
}
