//! What tests that run cases need: installed runtimes, servers that are none, and a look at what came
//! of a suite.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::channel;

use runtimes::{Cache, Catalog, Framework, Pip, RuntimeName, Silent, Size};
use suites::{Case, CaseResult, Need, RunOptions, Verdict};
use tempfile::TempDir;

/// The cache of runtimes, with those installed that `cases` run on and name.
pub fn cache(cases: &[Case]) -> Cache {
    let cache = Cache::locate(None).expect("a place for runtimes");
    let frameworks: BTreeSet<Framework> = cases.iter().flat_map(Case::frameworks).collect();
    let defaults = frameworks
        .into_iter()
        .filter_map(|framework| Catalog::builtin().default_of(framework))
        .map(|entry| entry.name());
    let named = cases
        .iter()
        .flat_map(|case| &case.needs)
        .filter_map(|need| match need {
            Need::Runtime(name) => Some(*name),
            _ => None,
        });
    let wanted: BTreeSet<RuntimeName> = defaults.chain(named).collect();
    for name in wanted {
        if let (Some(entry), None) = (Catalog::builtin().get(&name), cache.find(&name)) {
            let pip = Pip::find().expect("pip");
            runtimes::install(&cache, entry, Size::Small, &pip, &Silent)
                .expect("the runtime is installed");
        }
    }
    cache
}

/// A shell script in the place of a server.
#[allow(dead_code, reason = "each test executable uses a part of this module")]
pub fn script(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let program = folder.path().join("server");
    fs::write(&program, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("an executable script");
    (folder, program)
}

/// Runs `cases` against the real server; every verdict is `pass`, except where the machine lacks what
/// a case needs, which is told.
#[allow(dead_code, reason = "each test executable uses a part of this module")]
pub fn assert_that_all_pass(cases: &[Case]) {
    let cache = cache(cases);
    let server = suites::server_binary(None, |line| eprintln!("{line}")).expect("a server");
    let (events, _) = channel();
    let results = suites::run(cases, &RunOptions::new(server, cache.root()), &events)
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

#[allow(dead_code, reason = "each test executable uses a part of this module")]
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
