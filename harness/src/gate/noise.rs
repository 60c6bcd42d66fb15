//! How much two builds seem to differ, and how well that is known.

use serde::{Deserialize, Serialize};

use crate::statistics::{Variance, VariancePrior, mean, sorted, upper_quantile, upper_tail};

/// Below this relative standard deviation no noise is believed, so that runs that agree by chance, or by
/// the resolution of the clock, prove nothing.
const SMALLEST_NOISE: f64 = 1e-3;

/// How the runs of the two sides belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Runs of one side were made at other times than those of the other. The runs of the candidate
    /// share the conditions of their moment, so their mean is taken to be no better known than one of
    /// them: the change has the variance of a run, and that of the mean of the baseline's runs.
    Stored,
    /// The n-th run of the one side was made right before or after the n-th of the other. What both of a
    /// pair share cancels, and the change is the mean of the pairs' differences, without
    /// the fifth at each end.
    Paired,
}

/// What one quantity cost in each run: logarithms, larger is worse.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Costs {
    /// In the runs of the baseline.
    pub baseline: Vec<f64>,
    /// In those of the candidate; where runs are paired, in the same order.
    pub candidate: Vec<f64>,
    /// The variance of a cost that the samples within a run allow, in the baseline and in the candidate;
    /// zero where that is not known. Runs of one build can agree better than that by chance only.
    pub within: [f64; 2],
}

impl Costs {
    /// The runs of the side that has fewer.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.baseline.len().min(self.candidate.len())
    }
}

/// A change and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The logarithm of the candidate's cost by the baseline's: above zero is worse.
    pub change: f64,
    /// Its standard error; `None` where nothing shows how much runs of one build differ.
    pub error: Option<Error>,
}

/// A standard error that is estimated itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Error {
    /// The standard error of the change.
    pub standard: f64,
    /// The degrees of freedom with which it is known.
    pub degrees: f64,
    /// The standard deviation between runs of one build, or between pairs.
    pub noise: f64,
}

impl Design {
    /// The variance between runs of one build, or between the differences of pairs, from these costs
    /// alone; `None` where there are too few.
    #[must_use]
    pub fn variance(self, costs: &Costs) -> Option<Variance> {
        if self == Self::Paired {
            return Trimmed::of(&differences(costs)).and_then(|trimmed| trimmed.variance);
        }
        let groups = [&costs.baseline, &costs.candidate];
        let squares: f64 = groups.iter().map(|group| squares(group)).sum();
        let degrees: usize = groups
            .iter()
            .map(|group| group.len().saturating_sub(1))
            .sum();
        (degrees > 0).then(|| Variance {
            variance: squares / degrees as f64,
            degrees: degrees as f64,
        })
    }

    /// The change in `costs`, which has values on both sides, by what they tell of the noise and by the
    /// `prior` of others like them.
    #[must_use]
    pub fn estimate(self, costs: &Costs, prior: Option<VariancePrior>) -> Estimate {
        let middle = |values: &[f64]| mean(values).unwrap_or_default();
        let change = match self {
            Self::Stored => middle(&costs.candidate) - middle(&costs.baseline),
            Self::Paired => Trimmed::of(&differences(costs)).map_or(0.0, |trimmed| trimmed.mean),
        };
        let own = self.variance(costs);
        let known = match (own, prior) {
            (Some(own), Some(prior)) => Some(prior.moderate(own)),
            (None, Some(prior)) => Some(Variance {
                variance: prior.variance,
                degrees: prior.degrees,
            }),
            (own, None) => own,
        };
        let error = known.map(|known| {
            let [of_baseline, of_candidate] = costs.within;
            let (floor, factor) = match self {
                Self::Stored => (
                    of_baseline.max(of_candidate),
                    1.0 + 1.0 / costs.baseline.len() as f64,
                ),
                Self::Paired => (
                    of_baseline + of_candidate,
                    1.0 / differences(costs).len() as f64,
                ),
            };
            let variance = known.variance.max(floor).max(SMALLEST_NOISE.powi(2));
            Error {
                standard: (variance * factor).sqrt(),
                degrees: known.degrees,
                noise: variance.sqrt(),
            }
        });
        Estimate { change, error }
    }
}

impl Estimate {
    /// The probability of a change as bad or worse where nothing has changed; `None` where the noise is
    /// not known.
    #[must_use]
    pub fn probability(&self) -> Option<f64> {
        let error = self.error?;
        Some(upper_tail(self.change / error.standard, error.degrees))
    }

    /// The change that the true one exceeds with `probability` at most.
    #[must_use]
    pub fn upper_bound(&self, probability: f64) -> Option<f64> {
        Some(self.change + self.margin(probability)?)
    }

