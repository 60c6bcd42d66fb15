//! One quantity of one measurement on both sides, and by what it is judged.

use serde::{Deserialize, Serialize};

use super::judgement::{Reason, Verdict};
use super::machine_key::Difference;
use super::quantity::{Direction, Quantity};
use crate::measurement::Kind;

/// By what comparisons are judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// By how much something may become worse, as a share: 0.05 for 5 %.
    pub max_regression: f64,
    /// The probability of one or more false alarms among all comparisons together (the family-wise error
    /// rate), where nothing has changed; where pairs are looked at several times, the share of this look.
    pub false_alarms: f64,
    /// The probability, for each comparison, of a pass although it is worse by twice the limit.
    pub false_passes: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_regression: 0.05,
            false_alarms: 0.01,
            false_passes: 0.01,
        }
    }
}

/// One quantity of one measurement on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The id of the measurement.
    pub id: String,
    /// What of it.
    pub quantity: Quantity,
    /// What kind of thing was measured.
    pub kind: Kind,
    /// The unit of the values.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
    /// What it came to.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The geometric mean of the baseline's runs.
    pub baseline: f64,
    /// The geometric mean of the candidate's runs.
    pub candidate: f64,
    /// By how much the candidate is worse, as a share of the baseline; negative where it is better. Of
    /// what should be high, it is by how much more the baseline has than the candidate.
    pub worse: f64,
    /// The 95 % interval of `worse`, for this comparison by itself.
    pub interval: Option<[f64; 2]>,
    /// The relative standard deviation between runs of one build; of differences, where runs are paired.
    pub noise: Option<f64>,
    /// The smallest regression that would have been told for sure to be one, as a share: a larger one is
    /// told with a probability above ½.
    pub smallest_told: Option<f64>,
    /// The probability of one or more such changes among all comparisons where nothing has changed.
    pub adjusted_probability: Option<f64>,
    /// The value of each of the baseline's runs.
    pub baseline_runs: Vec<f64>,
    /// The value of each of the candidate's runs.
    pub candidate_runs: Vec<f64>,
}

/// Why there is nothing to say about two sides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NothingInCommon {
    /// Their numbers depend on different circumstances.
    #[error(
        "{candidate} cannot be compared with {baseline}: they differ in {}; measure both on one machine \
         and in one configuration",
        differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Circumstances {
        /// What is compared.
        candidate: String,
        /// With what.
        baseline: String,
        /// In what they differ.
        differences: Vec<Difference>,
    },
    /// No measurement is on both sides.
    #[error(
        "{candidate} has no measurement in common with {baseline}: run the harness with the same --filter \
         and --framework on both sides"
    )]
    Measurements {
        /// What is compared.
        candidate: String,
        /// With what.
        baseline: String,
    },
}
