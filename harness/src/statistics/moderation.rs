//! Variances of many things, each estimated from few values, estimated better together.

/// What many variances have in common: how large they are, and how much that says about one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VariancePrior {
    /// The variance that is expected before anything is known.
    pub variance: f64,
    /// Degrees of freedom that this is worth; at most as many as all the estimates had together.
    pub degrees: f64,
}

/// A variance and the degrees of freedom with which it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variance {
    /// The variance.
    pub variance: f64,
    /// Degrees of freedom.
    pub degrees: f64,
}

impl VariancePrior {
    /// Variances from which a prior can be told, at least.
    pub const FEWEST: usize = 3;

    /// The prior that fits `known` best: the true variances are taken as inverse chi-squared around a
    /// common value, and the two parameters are those that give the logarithms of the estimates their
    /// mean and variance (G. K. Smyth, "Linear models and empirical Bayes methods for assessing
    /// differential expression in microarray experiments", Statistical Applications in Genetics and
    /// Molecular Biology 3, 2004, section 6.2).
    ///
    /// Estimates that are not positive or have no degree of freedom do not count. `None` where fewer
    /// than [`Self::FEWEST`] are left.
    #[must_use]
    pub fn fit(known: &[Variance]) -> Option<Self> {
        let usable: Vec<&Variance> = known
            .iter()
            .filter(|known| known.variance > 0.0 && known.degrees > 0.0)
            .collect();
        if usable.len() < Self::FEWEST {
            return None;
        }
        let count = usable.len() as f64;
        let logarithms: Vec<f64> = usable
            .iter()
            .map(|known| {
                let half = known.degrees / 2.0;
                known.variance.ln() - digamma(half) + half.ln()
            })
            .collect();
        let mean = logarithms.iter().sum::<f64>() / count;
        let squares: f64 = logarithms.iter().map(|value| (value - mean).powi(2)).sum();
        let of_estimates: f64 = usable
            .iter()
            .map(|known| trigamma(known.degrees / 2.0))
            .sum();
        let between = squares / (count - 1.0) - of_estimates / count;
        // Estimates that vary no more than equal variances would: one variance for all. It is not known
        // better than all of them together know it, whatever the fit says.
        let all: f64 = usable.iter().map(|known| known.degrees).sum();
        Some(if between <= 0.0 {
            Self {
                variance: mean.exp(),
                degrees: all,
            }
        } else {
            let half = trigamma_inverse(between);
            Self {
                variance: (mean + digamma(half) - half.ln()).exp(),
                degrees: all.min(2.0 * half),
            }
        })
    }

    /// The variance of one of them, from its own estimate and from what all have in common.
    #[must_use]
    pub fn moderate(&self, own: Variance) -> Variance {
        let degrees = self.degrees + own.degrees;
        Variance {
            variance: (self.degrees * self.variance + own.degrees * own.variance) / degrees,
            degrees,
        }
    }
}

/// The derivative of the logarithm of the gamma function, for positive `x`: moved to where its
/// asymptotic series is exact (NIST Digital Library of Mathematical Functions, 5.5.2 and 5.11.2).
fn digamma(mut x: f64) -> f64 {
    let mut value = 0.0;
    while x < 10.0 {
        value -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    value + x.ln()
        - 0.5 / x
        - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square / 240.0)))
}

/// The derivative of [`digamma`], in the same way (5.15.8).
fn trigamma(mut x: f64) -> f64 {
    let mut value = 0.0;
    while x < 10.0 {
        value += 1.0 / (x * x);
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    value
        + 1.0 / x
        + square / 2.0
        + square / x * (1.0 / 6.0 - square * (1.0 / 30.0 - square * (1.0 / 42.0 - square / 30.0)))
}

/// The positive x with `trigamma(x) = value`, which is positive; between 1e-4 and 1e6.
fn trigamma_inverse(value: f64) -> f64 {
    let (mut low, mut high) = (1e-4_f64.ln(), 1e6_f64.ln());
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if trigamma(middle.exp()) > value {
            low = middle;
        } else {
            high = middle;
        }
    }
    high.exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn gamma_functions_have_their_known_values() {
        let euler = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + euler).abs() < 1e-12);
        assert!((digamma(0.5) + euler + 2.0 * 2.0_f64.ln()).abs() < 1e-12);
        let pi_squared = std::f64::consts::PI.powi(2);
        assert!((trigamma(1.0) - pi_squared / 6.0).abs() < 1e-12);
        assert!((trigamma(0.5) - pi_squared / 2.0).abs() < 1e-12);
        for x in [0.01, 0.7, 3.0, 40.0, 1e4] {
            assert!(
                (trigamma_inverse(trigamma(x)) / x - 1.0).abs() < 1e-6,
                "{x}"
            );
        }
    }

    /// A sum of squares of `degrees` normal variables, by its degrees.
    fn estimate(random: &mut StdRng, variance: f64, degrees: u32) -> Variance {
        let squares: f64 = (0..degrees).map(|_| normal(random).powi(2)).sum();
        Variance {
            variance: variance * squares / f64::from(degrees),
            degrees: f64::from(degrees),
        }
    }

    fn normal(random: &mut StdRng) -> f64 {
        // Box and Muller, 1958.
        let (u, v) = (1.0 - random.random::<f64>(), random.random::<f64>());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    #[test]
    fn a_prior_is_recovered() {
        let mut random = StdRng::seed_from_u64(11);
        let known: Vec<Variance> = (0..3000)
            .map(|_| {
                let chi = estimate(&mut random, 1.0, 8).variance;
                estimate(&mut random, 4.0 / chi, 3)
            })
            .collect();
        let prior = VariancePrior::fit(&known).unwrap();
        assert!((prior.variance - 4.0).abs() < 0.3, "{prior:?}");
        assert!((6.5..10.0).contains(&prior.degrees), "{prior:?}");
    }

    #[test]
    fn equal_variances_are_worth_much() {
        let mut random = StdRng::seed_from_u64(12);
        let known: Vec<Variance> = (0..500).map(|_| estimate(&mut random, 9.0, 4)).collect();
        let prior = VariancePrior::fit(&known).unwrap();
        assert!((30.0..=2000.0).contains(&prior.degrees), "{prior:?}");
        let moderated = prior.moderate(known[0]);
        assert!((moderated.variance - 9.0).abs() < 2.0, "{moderated:?}");
        assert!(moderated.degrees > 34.0);
    }

    #[test]
    fn nothing_is_made_up_from_too_little() {
        let known = |variance, degrees| Variance { variance, degrees };
        assert_eq!(
            VariancePrior::fit(&[known(1.0, 2.0), known(2.0, 2.0)]),
            None
        );
        let unusable = [known(0.0, 2.0), known(1.0, 0.0), known(1.0, 2.0)];
        assert_eq!(VariancePrior::fit(&unusable), None);
    }
}
