//! What is kept of runs to compare others with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::measurement::{Measurement, Warning};
use crate::results::{Machine, Results, RuntimeRecord};

/// The version of the format of a baseline's file. It grows when a reader of the old format would misread
/// the new one.
pub const BASELINE_SCHEMA_VERSION: u32 = 1;

/// Runs of one build, under a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// See [`BASELINE_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Its name.
    pub name: String,
    /// When runs were last added to it, in UTC.
    pub saved: Timestamp,
    /// The runs, at least one, in the order in which they were given.
    pub runs: Vec<MeasuredRun>,
}

/// What of a run a comparison needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredRun {
    /// The commit that it was made at.
    pub commit: Option<String>,
    /// When it began, in UTC.
    pub start: Timestamp,
    /// Whether its measurements were shortened.
    pub quick: bool,
    /// The server's isolation policy.
    pub isolation: String,
    /// Where it was made.
    pub machine: Machine,
    /// The framework runtimes that took part.
    pub runtimes: Vec<RuntimeRecord>,
    /// What about the machine made the numbers less trustworthy.
    pub warnings: Vec<Warning>,
    /// The measurements, without the samples that plots draw: nothing here is decided by them.
    pub measurements: Vec<Measurement>,
}

/// Why a run cannot be compared with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotMeasured {
    /// There is nothing to compare.
    #[error(
        "it has no measurement: leave out --suite, or choose some with --filter, such as \
         `cargo harness run --filter '^serving/'`"
    )]
    Nothing,
    /// Numbers of several machines stand side by side in it.
    #[error(
        "it was joined from parts that were measured on {machines} different machines: give the folders \
         of the parts themselves, those of one machine"
    )]
    SeveralMachines {
        /// How many.
        machines: usize,
    },
}

impl MeasuredRun {
    /// What of `results` is kept.
    ///
    /// # Errors
    /// [`NotMeasured`].
    pub fn of(results: &Results) -> Result<Self, NotMeasured> {
        if results.measurements.is_empty() {
            return Err(NotMeasured::Nothing);
        }
        let mut machines = results.machines();
        machines.retain(|(_, parts)| {
            parts.is_empty() || parts.iter().any(|part| !part.measurements.is_empty())
        });
        if machines.len() > 1 {
            return Err(NotMeasured::SeveralMachines {
                machines: machines.len(),
            });
        }
        let machine = machines.first().map(|(machine, _)| (*machine).clone());
        let measurements = results.measurements.iter().map(|measurement| Measurement {
            observed: Vec::new(),
            ..measurement.clone()
        });
        Ok(Self {
            commit: results.run.commit.clone(),
            start: results.run.start,
            quick: results.run.quick,
            isolation: results.run.isolation.to_string(),
            machine: machine.unwrap_or_else(|| results.machine.clone()),
            runtimes: results.runtimes.clone(),
            warnings: results.run.warnings.clone(),
            measurements: measurements.collect(),
        })
    }

    /// The measurement `id`.
    #[must_use]
    pub fn measurement(&self, id: &str) -> Option<&Measurement> {
        self.measurements.iter().find(|measured| measured.id == id)
    }

    /// Whether other programs were busy as its measurements began.
    #[must_use]
    pub fn was_busy(&self) -> bool {
        let mut warnings = self.warnings.iter();
        warnings.any(|warning| matches!(warning, Warning::BusyMachine { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Part;
    use crate::sample::sample_results;

    #[test]
    fn a_run_without_a_measurement_is_refused_with_a_remedy() {
        let mut results = sample_results();
        results.measurements.clear();
        let error = MeasuredRun::of(&results).unwrap_err();
        assert_eq!(error, NotMeasured::Nothing);
        assert!(error.to_string().contains("--filter"));
    }

    #[test]
    fn parts_of_one_machine_are_a_run_and_those_of_two_are_not() {
        let mut results = sample_results();
        let part = |machine: Machine, results: &Results| Part {
            shard: "1/2".to_owned(),
            command_line: Vec::new(),
            start: results.run.start,
            duration_s: 1.0,
            interrupted: false,
            machine,
            cases: Vec::new(),
            measurements: vec!["startup/onnxruntime/spawn-to-ready".to_owned()],
        };
        let here = results.machine.clone();
        results.run.parts = vec![part(here.clone(), &results), part(here.clone(), &results)];
        assert_eq!(MeasuredRun::of(&results).unwrap().machine, here);
        let there = Machine {
            cpu: Some("Another CPU".to_owned()),
            ..here
        };
        results.run.parts[1].machine = there;
        let error = MeasuredRun::of(&results).unwrap_err();
        assert_eq!(error, NotMeasured::SeveralMachines { machines: 2 });
        results.run.parts[1].measurements.clear();
        assert!(MeasuredRun::of(&results).is_ok());
    }
}
