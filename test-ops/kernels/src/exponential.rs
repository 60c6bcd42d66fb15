/// `exp(x + correction)` for finite `x` with `|x| ≤ 10⁶` and a `correction` below 10⁻³.
///
/// `x = n·ln 2 + r` with `|r| ≤ ln 2 / 2`, and `exp(x) = 2ⁿ·exp(r)` (Cody and Waite, *Software
/// Manual for the Elementary Functions*, 1980, chapter 6). `exp(r)` is a polynomial of degree six,
/// the minimax approximation of the relative error (Remez exchange, computed with 40 digits;
/// 2·10⁻⁹). Measured error: see `tests`.
///
/// A result below 2⁻¹²⁶ is zero, one above 2¹²⁷ is 2¹²⁷·exp(r).
#[inline(always)]
pub(crate) fn exp(x: f32, correction: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts; the products of the first with n are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let rounded = clamp(x * std::f32::consts::LOG2_E, -127.0, 127.0) + ROUND;
    let n = rounded - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x)) + correction;
    let mut p = 1.383_674e-3f32;
    for coefficient in [
        8.374_899e-3,
        4.166_823_2e-2,
        1.666_641_9e-1,
        4.999_999e-1,
        1.000_000_04,
        1.0,
    ] {
        p = p.mul_add(r, coefficient);
    }
    // n + 127 lies in 0..=254: the exponent of 2ⁿ, or zero.
    let exponent = rounded
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127);
    p * f32::from_bits(exponent << 23)
}

/// `low` where `value` is NaN, without a branch.
#[inline(always)]
fn clamp(value: f32, low: f32, high: f32) -> f32 {
    let value = if value > low { value } else { low };
    if value < high { value } else { high }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal_distribution::tests::units;

    #[test]
    fn within_one_and_a_half_units_in_the_last_place() {
        let mut worst = 0.0f64;
        for step in -870_000..=870_000 {
            let x = step as f32 * 1e-4;
            worst = worst.max(units(exp(x, 0.0), f64::from(x).exp()));
        }
        assert!(worst < 1.5, "{worst} ULP");
    }

    #[test]
    fn limits() {
        assert_eq!(exp(0.0, 0.0), 1.0);
        assert_eq!(exp(-1000.0, 0.0), 0.0);
        assert!(exp(1000.0, 0.0) > 1e38);
        assert!((f64::from(exp(1.0, 1e-4)) - 1.0001f64.exp()).abs() < 3e-7);
    }
}
