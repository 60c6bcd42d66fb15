//! The gate in both directions: no false alarm from noise, no regression that gets through; and the
//! commands from outside.

mod sample;

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::gate::{Design, Limits, MeasuredRun, Outcome, Verdict, compare};
use harness::measurement::{About, Kind, Measurement, MonotonicClock, Policy, measure};
use harness::results::{Results, ResultsFolder};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A normal variable (G. E. P. Box and M. E. Muller, 1958).
fn normal(random: &mut StdRng) -> f64 {
    let (u, v) = (1.0 - random.random::<f64>(), random.random::<f64>());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

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
        let shared = self.shared * normal(random);
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
            let median = 100.0 * (shared + noise * normal(random)).exp() * hit * slow;
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

fn compared(baseline: &[MeasuredRun], candidate: &[MeasuredRun], design: Design) -> Outcome {
    let limits = Limits::default();
    compare(("a", baseline), ("b", candidate), design, limits).unwrap()
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
fn calibrated(microseconds: f64) -> u64 {
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

/// A run of the engine that measures an op of `steps`.
fn measured_run(steps: u64) -> MeasuredRun {
    let policy = Policy {
        warm_up_rounds: 5,
        warm_up: Duration::ZERO,
        minimum_samples: 250,
        relative_standard_error: 0.0,
        budget: Duration::from_millis(10),
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
    let mut run = MeasuredRun::of(&sample::sample_results()).unwrap();
    run.measurements = vec![Measurement::new(about, samples).unwrap()];
    run
}

/// Does `work` while another thread computes in bursts of random length.
fn amid_noise<T>(work: impl FnOnce() -> T) -> T {
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

/// Pairs of runs, one after the other, in the order A B B A.
fn pairs(count: usize, [a, b]: [u64; 2]) -> [Vec<MeasuredRun>; 2] {
    let mut runs = [Vec::new(), Vec::new()];
    for pair in 0..count {
        if pair % 2 == 0 {
            runs[0].push(measured_run(a));
            runs[1].push(measured_run(b));
        } else {
            runs[1].push(measured_run(b));
            runs[0].push(measured_run(a));
        }
    }
    runs
}

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

#[test]
fn stored_baselines_hold_in_both_directions_on_a_noisy_machine() {
    let steps = calibrated(100.0);
    // Runs of moments that differ, in an order that is not that of the comparisons.
    let [mut same, mut slower] = amid_noise(|| pairs(150, [steps, steps + steps / 10]));
    let mut random = StdRng::seed_from_u64(21);
    for runs in [&mut same, &mut slower] {
        for place in (1..runs.len()).rev() {
            runs.swap(place, random.random_range(0..=place));
        }
    }
    let (mut alarms, mut missed) = (0, 0);
    for comparison in 0..50 {
        let begin = random.random_range(0..same.len() - 20);
        let baseline = &same[begin..begin + 12];
        let itself = &same[begin + 12..begin + 20];
        let other = &slower[comparison..comparison + 8];
        let verdict = |candidate| compared(baseline, candidate, Design::Stored).verdict;
        alarms += usize::from(verdict(itself) == Verdict::Regression);
        missed += usize::from(verdict(other) == Verdict::Pass);
    }
    // The levels are 1 % and 5 % of the comparisons, and the comparisons share runs.
    assert!(alarms <= 1, "{alarms} false alarms");
    assert!(missed <= 4, "{missed} false passes");
}

// --- the commands

fn harness(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(arguments)
        .current_dir(folder)
        .env("CUSTOM_OP_HARNESS_CACHE", "/nonexistent/cache")
        .env_remove("GITHUB_STEP_SUMMARY")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The made-up run with every time `times` as long and a little noise, as a folder of results.
fn leave_run(folder: &Path, name: &str, times: f64, seed: u64, change: impl Fn(&mut Results)) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut results = sample::sample_results();
    results.run.warnings.clear();
    for measurement in &mut results.measurements {
        let factor = times * (0.004 * normal(&mut random)).exp();
        measurement.median *= factor;
        measurement.ci95 = None;
        measurement.throughput = measurement.throughput.map(|rate| rate / factor);
    }
    change(&mut results);
    let path = folder.join("results").join(name);
    std::fs::create_dir_all(&path).unwrap();
    ResultsFolder::at(path).write(&results).unwrap();
}

/// A folder with five runs of one build, saved as `main`, three further ones of it and three of a slower one.
fn with_runs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut save = vec!["baseline".to_owned(), "save".to_owned(), "main".to_owned()];
    save.push("--runs".to_owned());
    for number in 0..5 {
        let name = format!("a{number}");
        leave_run(folder.path(), &name, 1.0, number, |_| ());
        save.push(format!("results/{name}"));
    }
    for number in 0..3 {
        leave_run(
            folder.path(),
            &format!("b{number}"),
            1.0,
            10 + number,
            |_| (),
        );
        leave_run(
            folder.path(),
            &format!("c{number}"),
            1.2,
            20 + number,
            |_| (),
        );
    }
    let save: Vec<&str> = save.iter().map(String::as_str).collect();
    let output = harness(folder.path(), &save);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("main (5 runs at 0123456)"));
    folder
}

const SAME: [&str; 7] = [
    "gate",
    "--baseline",
    "main",
    "--runs",
    "results/b0",
    "results/b1",
    "results/b2",
];
const SLOWER: [&str; 7] = [
    "gate",
    "--baseline",
    "main",
    "--runs",
    "results/c0",
    "results/c1",
    "results/c2",
];

#[test]
fn baselines_are_saved_listed_shown_and_deleted() {
    let folder = with_runs();
    let run = |arguments: &[&str]| harness(folder.path(), arguments);
    let listed = run(&["baseline", "list", "--format", "json"]);
    let names: Vec<String> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(names, ["main"]);
    assert!(text(&run(&["baseline", "list"]).stdout).starts_with("main (5 runs"));
    let shown = text(&run(&["baseline", "show", "main"]).stdout);
    for word in [
        "Example CPU",
        "onnxruntime-1.32.0",
        "spawn-to-ready",
        "between runs",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let shown = run(&["baseline", "show", "main", "--format", "json"]);
    let baseline: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(baseline["runs"].as_array().unwrap().len(), 5);

    let again = run(&["baseline", "save", "main", "--runs", "results/b0"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--append"), "{again:?}");
    let newest = run(&["baseline", "save", "other", "--baseline-dir", "kept"]);
    assert_eq!(newest.status.code(), Some(0), "{newest:?}");
    assert!(text(&newest.stdout).contains("three runs"), "{newest:?}");
    assert!(folder.path().join("kept/other.json").is_file());
    let path = run(&["baseline", "save", "../main", "--runs", "results/b0"]);
    assert_eq!(path.status.code(), Some(2));

    assert_eq!(run(&["baseline", "delete", "main"]).status.code(), Some(0));
    let gone = run(&["baseline", "show", "main"]);
    assert_eq!(gone.status.code(), Some(2));
    assert!(
        text(&gone.stderr).contains("no baseline 'main'"),
        "{gone:?}"
    );
}

#[test]
fn the_status_tells_the_verdict_and_every_format_says_it() {
    let folder = with_runs();
    let same = harness(folder.path(), &SAME);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stdout));
    let slower = harness(folder.path(), &SLOWER);
    let told = text(&slower.stdout);
    assert_eq!(slower.status.code(), Some(4), "{told}");
    assert!(
        told.lines().last().unwrap().starts_with("regression: "),
        "{told}"
    );
    assert!(
        told.contains("✗ regression") && told.contains("together"),
        "{told}"
    );

    let with = |options: &[&str]| {
        let line: Vec<&str> = SLOWER.iter().chain(options).copied().collect();
        harness(folder.path(), &line)
    };
    let json = with(&["--format", "json"]);
    let outcome: Outcome = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (outcome.schema_version, outcome.verdict),
        (1, Verdict::Regression)
    );
    let markdown = text(&with(&["--format", "markdown"]).stdout);
    assert!(
        markdown.starts_with("## Performance: regression"),
        "{markdown}"
    );
    for comparison in outcome.comparisons {
        assert!((comparison.worse - 0.2).abs() < 0.02, "{comparison:?}");
        assert!(markdown.contains(&comparison.id), "{markdown}");
    }
    let limit = with(&["--max-regression", "30%"]);
    assert_eq!(limit.status.code(), Some(0), "{}", text(&limit.stdout));
    let wrong = with(&["--max-regression", "30"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn in_a_github_job_there_are_annotations_and_a_summary() {
    let folder = with_runs();
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "before\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(SLOWER)
        .args(["--format", "github"])
        .current_dir(folder.path())
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    let lines = text(&output.stdout);
    let errors = lines
        .lines()
        .filter(|line| line.starts_with("::error title="));
    assert!((1..=10).contains(&errors.count()), "{lines}");
    assert!(
        lines.lines().last().unwrap().starts_with("::notice "),
        "{lines}"
    );
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(
        summary.starts_with("before\n## Performance: regression"),
        "{summary}"
    );
}

#[test]
fn services_that_keep_numbers_get_them_in_their_formats() {
    let folder = with_runs();
    let formats = [
        "json",
        "markdown",
        "junit",
        "bencher",
        "github-action-benchmark",
        "github-action-benchmark-bigger",
    ];
    let exports: Vec<String> = formats
        .iter()
        .map(|format| format!("{format}=out/{format}"))
        .collect();
    let mut line = SLOWER.to_vec();
    for export in &exports {
        line.extend(["--export", export]);
    }
    let output = harness(folder.path(), &line);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let json = |name: &str| serde_json::from_str::<serde_json::Value>(&read(name)).unwrap();

    let outcome: Outcome = serde_json::from_str(&read("json")).unwrap();
    let junit = quick_junit::Report::deserialize_from_str(&read("junit")).unwrap();
    assert_eq!(
        junit.tests,
        outcome.comparisons.len() + 1,
        "and all together"
    );
    assert!(junit.failures > 0);

    let ready = "startup/onnxruntime/spawn-to-ready";
    let milliseconds = outcome
        .comparisons
        .iter()
        .find(|comparison| comparison.id == ready)
        .unwrap()
        .candidate;
    let bencher = json("bencher");
    let nanoseconds = bencher[ready]["latency"]["value"].as_f64().unwrap();
    assert!((nanoseconds / milliseconds / 1e6 - 1.0).abs() < 1e-9);
    let smaller = json("github-action-benchmark");
    let entry = smaller
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["name"] == ready)
        .unwrap();
    assert_eq!(
        (&entry["unit"], entry["value"].as_f64()),
        (&"ms".into(), Some(milliseconds))
    );
    let bigger = json("github-action-benchmark-bigger");
    let bigger = bigger.as_array().unwrap();
    assert!(!bigger.is_empty() && bigger.iter().all(|entry| entry["unit"] == "/s"));
}

#[test]
fn what_cannot_be_compared_is_refused_with_what_differs() {
    let folder = with_runs();
    let gate = |name: &str| {
        let line = ["gate", "--baseline", "main", "--runs", name];
        harness(folder.path(), &line)
    };
    leave_run(folder.path(), "d0", 1.0, 30, |results| {
        results.machine.cpu = Some("Another CPU".to_owned());
        results.machine.gpu_driver = Some("580.1".to_owned());
    });
    let other = gate("results/d0");
    assert_eq!(other.status.code(), Some(3), "{other:?}");
    let told = text(&other.stderr);
    assert!(
        told.contains("CPU (Example CPU @ 2.80GHz, then Another CPU)"),
        "{told}"
    );
    assert!(told.contains("GPU driver (none, then 580.1)"), "{told}");

    leave_run(folder.path(), "d1", 1.0, 31, |results| {
        results.measurements.truncate(1);
        results.measurements[0].id = "startup/new".to_owned();
    });
    let nothing = gate("results/d1");
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
    leave_run(folder.path(), "d2", 1.0, 32, |results| {
        results.measurements.truncate(2);
        results.measurements[0].id = "startup/new".to_owned();
    });
    let some = text(&gate("results/d2").stdout);
    assert!(
        some.contains("only the candidate has 1 measurement: startup/new"),
        "{some}"
    );
    assert!(some.contains("only the baseline has"), "{some}");
    let neither = harness(folder.path(), &["gate"]);
    assert_eq!(neither.status.code(), Some(2));
    assert!(text(&neither.stderr).contains("--against"), "{neither:?}");
}

#[test]
fn one_run_is_no_ground_for_a_verdict() {
    let folder = with_runs();
    let run = |arguments: &[&str]| harness(folder.path(), arguments);
    run(&["baseline", "save", "one", "--runs", "results/a0"]);
    let gate = run(&["gate", "--baseline", "one", "--runs", "results/c0"]);
    assert_eq!(gate.status.code(), Some(5), "{gate:?}");
    assert!(
        text(&gate.stdout).contains("three runs or more"),
        "{gate:?}"
    );
}

#[test]
fn what_is_slower_while_others_are_busy_is_not_told_to_be_slower() {
    let folder = with_runs();
    for name in ["e0", "e1", "e2"] {
        leave_run(folder.path(), name, 1.2, 40, |results| {
            results.run.warnings = sample::sample_results().run.warnings;
        });
    }
    let line = [
        "gate",
        "--baseline",
        "main",
        "--runs",
        "results/e0",
        "results/e1",
        "results/e2",
    ];
    let busy = harness(folder.path(), &line);
    assert_eq!(busy.status.code(), Some(5), "{busy:?}");
    assert!(
        text(&busy.stdout).contains("other programs were busy"),
        "{busy:?}"
    );
}

#[test]
fn a_revision_that_is_none_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let output = harness(folder.path(), &["gate", "--against", "no-such-branch"]);
    let told = text(&output.stderr);
    // Outside of a clone, as in a bundle, that comes first.
    if told.contains("in a clone only") {
        assert_eq!(output.status.code(), Some(3), "{told}");
    } else {
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("'no-such-branch' names no commit"), "{told}");
    }
    let runs = harness(
        folder.path(),
        &["gate", "--against", "HEAD", "--runs", "results/x"],
    );
    assert_eq!(runs.status.code(), Some(2));
    let pairs = harness(
        folder.path(),
        &["gate", "--baseline", "main", "--pairs", "4"],
    );
    assert_eq!(pairs.status.code(), Some(2));
}
