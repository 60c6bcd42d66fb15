//! Stored baselines, with runs that were recorded on a noisy machine.
//!
//! `noisy-machine.csv` has what [`record`] wrote on a virtual machine with two processors on which programs
//! were being built and tested meanwhile: an op of 100 µs and one that takes a tenth longer.

use std::time::{Duration, Instant};

use crate::spin::{calibrated, measurement};

/// Rows that are recorded, and the time from one to the next.
const ROWS: usize = 800;
const EVERY: Duration = Duration::from_secs(1);

#[test]
#[ignore = "takes a quarter of an hour, and is wanted only for another noisy-machine.csv"]
fn record() {
    let steps = calibrated(100.0);
    println!("seconds,same,same_low,same_high,slower,slower_low,slower_high");
    let begin = Instant::now();
    for row in 0..ROWS {
        let seconds = begin.elapsed().as_secs_f64();
        let mut values = [steps, steps + steps / 10].map(|steps| (steps, String::new()));
        let order = if row.is_multiple_of(2) { [0, 1] } else { [1, 0] };
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
