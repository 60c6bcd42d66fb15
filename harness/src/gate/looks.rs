//! When a comparison of pairs is looked at, and what each look may decide.

use std::time::{Duration, Instant};

use super::comparison::Limits;
use super::outcome::Outcome;
use crate::quantity::count;

/// Looks at a comparison to which pairs are added while it has no conclusion.
///
/// Who looks often enough finds something in noise. Therefore the n-th look may take the share
/// 1 / (n (n + 1)) of the errors that are allowed: all shares together are one, however many looks there
/// will be (C. Bonferroni's inequality). Between looks the pairs become half as many again, so that there
/// are few.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// Pairs before the first look, whatever time they take.
    pub first: usize,
    /// Pairs are added as long as they are expected to end within this time.
    pub longest: Duration,
}

impl Looks {
    /// Looks until something is a regression, or everything passes, or the time is over; what is told then
    /// is the last look. `look` is asked to measure so many further pairs and to compare all by limits.
    ///
    /// # Errors
    /// Those of `look`.
    pub fn take<E>(
        &self,
        limits: Limits,
        mut look: impl FnMut(usize, Limits) -> Result<Outcome, E>,
    ) -> Result<Outcome, E> {
        let begin = Instant::now();
        let (mut pairs, mut more) = (0, self.first);
        let mut number = 1;
        loop {
            let mut outcome = look(more, share(limits, number))?;
            pairs += more;
            if outcome.is_clear() {
                return Ok(outcome);
            }
            more = self.further(pairs, begin.elapsed());
            if more == 0 {
                outcome.notes.push(format!(
                    "after {} there was no time for more: give more (--max-duration), choose fewer \
                     measurements (--filter), or a quieter machine",
                    count(pairs, "pair")
                ));
                return Ok(outcome);
            }
            number += 1;
        }
    }

    /// How many pairs to add to `pairs`, which took `elapsed`.
    fn further(&self, pairs: usize, elapsed: Duration) -> usize {
        let left = self.longest.saturating_sub(elapsed);
        let of_one = elapsed.as_secs_f64() / pairs as f64;
        let possible = (left.as_secs_f64() / of_one) as usize;
        possible.min(pairs.div_ceil(2))
    }
}

/// What the look `number`, counted from 1, may take of `limits`.
fn share(limits: Limits, number: u32) -> Limits {
    let share = 1.0 / f64::from(number * (number + 1));
    Limits {
        false_alarms: limits.false_alarms * share,
        false_passes: limits.false_passes * share,
        ..limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Design, MeasuredRun, compare};
    use crate::sample::sample_results;

    /// Runs whose values are multiplied with what `times` gives for their number.
    fn runs(count: usize, times: impl Fn(usize) -> f64) -> Vec<MeasuredRun> {
        let one = |number: usize| {
            let mut run = MeasuredRun::of(&sample_results()).unwrap();
            run.measurements.truncate(3);
            for measurement in &mut run.measurements {
                measurement.median *= times(number);
                measurement.ci95 = None;
                measurement.throughput = None;
            }
            run
        };
        (0..count).map(one).collect()
    }

    /// What is looked at where the candidate takes `times` as long in each run.
    fn looked(longest: Duration, times: impl Fn(usize) -> f64) -> (Vec<usize>, Outcome) {
        let looks = Looks { first: 4, longest };
        let (mut steps, mut pairs) = (Vec::new(), 0);
        let outcome = looks.take(Limits::default(), |more, limits| {
            std::thread::sleep(Duration::from_millis(1));
            steps.push(more);
            pairs += more;
            let (a, b) = (runs(pairs, |_| 1.0), runs(pairs, &times));
            compare(("a", &a), ("b", &b), Design::Paired, limits)
        });
        (steps, outcome.unwrap())
    }

    #[test]
    fn what_is_clear_needs_one_look() {
        let hour = Duration::from_secs(3600);
        let (steps, outcome) = looked(hour, |run| 1.0 + 0.001 * run as f64);
        assert_eq!((steps, outcome.exit().code()), (vec![4], 0));
        assert!((outcome.limits.false_alarms / Limits::default().false_alarms - 0.5).abs() < 1e-9);
        let (steps, outcome) = looked(hour, |run| 1.2 + 0.001 * run as f64);
        assert_eq!((steps, outcome.exit().code()), (vec![4], 4));
        assert!(outcome.notes.is_empty());
    }

    #[test]
    fn what_is_not_clear_gets_half_as_many_pairs_again() {
        let hour = Duration::from_secs(3600);
        let noisy = |run: usize| 1.12 + if run.is_multiple_of(2) { 0.06 } else { -0.06 };
        let (steps, outcome) = looked(hour, noisy);
        assert_eq!(steps[..3], [4, 2, 3]);
        assert_eq!(outcome.exit().code(), 4);
    }

    #[test]
    fn time_that_is_over_is_told_and_no_regression() {
        let noisy = |run: usize| 1.12 + if run.is_multiple_of(2) { 0.5 } else { -0.5 };
        let (steps, outcome) = looked(Duration::ZERO, noisy);
        assert_eq!((steps, outcome.exit().code()), (vec![4], 5));
        assert!(outcome.notes[0].contains("after 4 pairs"), "{outcome:?}");
        let looks = Looks {
            first: 4,
            longest: Duration::from_secs(10),
        };
        assert_eq!(looks.further(8, Duration::from_secs(8)), 2);
        assert_eq!(looks.further(8, Duration::from_secs(2)), 4);
        assert_eq!(looks.further(8, Duration::from_secs(11)), 0);
    }

    #[test]
    fn all_looks_together_take_what_is_allowed() {
        let taken: f64 = (1..1000)
            .map(|number| share(Limits::default(), number).false_alarms)
            .sum();
        assert!((taken / Limits::default().false_alarms - 1.0).abs() < 2e-3);
    }
}
