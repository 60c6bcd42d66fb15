//! The schedule of an open loop.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::pace::Arrivals;

/// The moments at which requests are to be sent, from the start of the load on; without an end.
#[derive(Debug)]
pub struct Schedule {
    rate: f64,
    arrivals: Arrivals,
    random: StdRng,
    index: u64,
    /// Seconds from the start to the last arrival (Poisson).
    at: f64,
}

impl Schedule {
    /// `rate` requests a second; the same seed gives the same schedule.
    pub fn new(rate: f64, arrivals: Arrivals, seed: u64) -> Self {
        Self {
            rate,
            arrivals,
            random: StdRng::seed_from_u64(seed),
            index: 0,
            at: 0.0,
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let at = match self.arrivals {
            // From the index, so that rounding errors do not add up.
            Arrivals::Constant => self.index as f64 / self.rate,
            Arrivals::Poisson => {
                // Inverse of the exponential distribution; 1 - u is never 0.
                let uniform: f64 = self.random.random();
                self.at -= (1.0 - uniform).ln() / self.rate;
                self.at
            }
        };
        self.index += 1;
        // A schedule of years is followed to no end.
        Some(Duration::try_from_secs_f64(at).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn constant_arrivals_are_even() {
        let schedule = Schedule::new(1000.0, Arrivals::Constant, 1);
        let moments: Vec<Duration> = schedule.take(4).collect();
        assert_eq!(moments, [0, 1, 2, 3].map(Duration::from_millis));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_their_distribution() {
        let moments: Vec<f64> = Schedule::new(500.0, Arrivals::Poisson, 7)
            .take(100_000)
            .map(|moment| moment.as_secs_f64())
            .collect();
        let gaps: Vec<f64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = crate::statistics::mean(&gaps).unwrap();
        let deviation = crate::statistics::standard_deviation(&gaps).unwrap();
        assert!((mean * 500.0 - 1.0).abs() < 0.02, "{mean}");
        // The standard deviation of an exponential distribution is its mean.
        assert!((deviation / mean - 1.0).abs() < 0.02, "{deviation}");
        // Gaps that follow each other know nothing of each other.
        let correlation: f64 = gaps
            .windows(2)
            .map(|pair| (pair[0] - mean) * (pair[1] - mean))
            .sum::<f64>()
            / (gaps.len() as f64 * deviation * deviation);
        assert!(correlation.abs() < 0.02, "{correlation}");
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_schedule(seed: u64, rate in 0.5..1e5_f64) {
            let take = |seed| Schedule::new(rate, Arrivals::Poisson, seed).take(50).collect::<Vec<_>>();
            prop_assert_eq!(take(seed), take(seed));
            prop_assert!(take(seed).is_sorted());
            prop_assert_ne!(take(seed), take(seed.wrapping_add(1)));
        }
    }
}
