//! Percentiles, and how many samples one needs before it may be printed.

/// The confidence behind [`minimum_samples`].
const CONFIDENCE: f64 = 0.99;

/// The `fraction` quantile (0 to 1) of ascending samples, by the nearest-rank definition: the
/// smallest sample with at least that share of the samples at or below it. It is always a value
/// that was observed. `None` without samples.
///
/// # Panics
/// Where `fraction` is not within 0 to 1.
#[must_use]
pub fn percentile(ascending: &[f64], fraction: f64) -> Option<f64> {
    assert!(
        (0.0..=1.0).contains(&fraction),
        "a percentile's fraction is within 0 to 1"
    );
    if ascending.is_empty() {
        return None;
    }
    // The product is rounded up; one part in 10^9 of slack keeps 0.9 × 10 from becoming 10.
    let rank = (fraction * ascending.len() as f64 * (1.0 - 1e-9)).ceil() as usize;
    Some(ascending[rank.clamp(1, ascending.len()) - 1])
}

/// The number of samples from which a percentile is printed: the smallest number at which, with
/// 99 % confidence, at least *two* samples lie beyond the true percentile. With fewer, the figure
/// is one lucky or unlucky sample.
///
/// It is the second-order form of Wilks' rule for tolerance limits (S. S. Wilks, "Determination of
/// Sample Sizes for Setting Tolerance Limits", Annals of Mathematical Statistics 12, 1941): the
/// smallest `n` with `1 - p^n - n (1 - p) p^(n-1) >= 0.99`. For p = 0.99 it gives 662, for
/// p = 0.9 it gives 64.
#[must_use]
pub fn minimum_samples(fraction: f64) -> usize {
    assert!(
        (0.0..1.0).contains(&fraction),
        "a tail percentile's fraction is below 1"
    );
    let mut samples = 2_usize;
    loop {
        let n = samples as f64;
        let at_most_one_beyond = fraction.powf(n) + n * (1.0 - fraction) * fraction.powf(n - 1.0);
        if 1.0 - at_most_one_beyond >= CONFIDENCE {
            return samples;
        }
        samples += 1;
    }
}

/// The percentile of ascending samples where there are enough of them, `None` otherwise.
#[must_use]
pub fn supported_percentile(ascending: &[f64], fraction: f64) -> Option<f64> {
    (ascending.len() >= minimum_samples(fraction))
        .then(|| percentile(ascending, fraction))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_to(n: usize) -> Vec<f64> {
        (1..=n).map(|value| value as f64).collect()
    }

    #[test]
    fn nearest_rank_on_whole_numbers() {
        let samples = one_to(100);
        assert_eq!(percentile(&samples, 0.0), Some(1.0));
        assert_eq!(percentile(&samples, 0.5), Some(50.0));
        assert_eq!(percentile(&samples, 0.9), Some(90.0));
        assert_eq!(percentile(&samples, 0.99), Some(99.0));
        assert_eq!(percentile(&samples, 1.0), Some(100.0));
        assert_eq!(percentile(&one_to(10), 0.9), Some(9.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn sample_counts_follow_the_rule() {
        assert_eq!(minimum_samples(0.99), 662);
        assert_eq!(minimum_samples(0.9), 64);
        assert_eq!(minimum_samples(0.5), 11);
    }

    #[test]
    fn a_percentile_of_too_few_samples_is_withheld() {
        assert_eq!(supported_percentile(&one_to(661), 0.99), None);
        assert_eq!(supported_percentile(&one_to(662), 0.99), Some(656.0));
        assert_eq!(supported_percentile(&one_to(63), 0.9), None);
        assert_eq!(supported_percentile(&one_to(64), 0.9), Some(58.0));
    }

    proptest! {
        #[test]
        fn a_percentile_is_an_observed_value_and_grows_with_its_fraction(
            samples in proptest::collection::vec(-1e6..1e6_f64, 1..200),
            low in 0.0..1.0_f64,
            high in 0.0..1.0_f64,
        ) {
            let (low, high) = if low <= high { (low, high) } else { (high, low) };
            let samples = crate::statistics::sorted(samples);
            let at_low = percentile(&samples, low).unwrap();
            let at_high = percentile(&samples, high).unwrap();
            prop_assert!(samples.contains(&at_low));
            prop_assert!(at_low <= at_high);
        }
    }
}
