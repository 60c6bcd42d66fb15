//! From an estimate to a verdict.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::noise::Estimate;

/// What a comparison came to; the worst is the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Not worse by more than the limit.
    Pass,
    /// It cannot be told.
    Inconclusive,
    /// Worse, by more than the limit and by more than noise does.
    Regression,
}

/// Why the verdict is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Pass: within the limit, and well enough known.
    WithinLimit,
    /// Pass: beyond the limit as a share, and too small in its unit to be a change.
    TooSmall,
    /// Regression.
    BeyondNoise,
    /// Inconclusive: beyond the limit, and noise does as much.
    WithinNoise,
    /// Inconclusive: within the limit, and a change of twice the limit would look the same.
    TooNoisy,
    /// Inconclusive: beyond noise, in too few runs to rule out that they were disturbed.
    TooFewRuns,
    /// Inconclusive: nothing shows how much runs of one build differ.
    NoiseUnknown,
    /// Inconclusive: beyond noise, and other programs were busy in the candidate's runs alone.
    BusyMachine,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Regression => "regression",
        })
    }
}

impl Verdict {
    /// A sign for it.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Pass => "✓",
            Self::Inconclusive => "?",
            Self::Regression => "✗",
        }
    }
}

impl Reason {
    /// The verdict that it is the reason of.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::WithinLimit | Self::TooSmall => Verdict::Pass,
            Self::BeyondNoise => Verdict::Regression,
            Self::WithinNoise
            | Self::TooNoisy
            | Self::TooFewRuns
            | Self::NoiseUnknown
            | Self::BusyMachine => Verdict::Inconclusive,
        }
    }

    /// In words, with what to do where something can be done.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::WithinLimit => "not worse by more than the limit",
            Self::TooSmall => "the change is too small in its unit to tell anything",
            Self::BeyondNoise => "worse by more than the limit and by more than noise does",
            Self::WithinNoise => {
                "beyond the limit, but runs of one build differ as much: measure more runs"
            }
            Self::TooNoisy => {
                "within the limit, but a regression of twice the limit could hide in the noise: measure \
                 more runs, on a quieter machine, or without --quick"
            }
            Self::TooFewRuns => {
                "worse, in fewer than three runs, which something else may have disturbed: measure three"
            }
            Self::NoiseUnknown => {
                "nothing shows how much runs of one build differ: save three runs or more as the baseline"
            }
            Self::BusyMachine => {
                "worse, but other programs were busy as it was measured and not as the baseline was: end \
                 them and measure again"
            }
        }
    }
}

/// What a verdict is made by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The logarithm of the cost that is allowed.
    pub limit: f64,
    /// The logarithm of a cost that a pass has to exclude.
    pub excluded: f64,
    /// The level of false alarms, among all comparisons together.
    pub false_alarms: f64,
    /// The probability with which a pass may exclude wrongly, for each comparison.
    pub false_passes: f64,
    /// Whether other programs were busy in the candidate's runs alone.
    pub busy: bool,
}

impl Rule {
    /// A regression is told from this many runs on each side: one of two runs that something disturbed
    /// looks like a slower build, and how often that happens is not part of the noise between other runs.
    pub const FEWEST_RUNS: usize = 3;

    /// The reason that decides for `estimate`, whose probability has been adjusted for all comparisons to
    /// `adjusted`, from at least `runs` runs on each side. `counts` tells whether a change of so much is large enough in its unit.
    ///
    /// A pass is decided for each comparison by itself, because a set of comparisons passes only where
    /// each does (R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling",
    /// Technometrics 24, 1982); only false alarms add up.
    #[must_use]
    pub fn decide(
        &self,
        estimate: &Estimate,
        adjusted: Option<f64>,
        runs: usize,
        counts: impl Fn(f64) -> bool,
    ) -> Reason {
        let Some((adjusted, bound)) = adjusted.zip(estimate.upper_bound(self.false_passes)) else {
            return if estimate.change > self.limit && !counts(estimate.change) {
                Reason::TooSmall
            } else {
                Reason::NoiseUnknown
            };
        };
        let is_beyond = estimate.change > self.limit;
        match (is_beyond, counts(estimate.change)) {
            (true, false) => Reason::TooSmall,
            (true, true) if adjusted > self.false_alarms => Reason::WithinNoise,
            (true, true) if runs < Self::FEWEST_RUNS => Reason::TooFewRuns,
            (true, true) if self.busy => Reason::BusyMachine,
            (true, true) => Reason::BeyondNoise,
            (false, _) if bound > self.excluded && counts(bound) => Reason::TooNoisy,
            (false, _) => Reason::WithinLimit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::noise::Error;

    const RULE: Rule = Rule {
        limit: 0.05,
        excluded: 0.10,
        false_alarms: 0.01,
        false_passes: 0.05,
        busy: false,
    };

    fn reason(rule: Rule, change: f64, standard: f64, counts: bool) -> Reason {
        let estimate = Estimate {
            change,
            error: Some(Error {
                standard,
                degrees: 20.0,
                noise: standard,
            }),
        };
        rule.decide(&estimate, estimate.probability(), 3, |_| counts)
    }

    #[test]
    fn each_reason_has_its_case() {
        assert_eq!(reason(RULE, 0.00, 0.01, true), Reason::WithinLimit);
        assert_eq!(reason(RULE, -0.5, 0.01, true), Reason::WithinLimit);
        assert_eq!(reason(RULE, 0.04, 0.10, true), Reason::TooNoisy);
        assert_eq!(reason(RULE, 0.04, 0.10, false), Reason::WithinLimit);
        assert_eq!(reason(RULE, 0.06, 0.05, true), Reason::WithinNoise);
        assert_eq!(reason(RULE, 0.06, 0.01, true), Reason::BeyondNoise);
        assert_eq!(reason(RULE, 0.06, 0.01, false), Reason::TooSmall);
        let busy = Rule { busy: true, ..RULE };
        assert_eq!(reason(busy, 0.06, 0.01, true), Reason::BusyMachine);
        assert_eq!(reason(busy, 0.00, 0.01, true), Reason::WithinLimit);
        let sure = Estimate {
            change: 0.5,
            error: Some(Error {
                standard: 0.01,
                degrees: 20.0,
                noise: 0.01,
            }),
        };
        let few = RULE.decide(&sure, sure.probability(), 2, |_| true);
        assert_eq!(few, Reason::TooFewRuns);
        let unknown = Estimate {
            change: 0.5,
            error: None,
        };
        assert_eq!(
            RULE.decide(&unknown, None, 3, |_| true),
            Reason::NoiseUnknown
        );
    }

    #[test]
    fn the_worst_verdict_is_the_largest() {
        assert!(Verdict::Regression > Verdict::Inconclusive);
        assert!(Verdict::Inconclusive > Verdict::Pass);
    }
}
