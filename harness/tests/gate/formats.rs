//! What services and CI systems read.

use std::collections::BTreeSet;
use std::process::Command;

use harness::gate::Outcome;

use crate::folder::{SLOWER, harness, text, with_runs};

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
    let tests = || junit.test_suites.iter().flat_map(|suite| &suite.test_cases);
    assert!(tests().all(|test| test.classname.as_ref().unwrap().starts_with("gate.")));
    let names: BTreeSet<&str> = tests().map(|test| test.name.as_str()).collect();
    assert_eq!(names.len(), tests().count(), "a name for each test");

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
    // As Bencher's schema has it: numbers, and the value between its bounds.
    for measures in bencher.as_object().unwrap().values() {
        for metric in measures.as_object().unwrap().values() {
            let number = |name: &str| metric[name].as_f64().unwrap();
            assert!(number("lower_value") <= number("value"), "{metric}");
            assert!(number("value") <= number("upper_value"), "{metric}");
        }
    }
    let smaller = json("github-action-benchmark");
    for entry in smaller.as_array().unwrap() {
        assert!(
            entry["value"].is_number() && entry["extra"].is_string(),
            "{entry}"
        );
        // The action reads a sign and a number.
        let range = entry["range"].as_str().unwrap().strip_prefix("± ").unwrap();
        assert!(range.parse::<f64>().is_ok(), "{entry}");
    }
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
