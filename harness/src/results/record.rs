//! `results.json`: the record of a run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use suites::{CaseResult, Verdict};

use super::machine::Machine;
use crate::measurement::{Measurement, Warning};

/// The version of the format of `results.json`. It grows when a reader of the old format would
/// misread the new one; a new field alone does not change it.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// When and how the run was made.
    pub run: Run,
    /// Where it was made.
    pub machine: Machine,
    /// The framework runtimes that took part.
    pub runtimes: Vec<RuntimeRecord>,
    /// The verdicts, counted.
    pub summary: Counts,
    /// The cases, in the order of their ids.
    pub cases: Vec<CaseResult>,
    /// The measurements, in the order in which they were made.
    pub measurements: Vec<Measurement>,
}

/// When and how a run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The command line, as it can be typed again.
    pub command_line: Vec<String>,
    /// The commit of the project, with `-dirty` where files differed from it; `None` outside of a
    /// clone.
    pub commit: Option<String>,
    /// The version of the harness.
    pub harness_version: String,
    /// The server's isolation policy.
    pub isolation: suites::Isolation,
    /// Whose behaviour was expected.
    pub profile: suites::Profile,
    /// Whether the measurements were shortened.
    pub quick: bool,
    /// When it began, in UTC.
    pub start: Timestamp,
    /// How long it took, in seconds.
    pub duration_s: f64,
    /// Whether it was ended early; the record then holds what was done until then.
    pub interrupted: bool,
    /// What about the machine makes the measurements less trustworthy.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// What went wrong beside the cases, such as a measurement that could not be made.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// A framework runtime that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeRecord {
    /// Its name, such as `onnxruntime-1.32.0`.
    pub name: String,
    /// Its framework.
    pub framework: String,
    /// Its version.
    pub version: String,
    /// Where its libraries lie.
    pub path: String,
}

/// Verdicts, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Cases that went as expected.
    pub passed: usize,
    /// Cases that did not.
    pub failed: usize,
    /// Cases that were not run.
    pub skipped: usize,
    /// Cases in which the harness itself failed.
    pub errors: usize,
}

impl Counts {
    /// Counts the verdicts of `cases`.
    #[must_use]
    pub fn of(cases: &[CaseResult]) -> Self {
        let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
        Self {
            passed: count(Verdict::Pass),
            failed: count(Verdict::Fail),
            skipped: count(Verdict::Skip),
            errors: count(Verdict::Error),
        }
    }

    /// All cases.
    #[must_use]
    pub fn total(&self) -> usize {
        self.passed + self.failed + self.skipped + self.errors
    }
}

impl Results {
    /// What the whole run came to.
    #[must_use]
    pub fn verdict(&self) -> Overall {
        match self.summary {
            counts if counts.failed > 0 => Overall::Failed,
            counts if counts.errors > 0 => Overall::Error,
            _ if !self.run.problems.is_empty() => Overall::Error,
            _ if self.run.interrupted => Overall::Interrupted,
            _ => Overall::Passed,
        }
    }
}

/// What a whole run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overall {
    /// Everything as expected.
    Passed,
    /// At least one case not as expected.
    Failed,
    /// The harness itself failed somewhere.
    Error,
    /// As expected so far, and ended early.
    Interrupted,
}
