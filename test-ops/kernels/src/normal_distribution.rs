use crate::exponential::exp;

/// A Gaussian error linear unit, as a type, so that the compiler inlines it where it is used.
pub(crate) trait Gelu {
    /// The function's value at `x`.
    fn gelu(x: f32) -> f32;
}

/// With the error function.
pub(crate) struct Erf;
/// With the hyperbolic tangent.
pub(crate) struct Tanh;

impl Gelu for Erf {
    #[inline(always)]
    fn gelu(x: f32) -> f32 {
        gelu(x)
    }
}

impl Gelu for Tanh {
    #[inline(always)]
    fn gelu(x: f32) -> f32 {
        gelu_tanh(x)
    }
}

/// `x·Φ(x)`, the Gaussian error linear unit with the error function.
///
/// With `a = |x|` and the upper tail `Q(a) = 1 − Φ(a) = erfc(a/√2) / 2`, both signs of `x` are
/// `max(x, 0) − a·Q(a)`, which nowhere cancels. The tail is `exp(−a²/2)·M(a)`; Mills' ratio `M`
/// is smooth, and in the variable `t = (a − 3.5)/(a + 3.5)` (the mapping of Shepherd and
/// Laframboise, *Chebyshev approximation of (1 + 2x)·exp(x²)·erfc(x) in 0 ≤ x < ∞*, 1981)
/// `M(a)·(a + 3.5)` is a polynomial of degree nine: the minimax approximation of the relative
/// error for `0 ≤ a ≤ 14` (Remez exchange, computed with 40 digits; 7·10⁻⁹).
///
/// Measured error: see `tests`. Results below some 10⁻³⁸ are zero. −∞ yields zero, the limit.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    const CENTRE: f32 = 3.5;
    // Φ underflows long before; keeps an infinity out of the arithmetic.
    const LIMIT: f32 = 20.0;
    let magnitude = x.abs();
    let a = if magnitude < LIMIT { magnitude } else { LIMIT };

    let reciprocal = 1.0 / (a + CENTRE);
    let t = (-2.0 * CENTRE).mul_add(reciprocal, 1.0);
    let mut p = 1.127_357_4e-4f32;
    for coefficient in [
        4.256_591_6e-4,
        -4.946_53e-4,
        -3.177_796_6e-3,
        6.492_409e-3,
        1.740_691e-2,
        -1.160_529e-1,
        3.154_25e-1,
        -5.655_618e-1,
        7.444_161e-1,
    ] {
        p = p.mul_add(t, coefficient);
    }
    // The rounding error of the square would show 90-fold in the exponential.
    let square = a * a;
    let error = a.mul_add(a, -square);
    let tail = p * reciprocal * exp(-0.5 * square, -0.5 * error);

    let positive = if x > 0.0 { x } else { 0.0 };
    let y = positive - a * tail;
    if x.is_nan() { x } else { y }
}

/// `0.5·x·(1 + tanh(u))` with `u = √(2/π)·(x + 0.044715·x³)`, computed as `x / (1 + exp(−2u))`,
/// which does not cancel for negative `x`.
///
/// Measured error: see `tests`. −∞ yields zero, the limit.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    // −2·√(2/π), and that times 0.044715
    const LINEAR: f32 = -1.595_769;
    const CUBIC: f32 = -0.071_354_814;
    // Beyond it the exponential has left the range of f32, and the cube might.
    const LIMIT: f32 = 20.0;
    let magnitude = x.abs();
    let a = if magnitude < LIMIT { magnitude } else { LIMIT }.copysign(x);
    let exponent = a * (a * a).mul_add(CUBIC, LINEAR);
    let y = a / (1.0 + exp(exponent, 0.0));
    let y = if x > LIMIT { x } else { y };
    if x.is_nan() { x } else { y }
}

#[cfg(test)]
pub(crate) mod tests {
    use test_ops::{Approximation, reference};

    use super::*;

    /// Distance in units in the last place of an `f32` of the expected size.
    pub(crate) fn units(actual: f32, expected: f64) -> f64 {
        let nearest = expected as f32;
        let unit =
            f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
        (f64::from(actual) - expected).abs() / unit
    }

    fn worst(
        function: impl Fn(f32) -> f32,
        approximation: Approximation,
        low: i32,
        high: i32,
    ) -> (f64, f32) {
        (low..=high)
            .map(|step| step as f32 * 1e-5)
            .map(|x| {
                (
                    units(function(x), reference::gelu(f64::from(x), approximation)),
                    x,
                )
            })
            .fold(
                (0.0, 0.0),
                |worst, error| if error.0 > worst.0 { error } else { worst },
            )
    }

    #[test]
    fn gelu_is_within_few_units_down_to_underflow() {
        let (units, x) = worst(gelu, Approximation::None, -1_280_000, 1_280_000);
        assert!(units < 8.0, "{units} ULP at {x}");
    }

    #[test]
    fn gelu_tanh_is_within_few_units_where_it_matters() {
        let (units, x) = worst(gelu_tanh, Approximation::Tanh, -100_000, 1_000_000);
        assert!(units < 8.0, "{units} ULP at {x}");
        // The exponent's rounding error grows with its size: 10⁻⁶ of results below 10⁻⁶.
        let (units, x) = worst(gelu_tanh, Approximation::Tanh, -600_000, -100_000);
        assert!(units < 80.0, "{units} ULP at {x}");
    }

    #[test]
    fn special_values() {
        for function in [gelu, gelu_tanh] {
            assert_eq!(function(f32::INFINITY), f32::INFINITY);
            assert_eq!(function(f32::NEG_INFINITY), 0.0);
            assert_eq!(function(f32::MAX), f32::MAX);
            assert_eq!(function(f32::MIN), 0.0);
            assert_eq!(function(0.0), 0.0);
            assert!(function(f32::NAN).is_nan());
            let denormal = f32::from_bits(1000);
            assert_eq!(function(denormal), f32::from_bits(500));
        }
    }
}
