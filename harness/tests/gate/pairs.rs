//! Pairs of runs that are measured on this machine while something else is busy.

use std::time::Duration;

use harness::gate::{Design, Limits, Looks, Outcome, Verdict, compare};

use crate::spin::{amid_noise, calibrated, measure_pairs};

/// What `harness gate --against` makes of two builds whose ops take so many steps.
fn gate(steps: [u64; 2]) -> Outcome {
    let looks = Looks {
        first: 5,
        longest: Duration::from_secs(20),
    };
    let mut runs = [Vec::new(), Vec::new()];
    let outcome = looks.take(Limits::default(), |more, limits| {
        measure_pairs(more, steps, &mut runs);
        compare(("a", &runs[0]), ("b", &runs[1]), Design::Paired, limits)
    });
    outcome.unwrap()
}

#[test]
fn a_build_is_no_regression_of_itself_and_a_tenth_of_100_us_is_found_fifty_times_of_fifty() {
    let steps = calibrated(100.0);
    amid_noise(|| {
        for number in 0..50 {
            let same = gate([steps, steps]);
            assert_ne!(
                same.verdict,
                Verdict::Regression,
                "{number}: {:?}",
                same.comparisons
            );
            let slower = gate([steps, steps + steps / 10]);
            assert_eq!(
                slower.verdict,
                Verdict::Regression,
                "{number}: {:?}",
                slower.comparisons
            );
        }
    });
}
