//! `results.json`: the record of a run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use suites::{CaseResult, Verdict};

use super::check::Check;
use super::machine::Machine;
use crate::load::{Load, LoadPoint};
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
    /// What came of op libraries and models that a user brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// What was put under load, where the measurements are those of a load test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
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
    /// What was to be done, of which it may have done a part.
    #[serde(default)]
    pub selection: Selected,
    /// The part of the selection that it did, such as `2/4`; `None`: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The parts that it was joined from, in their order; empty where it was made in one piece.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// When it began, in UTC: its first part, where it has several.
    pub start: Timestamp,
    /// How long it took, in seconds: all its parts together, where it has several.
    pub duration_s: f64,
    /// Whether it was ended early; the record then holds what was done until then.
    pub interrupted: bool,
    /// What about the machine makes the measurements less trustworthy.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// What went wrong beside the cases, such as a measurement that could not be made.
    #[serde(default)]
    pub problems: Vec<String>,
    /// What a reader must know about the whole record although nothing went wrong in it, such as a
    /// part that is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

/// What a run was asked to do. Empty lists: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selected {
    /// Frameworks.
    pub frameworks: Vec<String>,
    /// Suites.
    pub suites: Vec<String>,
    /// The pattern that an id must match.
    pub filter: Option<String>,
    /// The runtimes that were named.
    pub runtimes: Vec<String>,
    /// Whether all runtimes were asked for, and full sizes.
    pub full: bool,
}

/// One part of a run that was made in several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Which one, such as `2/4`.
    pub shard: String,
    /// The command line, as it can be typed again.
    pub command_line: Vec<String>,
    /// When it began, in UTC.
    pub start: Timestamp,
    /// How long it took, in seconds.
    pub duration_s: f64,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// Where it was made.
    pub machine: Machine,
    /// The ids of the cases that are its own.
    pub cases: Vec<String>,
    /// The ids of the measurements that are its own.
    pub measurements: Vec<String>,
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
    /// The part that the case `id` is from; `None` where the run was made in one piece.
    #[must_use]
    pub fn part_of_case(&self, id: &str) -> Option<&Part> {
        let mut parts = self.run.parts.iter();
        parts.find(|part| part.cases.iter().any(|case| case == id))
    }

    /// The part that the measurement `id` is from; `None` where the run was made in one piece.
    #[must_use]
    pub fn part_of_measurement(&self, id: &str) -> Option<&Part> {
        let mut parts = self.run.parts.iter();
        parts.find(|part| part.measurements.iter().any(|measured| measured == id))
    }

    /// The machines that it was made on, each once, with the parts that were made there; one
    /// without parts where it was made in one piece.
    #[must_use]
    pub fn machines(&self) -> Vec<(&Machine, Vec<&Part>)> {
        if self.run.parts.is_empty() {
            return vec![(&self.machine, Vec::new())];
        }
        let mut machines: Vec<(&Machine, Vec<&Part>)> = Vec::new();
        for part in &self.run.parts {
            let mut known = machines.iter_mut();
            match known.find(|(machine, _)| machine.is_like(&part.machine)) {
                Some((_, parts)) => parts.push(part),
                None => machines.push((&part.machine, vec![part])),
            }
        }
        machines
    }

    /// Whether a load test had requests that failed or were answered wrongly, a pace without any
    /// answer, or missed its latency target.
    fn load_failed(&self) -> bool {
        let Some(load) = &self.load else {
            return false;
        };
        let mut points = self.measurements.iter().filter_map(|it| it.load.as_ref());
        load.target_met == Some(false)
            || !self.run.problems.is_empty()
            || points.any(LoadPoint::has_failed_requests)
    }

    /// What the whole run came to.
    #[must_use]
    pub fn verdict(&self) -> Overall {
        match self.summary {
            counts if counts.failed > 0 => Overall::Failed,
            counts if counts.errors > 0 => Overall::Error,
            _ if self.load_failed() => Overall::Failed,
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