    /// What an estimate exceeds with `probability` where nothing has changed.
    #[must_use]
    pub fn margin(&self, probability: f64) -> Option<f64> {
        let error = self.error?;
        Some(upper_quantile(probability, error.degrees) * error.standard)
    }
}

fn differences(costs: &Costs) -> Vec<f64> {
    let pairs = costs.candidate.iter().zip(&costs.baseline);
    pairs
        .map(|(candidate, baseline)| candidate - baseline)
        .collect()
}

/// The mean of the values in the middle, so that a pair of which something disturbed one run decides
/// nothing, and the variance by which that mean is judged: of the values with the outer ones drawn in, for
/// the share that is left (K. K. Yuen, "The two-sample trimmed t for unequal population variances",
/// Biometrika 61, 1974).
struct Trimmed {
    mean: f64,
    /// `None` where fewer than two values are left.
    variance: Option<Variance>,
}

impl Trimmed {
    /// The share that is left out at each end.
    const SHARE: f64 = 0.2;

    fn of(values: &[f64]) -> Option<Self> {
        let mut drawn_in = sorted(values.to_vec());
        let count = drawn_in.len();
        let out = (count as f64 * Self::SHARE) as usize;
        let middle = mean(drawn_in.get(out..count - out)?)?;
        for outer in 0..out {
            drawn_in[outer] = drawn_in[out];
            drawn_in[count - 1 - outer] = drawn_in[count - 1 - out];
        }
        let left = count - 2 * out;
        let share = left as f64 / count as f64;
        Some(Self {
            mean: middle,
            variance: (left > 1).then(|| Variance {
                variance: squares(&drawn_in) / (count - 1) as f64 / (share * share),
                degrees: (left - 1) as f64,
            }),
        })
    }
}

/// The sum of squared distances from the mean.
fn squares(values: &[f64]) -> f64 {
    let middle = mean(values).unwrap_or_default();
    values.iter().map(|value| (value - middle).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(baseline: &[f64], candidate: &[f64]) -> Costs {
        Costs {
            baseline: baseline.to_vec(),
            candidate: candidate.to_vec(),
            within: [0.0; 2],
        }
    }

    #[test]
    fn a_stored_baseline_is_compared_as_one_further_run() {
        let costs = costs(&[1.0, 1.2, 1.1, 1.1], &[1.3]);
        let estimate = Design::Stored.estimate(&costs, None);
        let error = estimate.error.unwrap();
        assert!((estimate.change - 0.2).abs() < 1e-12);
        assert_eq!(error.degrees, 3.0);
        let variance: f64 = 0.02 / 3.0;
        assert!((error.standard - (variance * 1.25).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn what_both_of_a_pair_share_cancels() {
        let costs = costs(&[1.0, 1.5, 2.0], &[1.11, 1.6, 2.09]);
        let paired = Design::Paired.estimate(&costs, None);
        let stored = Design::Stored.estimate(&costs, None);
        assert!((paired.change - 0.1).abs() < 1e-9);
        assert!(paired.error.unwrap().standard < 0.01);
        assert!(stored.error.unwrap().standard > 0.4);
        assert!(paired.probability().unwrap() < 0.005);
        assert!(stored.probability().unwrap() > 0.3);
    }

    #[test]
    fn a_pair_that_was_disturbed_decides_nothing() {
        let mut baseline = vec![1.0; 10];
        baseline[3] = 1.5;
        let candidate: Vec<f64> = (0..10).map(|run| 1.1 + 0.001 * f64::from(run)).collect();
        let estimate = Design::Paired.estimate(&costs(&baseline, &candidate), None);
        assert!((estimate.change - 0.105).abs() < 0.002, "{estimate:?}");
        assert!(estimate.probability().unwrap() < 1e-4, "{estimate:?}");
    }

    #[test]
    fn one_run_of_each_says_nothing_of_the_noise() {
        for design in [Design::Stored, Design::Paired] {
            let estimate = design.estimate(&costs(&[1.0], &[2.0]), None);
            assert_eq!((estimate.error, estimate.probability()), (None, None));
            let prior = VariancePrior {
                variance: 1e-4,
                degrees: 12.0,
            };
            let estimate = design.estimate(&costs(&[1.0], &[2.0]), Some(prior));
            assert_eq!(estimate.error.unwrap().degrees, 12.0, "others tell");
        }
    }

    #[test]
    fn runs_that_agree_by_chance_are_no_better_known_than_their_samples() {
        let mut costs = costs(&[1.0, 1.0, 1.0], &[1.001, 1.001, 1.001]);
        let standard = |costs: &Costs| Design::Stored.estimate(costs, None).error.unwrap();
        assert!(standard(&costs).noise >= SMALLEST_NOISE);
        costs.within = [0.01_f64.powi(2), 0.02_f64.powi(2)];
        assert!((standard(&costs).noise - 0.02).abs() < 1e-12);
    }
}
