//! `summary.md`, for the page that a CI job shows, and the table that the terminal shows.

use std::fmt::Write;

use suites::{CaseResult, Verdict};

use super::check::Check;
use super::check_words::About;
use super::record::{Overall, Results};
use super::server_words::plain;
use crate::check::did;
use crate::load::Load;
use crate::measurement::Kind;
use crate::quantity::{count, quantity, rate};

impl Overall {
    /// The run's result in a few words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Passed => "all as expected",
            Self::Failed => "not as expected",
            Self::Error => "the harness itself failed",
            Self::Interrupted => "ended early, as expected so far",
        }
    }
}

impl Results {
    /// The run's result in a few words.
    #[must_use]
    pub fn headline(&self) -> String {
        let verdict = self.verdict();
        if let Some(load) = &self.load {
            return self.load_headline(load);
        }
        match &self.check {
            Some(check) => check.headline(verdict, &self.cases),
            None => match self.missing_parts() {
                None => verdict.text().to_owned(),
                Some(missing) if verdict == Overall::Passed => {
                    format!("{} in the parts that are there; {missing}", verdict.text())
                }
                Some(missing) => format!("{}; {missing}", verdict.text()),
            },
        }
    }

    /// What came of a load test.
    fn load_headline(&self, load: &Load) -> String {
        let points = || self.measurements.iter().filter_map(|it| it.load.as_ref());
        let failed: usize = points().map(|point| point.answered.failed).sum();
        let wrong: usize = points().map(|point| point.answered.wrong).sum();
        let mut parts = Vec::new();
        if failed > 0 {
            parts.push(format!("{} failed", count(failed, "request")));
        }
        if wrong > 0 {
            parts.push(format!("{} wrong", count(wrong, "answer")));
        }
        if !self.run.problems.is_empty() {
            parts.push(format!(
                "{} not measured",
                count(self.run.problems.len(), "pace")
            ));
        }
        if parts.is_empty() {
            parts.push("every request was answered".to_owned());
        }
        match (&load.target, load.highest_rate, load.target_met) {
            (Some(target), Some(highest), _) => {
                parts.push(format!("{target} holds up to {}", rate(highest)));
            }
            (Some(target), None, Some(true)) => parts.push(format!("{target} was met")),
            (Some(target), None, _) => parts.push(format!("{target} was missed")),
            (None, ..) => {}
        }
        if self.run.interrupted {
            parts.push("ended early".to_owned());
        }
        parts.join(", ")
    }

    /// How many of the parts that a run was divided into are missing; `None` where none is.
    fn missing_parts(&self) -> Option<String> {
        let shards = self
            .run
            .parts
            .iter()
            .filter_map(|part| part.shard.split_once('/'));
        let all = shards
            .filter_map(|(_, all)| all.parse::<usize>().ok())
            .max()?;
        match all.checked_sub(self.run.parts.len())? {
            0 => None,
            1 => Some(format!("1 of {all} parts is missing")),
            missing => Some(format!("{missing} of {all} parts are missing")),
        }
    }

    /// What cases are called that passed, and those that failed. Of what a user brought, a case also
    /// passes in which something does not work, as it was foretold.
    #[must_use]
    pub fn count_names(&self) -> (&'static str, &'static str) {
        match self.check {
            None => ("passed", "failed"),
            Some(_) => ("as expected", "not as expected"),
        }
    }

    /// The counts in one line: `41 passed, 1 failed, 0 skipped, 0 errors`, and whether the run was
    /// ended early.
    #[must_use]
    pub fn counts_text(&self) -> String {
        let counts = self.summary;
        let (passed, failed) = self.count_names();
        format!(
            "{} {passed}, {} {failed}, {} skipped, {}",
            counts.passed,
            counts.failed,
            counts.skipped,
            count(counts.errors, "error")
        ) + if self.run.interrupted {
            " (ended early)"
        } else {
            ""
        }
    }

