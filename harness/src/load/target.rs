//! A latency that is to be met: `p99<2ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::command_line::parse_duration;

/// A percentile of the latency and the time that it must stay below.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The percentile as a fraction above 0 and below 1.
    pub percentile: f64,
    /// The time.
    pub limit: Duration,
}

/// A text that is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no latency target: expected pNN<TIME, such as p99<2ms or p99.9<500us")]
pub struct ParseTargetError {
    text: String,
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (percentile, limit) = text.split_once('<')?;
            let percentile = percentile.trim().strip_prefix('p')?.parse::<f64>().ok()?;
            let limit = limit.strip_prefix('=').unwrap_or(limit);
            let limit = parse_duration(limit.trim()).ok()?;
            // A percentile beyond p99.999 would need millions of samples.
            let is_possible = percentile > 0.0 && percentile <= 99.999 && !limit.is_zero();
            is_possible.then_some(Self {
                percentile: percentile / 100.0,
                limit,
            })
        };
        read().ok_or_else(|| ParseTargetError {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} < {:?}", percentile_name(self.percentile), self.limit)
    }
}

impl Target {
    /// Whether a latency in microseconds meets it.
    #[must_use]
    pub fn is_met_by(&self, latency_us: f64) -> bool {
        latency_us < self.limit.as_secs_f64() * 1e6
    }
}

/// `p99.9` for 0.999.
pub fn percentile_name(fraction: f64) -> String {
    let percent = (fraction * 1e5).round() / 1e3;
    format!("p{percent}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_reads_percentile_and_time() {
        let target: Target = "p99<2ms".parse().unwrap();
        assert_eq!(
            (target.percentile, target.limit),
            (0.99, Duration::from_millis(2))
        );
        assert_eq!(target.to_string(), "p99 < 2ms");
        assert!(target.is_met_by(1999.9) && !target.is_met_by(2000.0));
        let target: Target = "p99.9 <= 500us".parse().unwrap();
        assert_eq!(target.to_string(), "p99.9 < 500µs");
        for text in [
            "99<2ms", "p0<2ms", "p100<1s", "p99<2", "p99>2ms", "p99<0s", "",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[p0-9.<=mus ]{0,12}") {
            if let Ok(target) = text.parse::<Target>() {
                prop_assert!(target.percentile > 0.0 && target.percentile < 1.0);
                prop_assert!(!target.limit.is_zero());
            }
        }

        #[test]
        fn what_is_typed_is_what_is_meant(percent in 1_u32..1000, limit in 1_u64..100_000) {
            let text = format!("p{}<{limit}us", f64::from(percent) / 10.0);
            let target: Target = text.parse().unwrap();
            prop_assert!((target.percentile - f64::from(percent) / 1000.0).abs() < 1e-12);
            prop_assert_eq!(target.limit, Duration::from_micros(limit));
        }
    }
}
