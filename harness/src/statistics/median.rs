//! The median and its confidence interval.

/// A two-sided 95 % confidence interval of a median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MedianInterval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The median of ascending samples: the middle one, or the mean of the two in the middle.
/// `None` without samples.
#[must_use]
pub fn median(ascending: &[f64]) -> Option<f64> {
    let middle = ascending.len() / 2;
    match ascending.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(ascending[middle]),
        _ => Some(f64::midpoint(ascending[middle - 1], ascending[middle])),
    }
}

/// The 95 % confidence interval of the median of ascending samples, from order statistics.
///
/// It assumes nothing about the distribution: the number of samples below the true median is
/// binomial with probability ½, so the interval from the k-th smallest to the k-th largest sample
/// covers it with probability `1 - 2 P(B <= k - 1)`; k is the largest that keeps this at 95 % or
/// more (W. J. Conover, "Practical Nonparametric Statistics", section 3.2). Below six samples no
/// such interval exists, and the answer is `None`.
#[must_use]
pub fn median_interval(ascending: &[f64]) -> Option<MedianInterval> {
    let depth = interval_depth(ascending.len())?;
    Some(MedianInterval {
        low: ascending[depth - 1],
        high: ascending[ascending.len() - depth],
    })
}

/// The largest k with `P(Binomial(n, ½) <= k - 1) <= 0.025`, or `None` where even k = 1 is too much.
fn interval_depth(samples: usize) -> Option<usize> {
    let n = samples as f64;
    let mut log_probability = n * 0.5_f64.ln();
    let mut below = 0.0;
    for count in 0..samples {
        below += log_probability.exp();
        if below > 0.025 {
            return (count > 0).then_some(count);
        }
        // P(count + 1) / P(count) = (n - count) / (count + 1); in logarithms, because the first
        // terms of a large n are below the smallest double.
        log_probability += ((n - count as f64) / (count as f64 + 1.0)).ln();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::sorted;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0, 10.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 10.0]), Some(3.0));
    }

    #[test]
    fn depths_match_the_published_table() {
        // Table of the sign test's critical values, two-sided 5 %, plus one.
        for (samples, depth) in [
            (6, 1),
            (8, 1),
            (9, 2),
            (10, 2),
            (20, 6),
            (50, 18),
            (100, 40),
        ] {
            assert_eq!(interval_depth(samples), Some(depth), "n = {samples}");
        }
        for samples in 0..6 {
            assert_eq!(interval_depth(samples), None, "n = {samples}");
        }
    }

    #[test]
    fn large_counts_agree_with_the_normal_approximation() {
        for samples in [10_000_usize, 1_000_000] {
            let n = samples as f64;
            let normal = n / 2.0 - 1.959_964 * n.sqrt() / 2.0;
            let exact = interval_depth(samples).unwrap() as f64;
            assert!(
                (exact - normal).abs() <= 2.0,
                "n = {samples}: {exact} against {normal}"
            );
        }
    }

    #[test]
    fn it_covers_the_true_median_at_least_as_often_as_promised() {
        // Exponential samples have the median ln 2 and a long tail.
        let mut random = StdRng::seed_from_u64(7);
        let trials = 4_000;
        let covered = (0..trials)
            .filter(|_| {
                let samples: Vec<f64> = (0..41)
                    .map(|_| -(1.0 - random.random::<f64>()).ln())
                    .collect();
                let interval = median_interval(&sorted(samples)).unwrap();
                (interval.low..=interval.high).contains(&std::f64::consts::LN_2)
            })
            .count();
        let share = covered as f64 / f64::from(trials);
        assert!((0.94..0.99).contains(&share), "covered {share}");
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_median(samples in proptest::collection::vec(-1e9..1e9_f64, 6..300)) {
            let samples = sorted(samples);
            let interval = median_interval(&samples).unwrap();
            let middle = median(&samples).unwrap();
            prop_assert!(interval.low <= middle && middle <= interval.high);
        }
    }
}