    /// Cases that ask for attention: failures, then errors.
    pub fn troubled(&self) -> impl Iterator<Item = &CaseResult> {
        let with = |verdict| {
            self.cases
                .iter()
                .filter(move |case| case.verdict == verdict)
        };
        with(Verdict::Fail).chain(with(Verdict::Error))
    }
}

/// The summary as Markdown: result, failures with their evidence, cases, measurements.
#[must_use]
pub fn summary_markdown(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |content: String| {
        let _ = writeln!(text, "{content}");
    };
    let subject = results.load.as_ref().map_or("Custom ops", |_| "Load test");
    line(format!("# {subject}: {}", results.headline()));
    line(String::new());
    match &results.load {
        Some(load) => line(format!(
            "Model `{}`, {} at {}, {}.",
            cell(&load.model),
            cell(&load.server),
            load.url,
            cell(&load.inputs.join(", "))
        )),
        None => line(format!("{}. {}", results.counts_text(), setting(results))),
    }
    for notice in &results.run.notices {
        line(format!("\n> ⚠ {}", cell(notice)));
    }
    for problem in &results.run.problems {
        line(format!("\n> {}", cell(problem)));
    }
    if let Some(check) = &results.check {
        line(libraries_markdown(check));
    }
    let troubled: Vec<&CaseResult> = results.troubled().collect();
    if !troubled.is_empty() {
        line("\n## Not as expected\n".to_owned());
        for case in troubled {
            let message = match &results.check {
                Some(_) => plain(&case.message),
                None => case.message.clone(),
            };
            line(format!("- `{}`: {}", case.id, cell(&message)));
            for departure in &case.evidence.departures {
                line(format!("  - {}", cell(departure)));
            }
            if !case.evidence.reproduce.is_empty() {
                line(format!("  - again: `{}`", case.evidence.reproduce));
            }
        }
    }
    if let Some(check) = &results.check {
        line("\n## Cases\n\n| case | what came of it |\n|---|---|".to_owned());
        for case in &results.cases {
            let about = About::of(&case.id, check);
            let words = about.map(|about| about.words(case).text);
            let words = words.unwrap_or_else(|| case.verdict.to_string());
            line(format!("| `{}` | {words} |", cell(&case.id)));
        }
    } else if !results.cases.is_empty() {
        line("\n## Cases\n".to_owned());
        line("| verdict | case | expected | outcome | phase |".to_owned());
        line("|---|---|---|---|---|".to_owned());
        for case in &results.cases {
            line(format!(
                "| {} | `{}` | {} | {} | {} |",
                case.verdict,
                case.id,
                case.expected.map_or("–", suites::Outcome::name),
                case.outcome.map_or("–", suites::Outcome::name),
                case.phase
            ));
        }
    }
    if !results.measurements.is_empty() {
        line("\n## Measurements\n".to_owned());
        line(
            "| measurement | median | 95 % interval | p90 | p99 | throughput | samples |"
                .to_owned(),
        );
        line("|---|--:|--:|--:|--:|--:|--:|".to_owned());
        for measurement in &results.measurements {
            let value = |value| quantity(value, &measurement.unit);
            let or_none =
                |value: Option<f64>| value.map_or("–".to_owned(), value_in(&measurement.unit));
            line(format!(
                "| `{}`{} | {} | {} | {} | {} | {} | {} |",
                measurement.id,
                if measurement.warnings.is_empty() {
                    ""
                } else {
                    " ⚠"
                },
                value(measurement.median),
                measurement
                    .ci95
                    .map_or("–".to_owned(), |[low, high]| format!(
                        "{} … {}",
                        value(low),
                        value(high)
                    )),
                or_none(measurement.p90),
                or_none(measurement.p99),
                measurement.throughput.map_or("–".to_owned(), rate),
                measurement.samples
            ));
        }
        let warned = results
            .measurements
            .iter()
            .filter(|m| !m.warnings.is_empty());
        for (index, measurement) in warned.enumerate() {
            if index == 0 {
                line(String::new());
            }
            for warning in &measurement.warnings {
                line(format!(
                    "- ⚠ `{}`: {}",
                    measurement.id,
                    cell(&warning.to_string())
                ));
            }
        }
    }
    text
}

