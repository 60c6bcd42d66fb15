//! Runs the load-time suite of all frameworks against the real server: every verdict is `pass`,
//! except where the machine lacks what a case needs, which is told.

mod environment;

use std::sync::mpsc::channel;

use suites::{CaseResult, RunOptions, Selection, Suite, Verdict};

#[test]
fn every_case_of_the_load_time_suite_passes() {
    let cases = suites::cases(&Selection {
        suites: vec![Suite::LoadTime],
        ..Selection::default()
    });
    let cache = environment::cache(&cases);
    let server = suites::server_binary(None, |line| eprintln!("{line}")).expect("a server");
    let (events, _) = channel();
    let results = suites::run(&cases, &RunOptions::new(server, cache.root()), &events)
        .expect("the suite can be run");

    assert_eq!(results.len(), cases.len());
    let (skipped, others): (Vec<&CaseResult>, Vec<&CaseResult>) = results
        .iter()
        .filter(|result| result.verdict != Verdict::Pass)
        .partition(|result| result.verdict == Verdict::Skip);
    for result in skipped {
        eprintln!("SKIPPED {}: {}", result.id, result.message);
    }
    assert!(
        others.is_empty(),
        "{} of {} cases did not pass:\n{}",
        others.len(),
        results.len(),
        table(&others)
    );
}

/// What each case was expected to do, what it did, and why.
fn table(results: &[&CaseResult]) -> String {
    let mut text = String::new();
    for result in results {
        let expected = result.expected.map_or("-", suites::Outcome::name);
        let outcome = result.outcome.map_or("-", suites::Outcome::name);
        let phase = result.phase;
        text += &format!(
            "\n{:<5} {}\n      expected {expected}, was {outcome} in {phase}\n      {}\n",
            result.verdict.name(),
            result.id,
            result.message
        );
        for departure in &result.evidence.departures {
            text += &format!("      * {departure}\n");
        }
        for line in &result.evidence.log_tail {
            text += &format!("      | {line}\n");
        }
    }
    text
}
