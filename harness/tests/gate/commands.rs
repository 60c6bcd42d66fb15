//! The commands from outside.

use harness::gate::{Outcome, Verdict};

use crate::folder::{SAME, SLOWER, harness, leave_run, text, with_runs};
use crate::sample;

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
