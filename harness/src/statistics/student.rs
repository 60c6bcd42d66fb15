//! Student's t distribution, for means of few values whose variance is estimated.

/// Degrees of freedom above which the distribution is taken as the one with as many: it is normal to
/// six digits there.
const MANY: f64 = 1e6;

/// The probability that a variable with Student's distribution of `degrees` degrees of freedom is
/// larger than `t`. `degrees` is positive and may be infinite.
///
/// By the regularized incomplete beta function (NIST Digital Library of Mathematical Functions,
/// 8.17; M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", 26.7.1).
#[must_use]
pub fn upper_tail(t: f64, degrees: f64) -> f64 {
    let degrees = degrees.min(MANY);
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    let far = incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t)) / 2.0;
    if t >= 0.0 { far } else { 1.0 - far }
}

/// The t that is exceeded with `probability`, which lies between 0 and ½.
#[must_use]
pub fn upper_quantile(probability: f64, degrees: f64) -> f64 {
    // By Newton's method from zero: the tail is convex there, so each step stays below the answer.
    let mut t = 0.0;
    for _ in 0..500 {
        let step = (upper_tail(t, degrees) - probability) / density(t, degrees);
        t += step;
        if step.abs() <= 1e-12 * (1.0 + t) {
            break;
        }
    }
    t
}

/// The density of Student's distribution.
fn density(t: f64, degrees: f64) -> f64 {
    let degrees = degrees.min(MANY);
    let half = (degrees + 1.0) / 2.0;
    let front = libm::lgamma(half) - libm::lgamma(degrees / 2.0);
    (front - half * (t * t / degrees).ln_1p()).exp() / (degrees * std::f64::consts::PI).sqrt()
}

/// The regularized incomplete beta function `I_x(a, b)`.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front =
        (a * x.ln() + b * (1.0 - x).ln() + libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b))
            .exp();
    // The fraction converges fast on this side of the mean only (8.17.4 has the other).
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, 1.0 - x) / b
    }
}

/// The continued fraction of the incomplete beta function (8.17.22), by the modified method of Lentz
/// (I. J. Thompson and A. R. Barnett, Journal of Computational Physics 64, 1986).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let off_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut numerator = 1.0;
    let mut denominator = 1.0 / off_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = denominator;
    for step in 1..10_000_i32 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for coefficient in [even, odd] {
            denominator = 1.0 / off_zero(1.0 + coefficient * denominator);
            numerator = off_zero(1.0 + coefficient / numerator);
            change = numerator * denominator;
            value *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_match_the_published_table() {
        // Abramowitz and Stegun, table 26.10, and the normal distribution.
        for (degrees, probability, t) in [
            (1.0, 0.05, 6.314),
            (1.0, 0.01, 31.821),
            (2.0, 0.025, 4.303),
            (4.0, 0.05, 2.132),
            (4.0, 0.005, 4.604),
            (10.0, 0.01, 2.764),
            (30.0, 0.025, 2.042),
            (120.0, 0.005, 2.617),
            (f64::INFINITY, 0.025, 1.960),
            (f64::INFINITY, 0.0005, 3.291),
        ] {
            let found = upper_quantile(probability, degrees);
            assert!(
                (found - t).abs() < 6e-4,
                "{degrees}, {probability}: {found} instead of {t}"
            );
        }
    }

    #[test]
    fn two_degrees_have_a_closed_form() {
        for t in [-40.0_f64, -1.0, 0.0, 0.3, 2.0, 50.0, 1e4] {
            let exact = 0.5 - t / (2.0 * (2.0 + t * t).sqrt());
            let found = upper_tail(t, 2.0);
            assert!((found - exact).abs() < 1e-12, "{t}: {found}, {exact}");
        }
    }

    proptest! {
        #[test]
        fn quantile_and_tail_undo_each_other(exponent in 0.4..6.0_f64, degrees in 1.0..500.0_f64) {
            let probability = 10.0_f64.powf(-exponent);
            let back = upper_tail(upper_quantile(probability, degrees), degrees);
            prop_assert!((back / probability - 1.0).abs() < 1e-6, "{back}, {probability}");
        }

        #[test]
        fn both_tails_make_one(t in -1e3..1e3_f64, degrees in 0.5..1e5_f64) {
            let sum = upper_tail(t, degrees) + upper_tail(-t, degrees);
            prop_assert!((sum - 1.0).abs() < 1e-12);
        }
    }
}
