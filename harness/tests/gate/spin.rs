//! An op that takes as long as it is told to, measured by the engine on this machine.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::gate::MeasuredRun;
use harness::measurement::{About, Kind, Measurement, MonotonicClock, Policy, measure};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::sample;

/// Arithmetic that takes the same number of steps every time.
fn spin(steps: u64) {
    let mut state = 1_u64;
    for _ in 0..steps {
        state = black_box(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1),
        );
    }
    black_box(state);
}

/// The steps that take `microseconds` where nothing disturbs them.
pub fn calibrated(microseconds: f64) -> u64 {
    const STEPS: u64 = 20_000;
    let fastest = (0..200)
        .map(|_| {
            let begin = Instant::now();
            spin(STEPS);
            begin.elapsed().as_secs_f64() * 1e6
        })
        .fold(f64::INFINITY, f64::min);
    (STEPS as f64 * microseconds / fastest) as u64
}

/// What the engine measures of an op of `steps`.
pub fn measurement(steps: u64) -> Measurement {
    let policy = Policy {
        warm_up_rounds: 5,
        warm_up: Duration::ZERO,
        minimum_samples: 40,
        // As many samples as that, and no more, whatever they spread.
        relative_standard_error: f64::INFINITY,
        budget: Duration::from_millis(500),
    };
    let mut op = || -> anyhow::Result<Vec<f64>> {
        let begin = Instant::now();
        spin(steps);
        Ok(vec![begin.elapsed().as_secs_f64() * 1e6])
    };
    let samples = measure(&policy, &MonotonicClock::new(), &mut op).unwrap();
    let about = About {
        id: "kernel/test/spin".to_owned(),
        kind: Kind::Kernel,
        aspect: None,
        framework: "test".to_owned(),
        op: None,
        shape: None,
        dtype: None,
        concurrency: None,
        unit: "us",
    };
    Measurement::new(about, samples).unwrap()
}

/// A run that measured nothing else.
pub fn run_of(measurement: Measurement) -> MeasuredRun {
    let mut run = MeasuredRun::of(&sample::sample_results()).unwrap();
    run.measurements = vec![measurement];
    run
}

/// Does `work` while another thread computes in bursts of random length.
pub fn amid_noise<T>(work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = StdRng::seed_from_u64(3);
            let mut memory = vec![0_u8; 8 << 20];
            while !is_over.load(Ordering::Relaxed) {
                let until = Instant::now() + Duration::from_micros(random.random_range(0..4000));
                while Instant::now() < until {
                    let place = random.random_range(0..memory.len());
                    memory[place] = memory[place].wrapping_add(1);
                }
                std::thread::sleep(Duration::from_micros(random.random_range(0..4000)));
            }
        });
        // Also where it panics: the other thread would never end otherwise.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Adds `count` pairs to `runs`, one after the other, in the order A B B A.
pub fn measure_pairs(count: usize, steps: [u64; 2], runs: &mut [Vec<MeasuredRun>; 2]) {
    for _ in 0..count {
        let order = if runs[0].len().is_multiple_of(2) {
            [0, 1]
        } else {
            [1, 0]
        };
        for side in order {
            runs[side].push(run_of(measurement(steps[side])));
        }
    }
}
