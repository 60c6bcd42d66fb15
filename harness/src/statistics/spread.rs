//! How far samples spread, and how well their mean is known.

/// The arithmetic mean, `None` without samples.
#[must_use]
pub fn mean(samples: &[f64]) -> Option<f64> {
    (!samples.is_empty()).then(|| samples.iter().sum::<f64>() / samples.len() as f64)
}

/// The sample standard deviation (Bessel's correction), `None` below two samples.
#[must_use]
pub fn standard_deviation(samples: &[f64]) -> Option<f64> {
    if samples.len() < 2 {
        return None;
    }
    let mean = mean(samples)?;
    let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
    Some((squares / (samples.len() - 1) as f64).sqrt())
}

/// The standard error of the mean as a fraction of the mean, the quantity that a measurement is
/// stopped by. `None` below two samples or where the mean is not positive (times are).
#[must_use]
pub fn relative_standard_error(samples: &[f64]) -> Option<f64> {
    let deviation = standard_deviation(samples)?;
    let mean = mean(samples)?;
    (mean > 0.0).then(|| deviation / (samples.len() as f64).sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let samples = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&samples), Some(5.0));
        let deviation = standard_deviation(&samples).unwrap();
        assert!((deviation - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        let error = relative_standard_error(&samples).unwrap();
        assert!((error - deviation / 8.0_f64.sqrt() / 5.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_made_up_from_too_little() {
        assert_eq!(mean(&[]), None);
        assert_eq!(standard_deviation(&[1.0]), None);
        assert_eq!(relative_standard_error(&[1.0]), None);
        assert_eq!(relative_standard_error(&[0.0, 0.0]), None);
    }

    #[test]
    fn four_times_the_samples_halve_the_error() {
        let few: Vec<f64> = (0..100).map(|i| 10.0 + f64::from(i % 2)).collect();
        let many: Vec<f64> = (0..400).map(|i| 10.0 + f64::from(i % 2)).collect();
        let ratio =
            relative_standard_error(&few).unwrap() / relative_standard_error(&many).unwrap();
        assert!((ratio - 2.0).abs() < 0.01, "{ratio}");
    }
}
