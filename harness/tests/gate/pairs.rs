//! Pairs of runs that are measured on this machine while something else is busy.

use harness::gate::{Design, Verdict};

use crate::compared;
use crate::spin::{amid_noise, calibrated, pairs};

const PAIRS: usize = 12;

#[test]
fn fifty_comparisons_of_a_build_with_itself_on_a_noisy_machine_give_no_regression() {
    let steps = calibrated(100.0);
    amid_noise(|| {
        for comparison in 0..50 {
            let [a, b] = pairs(PAIRS, [steps, steps]);
            let outcome = compared(&a, &b, Design::Paired);
            assert_ne!(
                outcome.verdict,
                Verdict::Regression,
                "{comparison}: {:?}",
                outcome.comparisons
            );
        }
    });
}

#[test]
fn a_tenth_of_a_hundred_microseconds_is_found_every_time_on_a_noisy_machine() {
    let steps = calibrated(100.0);
    amid_noise(|| {
        for comparison in 0..25 {
            // Without conclusion, more is measured, as the gate asks for.
            let mut runs = [Vec::new(), Vec::new()];
            let outcome = loop {
                let more = pairs(PAIRS, [steps, steps + steps / 10]);
                for (all, more) in runs.iter_mut().zip(more) {
                    all.extend(more);
                }
                let outcome = compared(&runs[0], &runs[1], Design::Paired);
                if outcome.verdict != Verdict::Inconclusive || runs[0].len() >= 40 * PAIRS {
                    break outcome;
                }
            };
            assert_eq!(
                outcome.verdict,
                Verdict::Regression,
                "{comparison}, {} pairs: {:?}",
                runs[0].len(),
                outcome.comparisons
            );
        }
    });
}
