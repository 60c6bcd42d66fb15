//! Samples that lie far from the others.

use super::percentile;

/// How many samples lie far outside the middle half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outliers {
    /// Samples beyond the outer fences.
    pub severe: usize,
    /// All samples.
    pub of: usize,
}

impl Outliers {
    /// The share of severe outliers, 0 to 1; 0 without samples.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.of == 0 {
            0.0
        } else {
            self.severe as f64 / self.of as f64
        }
    }
}

/// Counts samples beyond Tukey's outer fences: more than three interquartile ranges below the
/// first or above the third quartile (J. W. Tukey, "Exploratory Data Analysis", chapter 2).
/// The inner fences (1.5) would mark one sample in forty of any long-tailed latency distribution.
#[must_use]
pub fn outliers(ascending: &[f64]) -> Outliers {
    let (Some(first), Some(third)) = (percentile(ascending, 0.25), percentile(ascending, 0.75))
    else {
        return Outliers { severe: 0, of: 0 };
    };
    let reach = 3.0 * (third - first);
    let severe = ascending
        .iter()
        .filter(|sample| **sample < first - reach || **sample > third + reach)
        .count();
    Outliers {
        severe,
        of: ascending.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::sorted;

    #[test]
    fn an_even_spread_has_none() {
        let samples: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(
            outliers(&samples),
            Outliers {
                severe: 0,
                of: 1000
            }
        );
        assert_eq!(outliers(&[]).share(), 0.0);
    }

    #[test]
    fn both_far_ends_are_counted() {
        let mut samples: Vec<f64> = (100..200).map(f64::from).collect();
        samples.extend([-1000.0, 1000.0, 2000.0]);
        let found = outliers(&sorted(samples));
        assert_eq!(found, Outliers { severe: 3, of: 103 });
        assert!((found.share() - 3.0 / 103.0).abs() < 1e-12);
    }
}
