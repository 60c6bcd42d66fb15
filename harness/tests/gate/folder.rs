//! A folder with runs, and the command line in it.

use std::path::Path;
use std::process::{Command, Output};

use harness::results::{Results, ResultsFolder};
use rand::{SeedableRng, rngs::StdRng};

use crate::sample;

pub fn harness(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(arguments)
        .current_dir(folder)
        .env("CUSTOM_OP_HARNESS_CACHE", "/nonexistent/cache")
        .env_remove("GITHUB_STEP_SUMMARY")
        .output()
        .unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The made-up run with every time `times` as long and a little noise, as a folder of results.
pub fn leave_run(folder: &Path, name: &str, times: f64, seed: u64, change: impl Fn(&mut Results)) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut results = sample::sample_results();
    results.run.warnings.clear();
    for measurement in &mut results.measurements {
        let factor = times * (0.004 * crate::normal(&mut random)).exp();
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
pub fn with_runs() -> tempfile::TempDir {
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

pub const SAME: [&str; 7] = [
    "gate",
    "--baseline",
    "main",
    "--runs",
    "results/b0",
    "results/b1",
    "results/b2",
];
pub const SLOWER: [&str; 7] = [
    "gate",
    "--baseline",
    "main",
    "--runs",
    "results/c0",
    "results/c1",
    "results/c2",
];
