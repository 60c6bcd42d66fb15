//! How a command ends that leaves results: what it says last, and with which status.

use suites::{Profile, Verdict};

use crate::exit_code::Exit;
use crate::quantity::count;
use crate::results::{Overall, Results, ResultsFolder, check_text, verdict_table};

/// The command line as it can be typed again in the clone.
pub fn command_line() -> Vec<String> {
    let arguments = std::env::args().skip(1);
    ["cargo".to_owned(), "harness".to_owned()]
        .into_iter()
        .chain(arguments)
        .collect()
}

/// What the terminal shows last: the verdicts, what went wrong, and where the report is.
pub fn closing(results: &Results, folder: &ResultsFolder) -> String {
    let mut text = String::new();
    match &results.check {
        Some(check) => text.push_str(&format!("\n{}\n", check_text(check, &results.cases))),
        None if results.cases.is_empty() => {}
        None => text.push_str(&format!("\n{}\n", verdict_table(&results.cases))),
    }
    text.push_str(&departures(results));
    for problem in &results.run.problems {
        text.push_str(&format!("! {problem}\n"));
    }
    for notice in &results.run.notices {
        text.push_str(&format!("⚠ {notice}\n"));
    }
    for warning in &results.run.warnings {
        text.push_str(&format!("⚠ {warning}\n"));
    }
    let warned = results
        .measurements
        .iter()
        .filter(|m| !m.warnings.is_empty())
        .count();
    if warned > 0 {
        text.push_str(&format!(
            "⚠ {warned} of {} measurements carry a warning; the report tells which\n",
            results.measurements.len()
        ));
    }
    text.push_str(&format!(
        "{}: {}\n",
        results.headline(),
        results.counts_text()
    ));
    text.push_str(&format!("{}\n", folder.report().display()));
    text
}

/// Where a server that is not the reference server departs from what is expected of it, one line a
/// case.
fn departures(results: &Results) -> String {
    let profile = results.run.profile;
    if profile == Profile::Reference || results.cases.is_empty() {
        return String::new();
    }
    let failed = results
        .cases
        .iter()
        .filter(|case| case.verdict == Verdict::Fail);
    let lines: Vec<String> = failed
        .map(|case| format!("  {}: {}\n", case.id, case.evidence.departures.join("; ")))
        .collect();
    let compared = results.summary.passed + results.summary.failed;
    if lines.is_empty() {
        return format!(
            "the server departs from profile {profile} in none of {}\n",
            count(compared, "case")
        );
    }
    format!(
        "the server departs from profile {profile} in {} of {}:\n{}",
        lines.len(),
        count(compared, "case"),
        lines.concat()
    )
}

/// The status that tells the worst that happened.
pub fn exit(results: &Results) -> Exit {
    match results.verdict() {
        Overall::Passed => Exit::AsExpected,
        Overall::Failed => Exit::CaseFailed,
        Overall::Error => Exit::Internal,
        Overall::Interrupted => Exit::Environment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_results;

    #[test]
    fn the_path_of_the_report_comes_last() {
        let folder = ResultsFolder::at("/results/run");
        let text = closing(&sample_results(), &folder);
        assert_eq!(text.lines().last(), Some("/results/run/report.html"));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_server_that_departs_from_its_profile_is_told_where() {
        let folder = ResultsFolder::at("/results/run");
        let mut results = sample_results();
        results.run.profile = Profile::Triton;
        let text = closing(&results, &folder);
        assert!(
            text.contains("departs from profile triton in 1 of 4 cases:\n  load-time"),
            "{text}"
        );
        results.cases.retain(|case| case.verdict != Verdict::Fail);
        results.summary.failed = 0;
        let text = closing(&results, &folder);
        assert!(text.contains("profile triton in none of 3 cases"), "{text}");
    }

    #[test]
    fn the_status_tells_the_worst_that_happened() {
        let mut results = sample_results();
        assert_eq!(exit(&results), Exit::CaseFailed);
        results.summary.failed = 0;
        assert_eq!(exit(&results), Exit::Internal);
        results.summary.errors = 0;
        assert_eq!(exit(&results), Exit::AsExpected);
        results.run.interrupted = true;
        assert_eq!(exit(&results), Exit::Environment);
        results
            .run
            .problems
            .push("startup/x was not measured".to_owned());
        assert_eq!(exit(&results), Exit::Internal);
    }
}
