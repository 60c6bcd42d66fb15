use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::Approximation;

/// Gaussian error linear unit `x·Φ(x)` (Hendrycks and Gimpel, arXiv:1606.08415).
///
/// At −∞ the limit, zero, is the value.
pub fn gelu(x: f64, approximation: Approximation) -> f64 {
    if x == f64::NEG_INFINITY {
        return 0.0;
    }
    match approximation {
        // Φ(x) by erfc, because 1 + erf cancels for negative x.
        Approximation::None => 0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2),
        // 0.5·(1 + tanh(u)) = 1 / (1 + exp(−2u)), which does not cancel either.
        Approximation::Tanh => {
            let u = (2.0 / PI).sqrt() * (x + 0.044715 * x * x * x);
            x / (1.0 + (-2.0 * u).exp())
        }
    }
}

/// `gelu(x + bias)`.
///
/// `x` has the shape `[…, n]`, `bias` the shape `[n]`; the result has the shape of `x`.
///
/// # Panics
/// When the length of `x` is not a multiple of the length of `bias`.
pub fn bias_gelu(x: &[f64], bias: &[f64], approximation: Approximation) -> Vec<f64> {
    if x.is_empty() {
        return Vec::new();
    }
    assert_eq!(x.len() % bias.len(), 0, "rows of x must be as long as bias");
    x.iter()
        .zip(bias.iter().cycle())
        .map(|(&x, &bias)| gelu(x + bias, approximation))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // Φ(1) = 0.841344746068542948585…, a tabulated constant.
        assert!((gelu(1.0, Approximation::None) - 0.841_344_746_068_542_9).abs() < 1e-15);
        assert!((gelu(-1.0, Approximation::None) + 0.158_655_253_931_457_05).abs() < 1e-15);
        assert!((gelu(1.0, Approximation::Tanh) - 0.841_191_990_608_276_8).abs() < 1e-12);
        for approximation in [Approximation::None, Approximation::Tanh] {
            assert_eq!(gelu(f64::INFINITY, approximation), f64::INFINITY);
            assert_eq!(gelu(f64::NEG_INFINITY, approximation), 0.0);
            assert!(gelu(f64::NAN, approximation).is_nan());
        }
    }

    #[test]
    fn bias_repeats_over_rows() {
        let y = bias_gelu(&[0.0, 0.0, 1.0, 1.0], &[0.0, -1.0], Approximation::None);
        assert_eq!(y[0], 0.0);
        assert_eq!(y[1], gelu(-1.0, Approximation::None));
        assert_eq!(y[2], gelu(1.0, Approximation::None));
        assert_eq!(y[3], 0.0);
    }
}
