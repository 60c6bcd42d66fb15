//! How fast requests are sent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the requests of an open loop are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Independent of each other, as those of many users: the gaps are exponentially distributed.
    Poisson,
    /// Evenly.
    Constant,
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Poisson => "poisson",
            Self::Constant => "constant",
        })
    }
}

/// When a request is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Closed loop: as soon as one of so many is answered.
    Closed {
        /// Requests under way at the same time.
        concurrency: u32,
    },
    /// Open loop: by a schedule that does not know of the answers.
    Open {
        /// Requests a second.
        rate: f64,
        /// How they are spaced.
        arrivals: Arrivals,
        /// The most that are under way; one that finds no place is sent late, and its latency
        /// counts from the moment at which it was to be sent.
        connections: u32,
    },
}

impl Pace {
    /// The most requests that are under way.
    #[must_use]
    pub fn slots(self) -> u32 {
        match self {
            Self::Closed { concurrency } => concurrency,
            Self::Open { connections, .. } => connections,
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { concurrency } => write!(f, "concurrency {concurrency}"),
            Self::Open { rate, arrivals, .. } => {
                write!(f, "{}/s {arrivals}", (rate * 100.0).round() / 100.0)
            }
        }
    }
}