/// A line for each library and runtime.
fn libraries_markdown(check: &Check) -> String {
    let mut text = String::new();
    if !check.libraries.is_empty() {
        text.push_str(
            "\n## Your libraries\n\n| library | runtime | predicted | observed | why |\n",
        );
        text.push_str("|---|---|---|---|---|\n");
    }
    for library in &check.libraries {
        for fit in &library.fits {
            let observed = fit.observed.as_ref();
            let outcome = observed.map_or("not tried", |observed| did(observed.outcome));
            let why = match observed {
                Some(observed) if fit.is_usable() => count(observed.ops.len(), "op"),
                _ => fit.predicted.reason.clone(),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {outcome} | {} |",
                cell(&library.label),
                fit.runtime,
                fit.predicted.verdict,
                cell(&why)
            );
        }
    }
    text
}

fn value_in(unit: &str) -> impl Fn(f64) -> String {
    move |value| quantity(value, unit)
}

fn setting(results: &Results) -> String {
    let machine = &results.machine;
    let runtimes: Vec<&str> = results
        .runtimes
        .iter()
        .map(|runtime| runtime.name.as_str())
        .collect();
    let part = match (&results.run.shard, results.run.parts.len()) {
        (Some(shard), _) => format!("Part {shard}. "),
        (None, 0) => String::new(),
        (None, parts) => format!("Joined from {}. ", count(parts, "part")),
    };
    let startups = results
        .measurements
        .iter()
        .filter(|m| m.kind == Kind::Startup)
        .count();
    let measured = if startups == 0 && results.measurements.is_empty() {
        ", nothing measured"
    } else {
        ""
    };
    format!(
        "{}Isolation `{}`, {}, {} logical processors, {}{measured}.",
        part,
        results.run.isolation,
        if runtimes.is_empty() {
            "no runtime".to_owned()
        } else {
            runtimes.join(", ")
        },
        machine.logical_processors,
        machine.cpu.as_deref().unwrap_or("unknown processor"),
    )
}

/// Text that does not break out of a Markdown list item or table cell.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
        .replace('<', "&lt;")
}

/// The table of verdicts as the terminal shows it: one line a case, troubled ones with a reason.
#[must_use]
pub fn verdict_table(cases: &[CaseResult]) -> String {
    let width = cases
        .iter()
        .map(|case| case.id.chars().count())
        .max()
        .unwrap_or(4)
        .max(4);
    let mut text = format!(
        "{:7}  {:width$}  {:14}  {:14}  {:>8}\n",
        "verdict", "case", "expected", "outcome", "time"
    );
    for case in cases {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:7}  {:width$}  {:14}  {:14}  {:>8}",
            case.verdict,
            case.id,
            case.expected.map_or("–", suites::Outcome::name),
            case.outcome.map_or("–", suites::Outcome::name),
            quantity(case.duration_ms, "ms"),
        );
        if case.verdict != Verdict::Pass {
            let reasons = case.evidence.departures.iter().chain([&case.message]);
            for reason in reasons.filter(|reason| !reason.trim().is_empty()) {
                let _ = writeln!(text, "{:7}  {}", "", reason.trim().replace('\n', " "));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_results;

    #[test]
    fn summary_of_a_mixed_run() {
        insta::assert_snapshot!(summary_markdown(&sample_results()));
    }

    #[test]
    fn table_of_a_mixed_run() {
        insta::assert_snapshot!(verdict_table(&sample_results().cases));
    }

    #[test]
    fn a_message_cannot_break_the_table() {
        assert_eq!(cell("a|b\n<script>"), "a\\|b &lt;script>");
    }
}
