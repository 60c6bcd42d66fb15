//! Stored baselines, with runs that were recorded on a noisy machine.
//!
//! `noisy-machine.csv` has what [`record`] wrote on a virtual machine with two processors on which programs
//! were being built and tested meanwhile: an op of 100 µs and one that takes a tenth longer, each measured
//! once a second. Runs of one of them differ by a fifth.

use std::time::{Duration, Instant};

use harness::gate::{Design, Limits, Looks, MeasuredRun, Verdict, compare};

use crate::compared;
use crate::spin::{calibrated, measurement, run_of};

const RECORDED: &str = include_str!("noisy-machine.csv");
/// Rows that are recorded, and the time from one to the next.
const ROWS: usize = 800;
const EVERY: Duration = Duration::from_secs(1);

/// The recorded runs: of the op, and of the slower one.
fn recorded() -> [Vec<MeasuredRun>; 2] {
    let template = run_of(measurement(1000));
    let mut sides = [Vec::new(), Vec::new()];
    for row in RECORDED.lines().skip(1) {
        let values: Vec<Option<f64>> = row.split(',').map(|text| text.parse().ok()).collect();
        for (side, values) in sides.iter_mut().zip([&values[1..4], &values[4..7]]) {
            let mut run = template.clone();
            let measured = &mut run.measurements[0];
            measured.median = values[0].unwrap();
            measured.ci95 = values[1].zip(values[2]).map(|(low, high)| [low, high]);
            side.push(run);
        }
    }
    sides
}

/// How many of 1000 comparisons end with `verdict`: `runs` runs of `candidate`, and twice as many of a
/// baseline that is some minutes older or younger, each some seconds after the one before.
fn count(
    verdict: Verdict,
    baseline: &[MeasuredRun],
    candidate: &[MeasuredRun],
    runs: usize,
) -> usize {
    let rows = baseline.len();
    let part = |of: &[MeasuredRun], begin: usize, count: usize| -> Vec<MeasuredRun> {
        let places = (0..count).map(|place| (begin + 7 * place) % rows);
        places.map(|place| of[place].clone()).collect()
    };
    let verdicts = (0..1000).map(|number| {
        let (begin, later) = (3 * (number % 200), [97, 211, 300, 389, 503][number / 200]);
        let before = part(baseline, begin, 2 * runs);
        let now = part(candidate, begin + later, runs);
        compared(&before, &now, Design::Stored).verdict
    });
    verdicts.filter(|found| *found == verdict).count()
}

#[test]
fn a_machine_that_is_too_noisy_gives_no_alarm_and_no_pass_of_what_is_a_tenth_slower() {
    let [same, slower] = recorded();
    // Three runs keep the level, one in a hundred; more do better.
    for (runs, allowed) in [(3, 10), (6, 0), (12, 0)] {
        let alarms = count(Verdict::Regression, &same, &same, runs);
        assert!(alarms <= allowed, "{alarms} alarms with {runs} runs");
        let passes = count(Verdict::Pass, &same, &slower, runs);
        assert!(passes <= allowed, "{passes} false passes with {runs} runs");
    }
}

/// What pairs come to whose rows follow each other from the row `begin` on, each row of both sides.
fn of_pairs(begin: usize, mut pair: impl FnMut(usize) -> [MeasuredRun; 2]) -> (usize, Verdict) {
    let looks = Looks {
        first: 5,
        longest: Duration::from_secs(3600),
    };
    let (mut runs, mut next) = ([Vec::new(), Vec::new()], begin);
    let outcome = looks.take(Limits::default(), |more, limits| {
        for row in next..next + more {
            for (runs, run) in runs.iter_mut().zip(pair(row)) {
                runs.push(run);
            }
        }
        next += more;
        compare(("a", &runs[0]), ("b", &runs[1]), Design::Paired, limits)
    });
    (runs[0].len(), outcome.unwrap().verdict)
}

#[test]
fn pairs_of_the_same_runs_tell_both_every_time() {
    let [same, slower] = recorded();
    let rows = same.len();
    let (mut most, mut all) = (0, 0);
    for number in 0..50 {
        let begin = number * rows / 50;
        let (pairs, verdict) = of_pairs(begin, |row| {
            [same[row % rows].clone(), slower[row % rows].clone()]
        });
        assert_eq!(verdict, Verdict::Regression, "{number}");
        (most, all) = (pairs.max(most), all + pairs);
        let (_, verdict) = of_pairs(begin, |row| {
            [0, 1].map(|second| same[(2 * row + second) % rows].clone())
        });
        assert_ne!(verdict, Verdict::Regression, "{number}");
    }
    // How many pairs a tenth takes where runs differ by a fifth.
    assert!(most <= 40 && all <= 50 * 12, "at most {most}, {all} in all");
}

#[test]
#[ignore = "takes a quarter of an hour, and is wanted only for another noisy-machine.csv"]
fn record() {
    let steps = calibrated(100.0);
    println!("seconds,same,same_low,same_high,slower,slower_low,slower_high");
    let begin = Instant::now();
    for row in 0..ROWS {
        let seconds = begin.elapsed().as_secs_f64();
        let mut values = [steps, steps + steps / 10].map(|steps| (steps, String::new()));
        let order = if row.is_multiple_of(2) {
            [0, 1]
        } else {
            [1, 0]
        };
        for side in order {
            let measured = measurement(values[side].0);
            let ends = measured
                .ci95
                .map(|[low, high]| format!("{low:.2},{high:.2}"));
            let ends = ends.unwrap_or_else(|| ",".to_owned());
            values[side].1 = format!("{:.2},{ends}", measured.median);
        }
        let texts = values.map(|(_, text)| text);
        println!("{seconds:.0},{}", texts.join(","));
        std::thread::sleep(
            EVERY.saturating_sub(
                begin
                    .elapsed()
                    .saturating_sub(Duration::from_secs_f64(seconds)),
            ),
        );
    }
}
