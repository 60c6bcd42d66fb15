//! Takes samples until they are good enough or the time is used up.

use std::time::Duration;

use super::clock::Clock;
use super::subject::Subject;
use super::warning::Warning;
use crate::statistics;

/// When a measurement begins to count, and when it ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Rounds whose samples are thrown away first, at least.
    pub warm_up_rounds: usize,
    /// Time that the thrown-away rounds take, at least.
    pub warm_up: Duration,
    /// Samples that are wanted before a small error is believed.
    pub minimum_samples: usize,
    /// The relative standard error of the mean that is small enough.
    pub relative_standard_error: f64,
    /// Time after which no further round begins.
    pub budget: Duration,
}

/// What the engine got.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// All samples in ascending order, in the subject's unit.
    pub ascending: Vec<f64>,
    /// Time that the counted rounds took.
    pub elapsed: Duration,
    /// What a reader of the numbers should know.
    pub warnings: Vec<Warning>,
}

impl Samples {
    /// Samples a second of counted rounds; `None` where no time passed.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.elapsed.as_secs_f64();
        (seconds > 0.0).then(|| self.ascending.len() as f64 / seconds)
    }
}

/// Measures `subject`: warms up, then takes rounds until the relative standard error is small
/// enough or the budget is used up. A condition that was not met becomes a warning; the samples
/// count all the same. At least one round is taken, whatever the budget.
///
/// # Errors
/// The first error of the subject.
pub fn measure(
    policy: &Policy,
    clock: &impl Clock,
    subject: &mut (impl Subject + ?Sized),
) -> anyhow::Result<Samples> {
    let warm_up_begin = clock.now();
    let mut warm_up_rounds = 0;
    while warm_up_rounds < policy.warm_up_rounds || clock.now() - warm_up_begin < policy.warm_up {
        subject.round()?;
        warm_up_rounds += 1;
    }

    let begin = clock.now();
    let mut samples = Vec::new();
    let mut spread = Spread::default();
    loop {
        let round = subject.round()?;
        round.iter().for_each(|sample| spread.add(*sample));
        samples.extend(round);
        let enough = samples.len() >= policy.minimum_samples
            && spread
                .relative_standard_error()
                .is_some_and(|error| error <= policy.relative_standard_error);
        if enough || clock.now() - begin >= policy.budget {
            break;
        }
    }
    let elapsed = clock.now() - begin;

    let ascending = statistics::sorted(samples);
    let mut warnings = Vec::new();
    if ascending.len() < policy.minimum_samples {
        warnings.push(Warning::TooFewSamples {
            samples: ascending.len(),
            wanted: policy.minimum_samples,
            budget_s: policy.budget.as_secs_f64(),
        });
    }
    if let Some(reached) = statistics::relative_standard_error(&ascending)
        && reached > policy.relative_standard_error
    {
        warnings.push(Warning::NoisyMean {
            reached,
            wanted: policy.relative_standard_error,
            budget_s: policy.budget.as_secs_f64(),
        });
    }
    let outliers = statistics::outliers(&ascending);
    if outliers.share() > Warning::OUTLIER_SHARE {
        warnings.push(Warning::Outliers {
            severe: outliers.severe,
            of: outliers.of,
        });
    }
    Ok(Samples {
        ascending,
        elapsed,
        warnings,
    })
}

