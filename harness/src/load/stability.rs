//! When numbers have settled.

use std::fmt;

use super::record::Window;

/// The rule by which windows are judged: the last [`windows`](Self::WINDOWS) must agree in
/// throughput *and* latency, each within `bound` of their mean, as `perf_analyzer` has it. Beyond
/// that, a window without an answer never agrees, and windows that only ever rise in latency by more
/// than half of the bound are taken for a queue that grows, not for numbers that have settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// How far a window may lie from the mean of those that are compared, as a share of it.
    pub bound: f64,
}

/// Why windows have not settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unmet {
    /// There are too few of them yet.
    TooFew,
    /// There were no answers in one.
    NoAnswers,
    /// Their throughputs differ by so much of their mean.
    Throughput(f64),
    /// Their latencies differ by so much of their mean.
    Latency(f64),
    /// Latency rose from each to the next, by so much of their mean.
    Rising(f64),
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        match self {
            Self::TooFew => f.write_str("there are fewer than three windows"),
            Self::NoAnswers => f.write_str("nothing was answered in one of the last windows"),
            Self::Throughput(spread) => write!(
                f,
                "the throughput of the last windows lies up to {:.0} % from their mean",
                percent(*spread)
            ),
            Self::Latency(spread) => write!(
                f,
                "the latency of the last windows lies up to {:.0} % from their mean",
                percent(*spread)
            ),
            Self::Rising(rise) => write!(
                f,
                "latency rises from window to window, by {:.0} % so far",
                percent(*rise)
            ),
        }
    }
}

impl Rule {
    /// How many windows must agree.
    pub const WINDOWS: usize = 3;

    /// Judges all windows so far, of which the last count.
    ///
    /// # Errors
    /// [`Unmet`]: why they have not settled.
    pub fn judge(&self, windows: &[Window]) -> Result<(), Unmet> {
        let Some(begin) = windows.len().checked_sub(Self::WINDOWS) else {
            return Err(Unmet::TooFew);
        };
        let last = &windows[begin..];
        let latencies: Vec<f64> = last.iter().filter_map(|window| window.latency_us).collect();
        if latencies.len() < last.len() {
            return Err(Unmet::NoAnswers);
        }
        let throughputs: Vec<f64> = last.iter().map(|window| window.throughput).collect();
        let spread = distance(&throughputs);
        if spread > self.bound {
            return Err(Unmet::Throughput(spread));
        }
        let spread = distance(&latencies);
        if spread > self.bound {
            return Err(Unmet::Latency(spread));
        }
        let rise = (latencies[latencies.len() - 1] - latencies[0]) / mean(&latencies);
        if latencies.is_sorted_by(|a, b| a < b) && rise > self.bound / 2.0 {
            return Err(Unmet::Rising(rise));
        }
        Ok(())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The largest distance from the mean, as a share of it.
fn distance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let far = values.iter().map(|value| (value - mean).abs());
    far.fold(0.0, f64::max) / mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn windows(numbers: &[(f64, f64)]) -> Vec<Window> {
        let window = |(throughput, latency): &(f64, f64)| Window {
            duration_s: 1.0,
            throughput: *throughput,
            latency_us: (*latency > 0.0).then_some(*latency),
            counts: false,
        };
        numbers.iter().map(window).collect()
    }

    const RULE: Rule = Rule { bound: 0.1 };

    #[test]
    fn the_last_three_decide() {
        let judged = |numbers: &[(f64, f64)]| RULE.judge(&windows(numbers));
        assert_eq!(judged(&[(100.0, 5.0), (100.0, 5.0)]), Err(Unmet::TooFew));
        let settled = [(10.0, 90.0), (100.0, 5.0), (101.0, 5.1), (99.0, 5.0)];
        assert_eq!(judged(&settled), Ok(()));
        let idle = [(100.0, 5.0), (0.0, 0.0), (99.0, 5.0)];
        assert_eq!(judged(&idle), Err(Unmet::NoAnswers));
        let uneven = [(100.0, 5.0), (130.0, 5.0), (100.0, 5.0)];
        assert!(matches!(judged(&uneven), Err(Unmet::Throughput(_))));
        let slow = [(100.0, 5.0), (100.0, 9.0), (100.0, 5.0)];
        assert!(matches!(judged(&slow), Err(Unmet::Latency(_))));
    }

    #[test]
    fn a_queue_that_grows_has_not_settled() {
        let growing = [(100.0, 50.0), (100.0, 52.0), (100.0, 54.0)];
        assert!(matches!(
            RULE.judge(&windows(&growing)),
            Err(Unmet::Rising(_))
        ));
        let wavering = [(100.0, 50.0), (100.0, 54.0), (100.0, 52.0)];
        assert_eq!(RULE.judge(&windows(&wavering)), Ok(()));
    }

    proptest! {
        #[test]
        fn what_a_bound_accepts_a_wider_one_accepts(
            numbers in proptest::collection::vec((90.0..110.0_f64, 90.0..110.0_f64), 3..6),
            bound in 0.01..0.3_f64,
        ) {
            let windows = windows(&numbers);
            if (Rule { bound }).judge(&windows).is_ok() {
                prop_assert_eq!(Rule { bound: bound * 2.0 }.judge(&windows), Ok(()));
            }
        }
    }
}
