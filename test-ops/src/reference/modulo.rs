/// Remainder of the floored division, `a − b·⌊a / b⌋`: what Python's `%` yields.
///
/// The result has the sign of the divisor, a zero result too. `a` and `b` have the same shape, or
/// `b` holds one value for all of `a`; the result has the shape of `a`.
///
/// Floating point: a zero divisor, an infinite dividend or a NaN yields NaN; an infinite divisor
/// yields `a` where the signs agree (or `a` is zero) and the divisor otherwise.
/// Integers: a zero divisor yields zero.
///
/// `integers` selects the rule for zero divisors; the values are integers then.
///
/// # Panics
/// When `b` holds neither one value nor as many as `a`.
pub fn modulo(a: &[f64], b: &[f64], integers: bool) -> Vec<f64> {
    assert!(
        b.len() == 1 || b.len() == a.len(),
        "the divisor is one value or as many as the dividend"
    );
    a.iter()
        .zip(b.iter().cycle())
        .map(|(&a, &b)| floored_remainder(a, b, integers))
        .collect()
}

fn floored_remainder(a: f64, b: f64, integers: bool) -> f64 {
    if integers && b == 0.0 {
        return 0.0;
    }
    // Rust's % truncates and is exact.
    let remainder = a % b;
    if remainder == 0.0 {
        if integers { 0.0 } else { 0.0f64.copysign(b) }
    } else if (remainder < 0.0) == (b < 0.0) {
        remainder
    } else {
        remainder + b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_follows_the_divisor() {
        assert_eq!(modulo(&[7.0, -7.0], &[3.0], true), [1.0, 2.0]);
        assert_eq!(modulo(&[7.0, -7.0], &[-3.0], true), [-2.0, -1.0]);
        assert_eq!(modulo(&[5.5, -5.5], &[2.0, 2.0], false), [1.5, 0.5]);
        assert!(modulo(&[-4.0], &[2.0], false)[0].is_sign_positive());
        assert!(modulo(&[4.0], &[-2.0], false)[0].is_sign_negative());
    }

    #[test]
    fn edges() {
        assert_eq!(modulo(&[5.0], &[0.0], true), [0.0]);
        assert!(modulo(&[5.0], &[0.0], false)[0].is_nan());
        assert!(modulo(&[f64::INFINITY], &[2.0], false)[0].is_nan());
        assert_eq!(
            modulo(&[5.0, -5.0], &[f64::INFINITY], false),
            [5.0, f64::INFINITY]
        );
        assert_eq!(modulo(&[], &[2.0], false), []);
    }
}
