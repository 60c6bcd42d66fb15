//! What of a measurement is compared, and which way is better.

use serde::{Deserialize, Serialize};

use crate::measurement::Measurement;

/// One number of a measurement that two builds are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// The median of the samples.
    Median,
    /// Requests a second.
    Throughput,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Times and memory.
    LowerIsBetter,
    /// Rates and speed-ups.
    HigherIsBetter,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Median, Self::Throughput];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Throughput => "throughput",
        }
    }

    /// Its value in `measurement`; `None` where that has none, or one that has no logarithm.
    #[must_use]
    pub fn of(self, measurement: &Measurement) -> Option<f64> {
        let value = match self {
            Self::Median => Some(measurement.median),
            Self::Throughput => measurement.throughput,
        };
        value.filter(|value| value.is_finite() && *value > 0.0)
    }

    /// Its unit in `measurement`.
    #[must_use]
    pub fn unit(self, measurement: &Measurement) -> &str {
        match self {
            Self::Median => &measurement.unit,
            Self::Throughput => "/s",
        }
    }
}

impl Direction {
    /// The direction of `unit`: what is counted a second and how many times as fast something is should
    /// be high, everything else low.
    #[must_use]
    pub fn of_unit(unit: &str) -> Self {
        match unit {
            "/s" | "×" => Self::HigherIsBetter,
            _ => Self::LowerIsBetter,
        }
    }

    /// The logarithm of what `value` costs: larger is worse.
    #[must_use]
    pub fn cost(self, value: f64) -> f64 {
        match self {
            Self::LowerIsBetter => value.ln(),
            Self::HigherIsBetter => -value.ln(),
        }
    }

    /// The value whose cost has the logarithm `cost`.
    #[must_use]
    pub fn value(self, cost: f64) -> f64 {
        match self {
            Self::LowerIsBetter => cost.exp(),
            Self::HigherIsBetter => (-cost).exp(),
        }
    }
}

/// A change in `unit` below this is none, whatever its share of the value: what the clock, an allocator or
/// the rounding of a ratio can do by itself.
#[must_use]
pub fn smallest_change(unit: &str) -> f64 {
    match unit {
        // Two readings of the clock take some 50 ns, and where code lies in memory does the rest.
        "us" => 0.1,
        "ms" => 0.1,
        // What one arena of an allocator more or less is.
        "MiB" => 0.5,
        "×" => 0.02,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_and_memory_are_low_rates_and_speed_ups_high() {
        for unit in ["us", "ms", "MiB"] {
            assert_eq!(Direction::of_unit(unit), Direction::LowerIsBetter);
        }
        for unit in ["/s", "×"] {
            assert_eq!(Direction::of_unit(unit), Direction::HigherIsBetter);
        }
        assert!(Direction::HigherIsBetter.cost(90.0) > Direction::HigherIsBetter.cost(100.0));
        assert!(Direction::LowerIsBetter.cost(100.0) > Direction::LowerIsBetter.cost(90.0));
    }

    proptest! {
        #[test]
        fn value_and_cost_undo_each_other(value in 1e-6..1e9_f64) {
            for direction in [Direction::LowerIsBetter, Direction::HigherIsBetter] {
                let back = direction.value(direction.cost(value));
                prop_assert!((back / value - 1.0).abs() < 1e-9);
            }
        }
    }
}
