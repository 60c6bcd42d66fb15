//! Noise that is made up, where what is true is known and many comparisons take no time.

use harness::gate::{Design, MeasuredRun, Verdict};
use harness::measurement::{Kind, Measurement};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::compared;
use crate::sample;

/// A machine that is made up: how much its runs differ.
#[derive(Debug, Clone, Copy)]
struct World {
    measurements: usize,
    /// The relative standard deviation between runs, from the quietest measurement to the noisiest.
    noise: [f64; 2],
    /// What moves all measurements of a run together.
    shared: f64,
    /// How often a measurement of a run is hit by something else, which makes it a third slower.
    hit: f64,
}

impl World {
    /// A run in which the measurements whose number is in `slower` take a tenth longer.
    fn run(&self, random: &mut StdRng, slower: &[usize]) -> MeasuredRun {
        let template = sample::sample_measurements().remove(0);
        let mut run = MeasuredRun::of(&sample::sample_results()).unwrap();
        let shared = self.shared * crate::normal(random);
        let [quiet, noisy] = self.noise;
        let measurements = (0..self.measurements).map(|number| {
            let place = number as f64 / self.measurements as f64;
            let noise = quiet * (noisy / quiet).powf(place);
            let hit = if random.random::<f64>() < self.hit {
                1.33
            } else {
                1.0
            };
            let slow = if slower.contains(&number) { 1.1 } else { 1.0 };
            let median = 100.0 * (shared + noise * crate::normal(random)).exp() * hit * slow;
            Measurement {
                id: format!("kernel/test/{number}"),
                kind: Kind::Kernel,
                unit: "us".to_owned(),
                median,
                ci95: Some([median * 0.999, median * 1.001]),
                throughput: None,
                observed: Vec::new(),
                ..template.clone()
            }
        });
        run.measurements = measurements.collect();
        run
    }

    fn runs(&self, random: &mut StdRng, count: usize, slower: &[usize]) -> Vec<MeasuredRun> {
        (0..count).map(|_| self.run(random, slower)).collect()
    }
}

const WORLDS: [World; 4] = [
    World {
        measurements: 1,
        noise: [0.01, 0.01],
        shared: 0.0,
        hit: 0.0,
    },
    World {
        measurements: 40,
        noise: [0.002, 0.03],
        shared: 0.005,
        hit: 0.0,
    },
    World {
        measurements: 60,
        noise: [0.005, 0.08],
        shared: 0.01,
        hit: 0.01,
    },
    World {
        measurements: 12,
        noise: [0.03, 0.1],
        shared: 0.05,
        hit: 0.05,
    },
];

#[test]
fn noise_alone_is_never_a_regression_however_many_measurements_there_are() {
    let mut alarms = Vec::new();
    for (number, world) in WORLDS.into_iter().enumerate() {
        let mut random = StdRng::seed_from_u64(number as u64);
        for (design, before, now) in [
            (Design::Stored, 5, 3),
            (Design::Stored, 3, 3),
            (Design::Stored, 4, 1),
            (Design::Paired, 5, 5),
        ] {
            for _ in 0..20 {
                let baseline = world.runs(&mut random, before, &[]);
                let candidate = world.runs(&mut random, now, &[]);
                let outcome = compared(&baseline, &candidate, design);
                if outcome.verdict == Verdict::Regression {
                    alarms.push((number, design, before));
                }
            }
        }
    }
    // The level of false alarms is 1 % a comparison of runs: 320 of them.
    assert!(alarms.len() <= 3, "{} alarms: {alarms:?}", alarms.len());
}

#[test]
fn a_tenth_is_found_every_time_among_many_measurements() {
    let world = World {
        measurements: 100,
        noise: [0.002, 0.01],
        shared: 0.003,
        hit: 0.0,
    };
    let mut random = StdRng::seed_from_u64(99);
    for (design, before, now) in [(Design::Stored, 6, 4), (Design::Paired, 6, 6)] {
        for _ in 0..25 {
            let slower = [random.random_range(0..world.measurements)];
            let baseline = world.runs(&mut random, before, &[]);
            let candidate = world.runs(&mut random, now, &slower);
            let outcome = compared(&baseline, &candidate, design);
            let found: Vec<String> = outcome
                .with(Verdict::Regression)
                .into_iter()
                .map(|comparison| comparison.id.clone())
                .collect();
            assert_eq!(found, [format!("kernel/test/{}", slower[0])], "{design:?}");
        }
    }
}

#[test]
fn what_is_a_little_slower_everywhere_shows_in_all_together() {
    let world = World {
        measurements: 60,
        noise: [0.05, 0.1],
        shared: 0.001,
        hit: 0.0,
    };
    let mut random = StdRng::seed_from_u64(5);
    let everything: Vec<usize> = (0..world.measurements).collect();
    let baseline = world.runs(&mut random, 6, &[]);
    let candidate = world.runs(&mut random, 6, &everything);
    let outcome = compared(&baseline, &candidate, Design::Stored);
    let aggregate = outcome.aggregate.unwrap();
    assert_eq!(aggregate.verdict, Verdict::Regression, "{aggregate:?}");
    assert_eq!(aggregate.measurements, 60);
    let [low, high] = aggregate.interval.unwrap();
    assert!(low < 0.1 && 0.1 < high, "{low} {high}");
    assert_eq!(outcome.verdict, Verdict::Regression);
}
