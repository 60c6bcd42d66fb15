//! The commands from outside.

use std::path::Path;
use std::process::{Command, Output};

use harness::gate::{Outcome, Verdict};
use harness::results::{Results, ResultsFolder};
use rand::{SeedableRng, rngs::StdRng};

use crate::sample;

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
