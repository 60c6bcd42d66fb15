//! All measurements together.

use serde::{Deserialize, Serialize};

use super::judgement::{Reason, Rule, Verdict};
use super::noise::{Costs, Design, Estimate};
use super::quantity::Quantity;
use super::subject::{Subject, interval};
use crate::statistics::mean;

/// The geometric mean over all measurements, which shows what is too small to show in one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// How many measurements: those that are in every run of both sides.
    pub measurements: usize,
    /// What it came to.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// By how much the candidate is worse, as a share; negative where it is better.
    pub worse: f64,
    /// The 95 % interval of `worse`.
    pub interval: Option<[f64; 2]>,
    /// The relative standard deviation of the geometric mean between runs of one build; of differences,
    /// where runs are paired.
    pub noise: Option<f64>,
}

impl Aggregate {
    /// The estimate of the mean over the medians of `subjects`, and over how many. Each run has one mean,
    /// and its noise is the spread of those: what moves all measurements of a run together counts.
    /// `None` where fewer than two measurements are in every run. `runs` is the number of runs of each
    /// side.
    pub(super) fn estimate(
        subjects: &[Subject],
        runs: (usize, usize),
        design: Design,
    ) -> Option<(Estimate, usize)> {
        let everywhere: Vec<&Costs> = subjects
            .iter()
            .filter(|subject| subject.quantity == Quantity::Median)
            .map(|subject| &subject.costs)
            .filter(|costs| (costs.baseline.len(), costs.candidate.len()) == runs)
            .collect();
        if everywhere.len() < 2 {
            return None;
        }
        let mean_of = |run: usize, side: fn(&Costs) -> &Vec<f64>| {
            let costs: Vec<f64> = everywhere.iter().map(|costs| side(costs)[run]).collect();
            mean(&costs).unwrap_or_default()
        };
        let costs = Costs {
            baseline: (0..runs.0)
                .map(|run| mean_of(run, |costs| &costs.baseline))
                .collect(),
            candidate: (0..runs.1)
                .map(|run| mean_of(run, |costs| &costs.candidate))
                .collect(),
            within: [0.0; 2],
        };
        Some((design.estimate(&costs, None), everywhere.len()))
    }

    pub(super) fn judged(
        estimate: &Estimate,
        measurements: usize,
        adjusted: Option<f64>,
        runs: usize,
        rule: &Rule,
    ) -> Self {
        let reason = rule.decide(estimate, adjusted, runs, |_| true);
        Self {
            measurements,
            verdict: reason.verdict(),
            reason,
            worse: estimate.change.exp_m1(),
            interval: interval(estimate),
            noise: estimate.error.map(|error| error.noise),
        }
    }
}
