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
    /// The windows of a load test did not agree.
    Unstable {
        /// In what.
        reason: String,
        /// How many windows there were.
        windows: usize,
    },
    /// There are too few samples for the percentile that was asked for.
    TooFewForPercentile {
        /// Which one, such as `p99`.
        percentile: String,
        /// Samples taken.
        samples: usize,
        /// Samples that it needs.
        needed: usize,
    },
    /// The load generator may be what limits the numbers.
    ClientBound {
        /// The share of a processor that it took.
        processor_share: f64,
        /// This throughput as a share of what it reaches with a server that does nothing.
        share: f64,
    },
    /// Requests of an open loop were sent after their moment.
    LateSends {
        /// Those by more than a millisecond.
        late: usize,
        /// All.
        of: usize,
    },
    /// The server answered fewer requests than were to be sent.
    Overloaded {
        /// Requests a second that were to be sent.
        rate: f64,
        /// Answers a second.
        throughput: f64,
    },
    /// Requests failed, or were answered wrongly.
    FailedRequests {
        /// Those without an answer.
        failed: usize,
        /// Those with a wrong one.
        wrong: usize,
        /// All.
        of: usize,
        /// What was said most often.
        reason: String,
    },
    /// Any server was taken for the right one.
    UnverifiedServer {
        /// The server as it was typed.
        url: String,
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
    /// The share of a processor above which the load generator may be what limits the numbers.
    pub const CLIENT_PROCESSOR_SHARE: f64 = 0.8;
    /// The share of late requests above which [`Warning::LateSends`] is given.
    pub const LATE_SHARE: f64 = 0.01;
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
            Self::Unstable { reason, windows } => write!(
                f,
                "the numbers had not settled after {windows} windows: {reason}; end other programs, \
                 or allow more with --max-windows or longer ones with --window"
            ),
            Self::TooFewForPercentile {
                percentile,
                samples,
                needed,
            } => write!(
                f,
                "{percentile} needs {needed} samples, there are {samples}: measure longer, with \
                 --window, --duration or --requests"
            ),
            Self::ClientBound {
                processor_share,
                share,
            } => write!(
                f,
                "the load generator took {:.0} % of a processor{}: the server may be faster than \
                 these numbers say; run the generator on another machine, or lower the load",
                processor_share * 100.0,
                if *share > 0.0 {
                    format!(
                        " and reaches, with a server that does nothing, {:.1} times this throughput",
                        1.0 / share
                    )
                } else {
                    String::new()
                }
            ),
            Self::LateSends { late, of } => write!(
                f,
                "{late} of {of} requests were sent more than 1 ms after their moment, as all \
                 connections were in use or the generator was busy; their latency counts from the \
                 moment; raise --connections if the server can take more at once"
            ),
            Self::Overloaded { rate, throughput } => write!(
                f,
                "the server does not keep up: {throughput:.0} of {rate:.0} requests a second were \
                 answered, and latency grows for as long as this goes on; lower the rate"
            ),
            Self::FailedRequests {
                failed,
                wrong,
                of,
                reason,
            } => write!(
                f,
                "of {of} requests, {failed} failed and {wrong} had a wrong answer ({reason}); latency \
                 and throughput are those of the others: do not trust them before that is repaired"
            ),
            Self::UnverifiedServer { url } => write!(
                f,
                "the certificate of {url} was not verified: another server may have answered in its \
                 place; give the authority of its certificate with --ca-certificate instead of --insecure"
            ),
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
            Warning::Unstable {
                reason: "latency rises from window to window, by 12 % so far".into(),
                windows: 10,
            },
            Warning::TooFewForPercentile {
                percentile: "p99.9".into(),
                samples: 1200,
                needed: 6636,
            },
            Warning::ClientBound {
                processor_share: 0.93,
                share: 0.4,
            },
            Warning::LateSends { late: 12, of: 900 },
            Warning::Overloaded {
                rate: 5000.0,
                throughput: 3100.4,
            },
            Warning::FailedRequests {
                failed: 3,
                wrong: 1,
                of: 900,
                reason: "the server answered 503: busy".into(),
            },
            Warning::UnverifiedServer {
                url: "grpcs://server.example:8001".into(),
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