/// Mean and variance of a growing set of samples, so that the stopping rule costs the same after
/// a million samples as after ten (B. P. Welford, Technometrics 4, 1962).
#[derive(Debug, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, sample: f64) {
        self.count += 1.0;
        let from_old_mean = sample - self.mean;
        self.mean += from_old_mean / self.count;
        self.squares += from_old_mean * (sample - self.mean);
    }

    fn relative_standard_error(&self) -> Option<f64> {
        (self.count >= 2.0 && self.mean > 0.0)
            .then(|| (self.squares / (self.count - 1.0) / self.count).sqrt() / self.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    /// A clock that moves only when the subject says so.
    #[derive(Default)]
    struct MockClock(Cell<Duration>);

    impl Clock for MockClock {
        fn now(&self) -> Duration {
            self.0.get()
        }
    }

    /// Every round takes `round_ms` and yields the next `per_round` of the samples, in a circle.
    struct MockSubject<'a> {
        clock: &'a MockClock,
        round_ms: u64,
        per_round: usize,
        cycle: &'a [f64],
        rounds: usize,
    }

    impl Subject for MockSubject<'_> {
        fn round(&mut self) -> anyhow::Result<Vec<f64>> {
            self.clock
                .0
                .set(self.clock.0.get() + Duration::from_millis(self.round_ms));
            let first = self.rounds * self.per_round;
            self.rounds += 1;
            Ok((first..first + self.per_round)
                .map(|i| self.cycle[i % self.cycle.len()])
                .collect())
        }
    }

    const POLICY: Policy = Policy {
        warm_up_rounds: 2,
        warm_up: Duration::from_millis(50),
        minimum_samples: 20,
        relative_standard_error: 0.01,
        budget: Duration::from_millis(1000),
    };

    fn run(policy: &Policy, round_ms: u64, per_round: usize, cycle: &[f64]) -> (Samples, usize) {
        let clock = MockClock::default();
        let mut subject = MockSubject {
            clock: &clock,
            round_ms,
            per_round,
            cycle,
            rounds: 0,
        };
        let samples = measure(policy, &clock, &mut subject).unwrap();
        (samples, subject.rounds)
    }

    #[test]
    fn steady_samples_end_it_at_the_minimum() {
        let (samples, rounds) = run(&POLICY, 10, 1, &[10.0, 10.1]);
        assert_eq!(samples.ascending.len(), 20);
        assert_eq!(samples.elapsed, Duration::from_millis(200));
        assert_eq!(
            rounds,
            5 + 20,
            "five rounds of 10 ms fill the warm-up of 50 ms"
        );
        assert_eq!(samples.warnings, []);
        assert_eq!(samples.rate(), Some(100.0));
    }

    #[test]
    fn slow_rounds_are_still_warmed_up_by_count() {
        let (_, rounds) = run(&POLICY, 400, 20, &[10.0]);
        assert_eq!(rounds, 2 + 1);
    }

    #[test]
    fn noise_uses_the_budget_up_and_is_named() {
        let (samples, _) = run(&POLICY, 10, 1, &[1.0, 9.0]);
        assert_eq!(samples.ascending.len(), 100);
        let [
            Warning::NoisyMean {
                reached,
                wanted,
                budget_s,
            },
        ] = samples.warnings[..]
        else {
            panic!("{:?}", samples.warnings);
        };
        assert!(reached > 0.05 && wanted == 0.01 && budget_s == 1.0);
    }

    #[test]
    fn a_short_budget_leaves_too_few_samples_and_is_named() {
        let (samples, _) = run(&POLICY, 300, 1, &[10.0]);
        assert_eq!(samples.ascending.len(), 4);
        assert_eq!(
            samples.warnings,
            [Warning::TooFewSamples {
                samples: 4,
                wanted: 20,
                budget_s: 1.0
            }]
        );
    }

    #[test]
    fn no_budget_still_gives_one_round() {
        let policy = Policy {
            budget: Duration::ZERO,
            ..POLICY
        };
        let (samples, rounds) = run(&policy, 100, 1, &[10.0]);
        assert_eq!((samples.ascending.len(), rounds), (1, 3));
    }

    #[test]
    fn far_samples_are_named() {
        let mut cycle = vec![10.0, 10.1, 10.2, 10.3];
        cycle.extend([40.0]);
        let policy = Policy {
            relative_standard_error: 10.0,
            ..POLICY
        };
        let (samples, _) = run(&policy, 10, 1, &cycle);
        assert_eq!(samples.warnings, [Warning::Outliers { severe: 4, of: 20 }]);
    }

    #[test]
    fn an_error_of_the_subject_ends_it() {
        let mut failing = || anyhow::bail!("no server");
        let error = measure(&POLICY, &MockClock::default(), &mut failing).unwrap_err();
        assert_eq!(error.to_string(), "no server");
    }

    proptest! {
        #[test]
        fn the_running_spread_agrees_with_the_direct_one(
            samples in proptest::collection::vec(0.1..1e6_f64, 2..100),
        ) {
            let mut spread = Spread::default();
            samples.iter().for_each(|sample| spread.add(*sample));
            let direct = statistics::relative_standard_error(&samples).unwrap();
            let running = spread.relative_standard_error().unwrap();
            prop_assert!((direct - running).abs() <= 1e-9 * (1.0 + direct));
        }
    }
}
