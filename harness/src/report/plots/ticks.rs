//! Where the tick marks of an axis stand.

/// Steps between two powers of ten, from dense to sparse.
const STEPS: [&[f64]; 5] = [
    &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
    &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
    &[1.0, 2.0, 5.0],
    &[1.0, 5.0],
    &[1.0],
];

/// Round values within `low` to `high`, at most `most`: as many steps between two powers of ten as
/// fit, then powers of ten alone, then every second, third … of these. Where a range is too narrow
/// to hold two of them, its ends rounded to two digits stand in.
pub fn logarithmic(low: f64, high: f64, most: usize) -> Vec<f64> {
    for steps in STEPS {
        let ticks = within(low, high, steps);
        if (2..=most).contains(&ticks.len()) {
            return ticks;
        }
    }
    let powers = within(low, high, &[1.0]);
    if powers.len() < 2 {
        return vec![rounded(low, f64::ceil), rounded(high, f64::floor)];
    }
    let every = powers.len().div_ceil(most.max(1));
    powers.into_iter().step_by(every).collect()
}

/// Zero and multiples of 1, 2 or 5 times a power of ten up to `high`, at most `most` of them.
pub fn linear(high: f64, most: usize) -> Vec<f64> {
    let power = 10_f64.powf(high.log10().floor() - 1.0);
    let count = |step: f64| (high / step) as usize + 1;
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
        .map(|step| step * power)
        .into_iter()
        .find(|step| count(*step) <= most)
        .unwrap_or(high);
    (0..count(step)).map(|index| index as f64 * step).collect()
}

fn within(low: f64, high: f64, steps: &[f64]) -> Vec<f64> {
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    (first..=last)
        .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)))
        .filter(|tick| (low..=high).contains(tick))
        .collect()
}

fn rounded(value: f64, round: fn(f64) -> f64) -> f64 {
    let scale = 10_f64.powf(value.log10().floor() - 1.0);
    round(value / scale) * scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_ranges_get_fewer_steps() {
        assert_eq!(logarithmic(0.9, 6.0, 5), [1.0, 1.5, 2.0, 3.0, 5.0]);
        assert_eq!(logarithmic(0.9, 6.0, 4), [1.0, 2.0, 5.0]);
        assert_eq!(logarithmic(60.0, 1200.0, 4), [100.0, 200.0, 500.0, 1000.0]);
        assert_eq!(logarithmic(60.0, 1200.0, 3), [100.0, 500.0, 1000.0]);
        assert_eq!(logarithmic(0.9, 1100.0, 5), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(
            logarithmic(0.9, 1.1e6, 4),
            [1.0, 100.0, 10_000.0, 1_000_000.0]
        );
    }

    #[test]
    fn a_narrow_range_is_told_by_its_ends() {
        assert_eq!(logarithmic(61.3, 79.8, 5), [62.0, 79.0]);
    }

    #[test]
    fn linear_ticks_begin_at_zero() {
        assert_eq!(linear(8.3, 5), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(linear(118.0, 5), [0.0, 50.0, 100.0]);
    }

    proptest! {
        #[test]
        fn linear_ticks_are_few_and_inside(high in 1e-3..1e9_f64) {
            let ticks = linear(high, 5);
            prop_assert!((2..=5).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks.iter().all(|tick| (0.0..=high).contains(tick)), "{ticks:?}");
        }

        #[test]
        fn ticks_are_few_and_inside(low in 0.01..1e6_f64, factor in 1.3..1e5_f64) {
            let high = low * factor;
            let ticks = logarithmic(low, high, 5);
            prop_assert!((1..=5).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks.iter().all(|tick| (low..=high).contains(tick)), "{ticks:?}");
        }
    }
}
