//! What a reader of a measurement should know before believing it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A reason to be careful with a number. Its text is advice to the user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "id", rename_all = "kebab-case")]
pub enum Warning {
    /// The time was used up before the mean was known well enough.
    NoisyMean {
        /// The relative standard error that was reached.
        reached: f64,
        /// The one that was wanted.
        wanted: f64,
        /// The time that was used up, in seconds.
        budget_s: f64,
    },
    /// The time was used up before there were enough samples.
    TooFewSamples {
        /// Samples taken.
        samples: usize,
        /// Samples wanted.
        wanted: usize,
        /// The time that was used up, in seconds.
        budget_s: f64,
    },
    /// Many samples lie far from the others.
    Outliers {
        /// Samples beyond the outer fences.
        severe: usize,
        /// All samples.
        of: usize,
    },
    /// The load generator itself takes a large part of the time.
    GeneratorOverhead {
        /// This throughput as a share of what the generator reaches with a null server on its own
        /// thread: an upper bound of the generator's part of the time, at most 1.
        share: f64,
    },
    /// Other work was going on when the measurement began.
    BusyMachine {
        /// The share of the processors' time that it took.
        share: f64,
    },
    /// The clock of the GPU was held down, or changed.
    GpuClock {
        /// The lowest clock of its multiprocessors after a round, in MHz.
        lowest_mhz: u32,
        /// The highest, in MHz.
        highest_mhz: u32,
        /// What held it down, such as `the power limit`; empty where the GPU does not tell.
        by: Vec<String>,
    },
    /// The processor's clock follows the load.
    ClockScaling {
        /// The governor's name.
        governor: String,
    },
}

impl Warning {
    /// The share of severe outliers above which [`Warning::Outliers`] is given.
    pub const OUTLIER_SHARE: f64 = 0.05;
    /// The share of the generator above which [`Warning::GeneratorOverhead`] is given.
    pub const GENERATOR_SHARE: f64 = 0.5;
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoisyMean {
                reached,
                wanted,
                budget_s,
            } => write!(
                f,
                "the mean is known to ±{:.1} % only ({:.1} % wanted) after {budget_s} s: end other \
                 programs, or measure without --quick",
                reached * 100.0,
                wanted * 100.0
            ),
            Self::TooFewSamples {
                samples,
                wanted,
                budget_s,
            } => write!(
                f,
                "only {samples} of {wanted} samples fit into {budget_s} s: measure without --quick, \
                 or on a faster machine"
            ),
            Self::Outliers { severe, of } => write!(
                f,
                "{severe} of {of} samples lie far from the others: something else ran at times; \
                 trust the median, not the mean"
            ),
            Self::GeneratorOverhead { share } => write!(
                f,
                "up to {:.0} % of this time may be the load generator's own, going by its rate with \
                 a server that does nothing: the server may be faster than this number says",
                share * 100.0
            ),
            Self::BusyMachine { share } => write!(
                f,
                "other programs took {:.0} % of the processors' time when the measurements began: \
                 end them and measure again",
                share * 100.0
            ),
            Self::GpuClock {
                lowest_mhz,
                highest_mhz,
                by,
            } => {
                let by = match by.as_slice() {
                    [] => String::new(),
                    reasons => format!(" ({} held it down)", reasons.join(" and ")),
                };
                write!(
                    f,
                    "the clock of the GPU was between {lowest_mhz} and {highest_mhz} MHz{by}: let it \
                     cool down, end other programs on it, or lock its clocks for numbers that can be \
                     compared"
                )
            }
            Self::ClockScaling { governor } => write!(
                f,
                "the processor's clock follows the load (governor '{governor}'): set the governor \
                 'performance' for numbers that can be compared"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_says_what_to_make_of_it() {
        let warnings = [
            Warning::NoisyMean {
                reached: 0.031,
                wanted: 0.01,
                budget_s: 2.0,
            },
            Warning::TooFewSamples {
                samples: 4,
                wanted: 20,
                budget_s: 1.5,
            },
            Warning::Outliers { severe: 9, of: 100 },
            Warning::GeneratorOverhead { share: 0.41 },
            Warning::BusyMachine { share: 0.62 },
            Warning::ClockScaling {
                governor: "powersave".into(),
            },
            Warning::GpuClock {
                lowest_mhz: 1410,
                highest_mhz: 1980,
                by: vec!["the power limit".into(), "its temperature".into()],
            },
        ];
        let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn it_is_read_back_as_it_was_written() {
        let warning = Warning::Outliers { severe: 1, of: 12 };
        let json = serde_json::to_string(&warning).unwrap();
        assert_eq!(json, r#"{"id":"outliers","severe":1,"of":12}"#);
        assert_eq!(serde_json::from_str::<Warning>(&json).unwrap(), warning);
    }
}
