//! How op libraries built for one version get along with the runtimes of others, as the page shows
//! it: a map for each framework, with what was foretold and what was seen in every cell.

use std::cmp::Reverse;

use runtimes::{RuntimeName, Version};
use serde::Serialize;
use suites::{CaseResult, Fit, Framework, Outcome, Prediction, Suite, Trial, Verdict};

use super::cases::anchor;

/// The libraries and runtimes of one framework.
#[derive(Debug, Serialize)]
pub struct HeatMap {
    /// The framework.
    pub framework: String,
    /// The target of links to it.
    pub anchor: String,
    /// The runtimes: the columns, the newest first.
    pub runtimes: Vec<String>,
    /// The libraries.
    pub rows: Vec<HeatRow>,
    /// Why libraries were refused, or what stayed open; one entry for each cell.
    pub reasons: Vec<HeatReason>,
}

/// What is loaded: a library, or a plan.
#[derive(Debug, Serialize)]
pub struct HeatRow {
    /// What the cases are called.
    pub name: String,
    /// One for each column; `None` where there is no such case.
    pub cells: Vec<Option<HeatCell>>,
}

/// One library in one runtime.
#[derive(Debug, Clone, Serialize)]
pub struct HeatCell {
    /// The column's runtime, for where columns are not side by side.
    pub runtime: String,
    /// The CSS class: `fits`, `fails`, `open`, `wrong` or `none`.
    pub class: &'static str,
    /// A sign that says the same without colour.
    pub symbol: &'static str,
    /// What was seen.
    pub seen: String,
    /// What was foretold, and how the two compare.
    pub foretold: String,
    /// Why it was foretold, or what the trial said.
    pub reason: String,
    /// The target with the details.
    pub anchor: String,
}

/// A reason, and where it was given.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct HeatReason {
    /// Library and runtime.
    pub cell: String,
    /// The reason.
    pub text: String,
}

/// The maps of `cases`, one for each framework that the suite about versions was run for.
pub fn heat_maps(cases: &[CaseResult]) -> Vec<HeatMap> {
    Framework::ALL
        .into_iter()
        .filter_map(|framework| {
            let of_framework: Vec<&CaseResult> = cases
                .iter()
                .filter(|case| case.suite == Suite::VersionMismatch && case.framework == framework)
                .collect();
            (!of_framework.is_empty()).then(|| heat_map(framework, &of_framework))
        })
        .collect()
}

/// The target of the map of a framework.
pub fn heat_map_anchor(framework: Framework) -> String {
    anchor("versions", framework.name())
}

fn heat_map(framework: Framework, cases: &[&CaseResult]) -> HeatMap {
    let mut runtimes: Vec<&str> = cases.iter().map(|case| case.runtime.as_str()).collect();
    runtimes.sort_by_cached_key(|runtime| Reverse(version(runtime)));
    runtimes.dedup();
    let mut names: Vec<&str> = cases.iter().map(|case| name(case)).collect();
    names.sort_by_cached_key(|name| order(name));
    names.dedup();
    let mut reasons = Vec::new();
    let rows = names
        .into_iter()
        .map(|row| HeatRow {
            name: row.to_owned(),
            cells: runtimes
                .iter()
                .map(|&runtime| {
                    let mut cases = cases.iter();
                    let case = cases.find(|case| name(case) == row && case.runtime == runtime)?;
                    let cell = cell(case);
                    if cell.class != "fits" && !cell.reason.is_empty() {
                        reasons.push(HeatReason {
                            cell: format!("{row} in {runtime}"),
                            text: cell.reason.clone(),
                        });
                    }
                    Some(cell)
                })
                .collect(),
        })
        .collect();
    HeatMap {
        framework: framework.title().to_owned(),
        anchor: heat_map_anchor(framework),
        runtimes: runtimes.into_iter().map(str::to_owned).collect(),
        rows,
        reasons,
    }
}

/// What is loaded: the case's name in front of the runtime's version.
fn name(case: &CaseResult) -> &str {
    let name = case.id.rsplit('/').next().unwrap_or(&case.id);
    name.split_once('@').map_or(name, |(what, _)| what)
}

fn version(runtime: &str) -> Option<Version> {
    let name: RuntimeName = runtime.parse().ok()?;
    Some(name.version)
}

/// The sample library's square first, then by name, versions as numbers.
fn order(name: &str) -> (bool, String, Option<Version>) {
    let square = name.starts_with("built-for-");
    match name.rsplit_once('-') {
        Some((front, end)) if end.parse::<Version>().is_ok() => {
            (!square, front.to_owned(), end.parse().ok())
        }
        _ => (!square, name.to_owned(), None),
    }
}

fn cell(case: &CaseResult) -> HeatCell {
    let seen = match (&case.trial, case.outcome) {
        (Some(trial), Some(Outcome::Served)) if trial.fit() != Fit::Registers => {
            format!("{}, served elsewhere", trial.outcome)
        }
        (Some(trial), _) => trial.outcome.to_string(),
        (None, Some(outcome)) => outcome.to_string(),
        (None, None) => case.verdict.to_string(),
    };
    let (class, symbol, foretold) = match (&case.prediction, &case.trial) {
        (Some(prediction), Some(trial)) => compared(prediction, trial),
        _ => ("none", "–", "nothing foretold".to_owned()),
    };
    // What goes wrong in another place than the prediction is told too.
    let (class, symbol) = match case.verdict {
        Verdict::Fail | Verdict::Error => ("wrong", "✗"),
        Verdict::Pass | Verdict::Skip => (class, symbol),
    };
    HeatCell {
        runtime: case.runtime.clone(),
        class,
        symbol,
        seen,
        foretold,
        reason: reason(case),
        anchor: anchor("case", &case.id),
    }
}

fn compared(prediction: &Prediction, trial: &Trial) -> (&'static str, &'static str, String) {
    let said = prediction.verdict;
    match prediction.fit() {
        None => ("open", "?", format!("{said}: left open")),
        Some(fit) if fit != trial.fit() => ("wrong", "✗", format!("{said}: wrong")),
        Some(Fit::Registers) => ("fits", "✓", format!("{said}: right")),
        Some(_) => ("fails", "✓", format!("{said}: right")),
    }
}

fn reason(case: &CaseResult) -> String {
    let foretold = case.prediction.as_ref();
    let foretold = foretold.filter(|prediction| prediction.fit().is_some());
    let told = foretold.map(|prediction| &prediction.reason);
    let tried = case.trial.as_ref().map(|trial| &trial.message);
    let skipped = (case.verdict == Verdict::Skip).then_some(&case.message);
    told.into_iter()
        .chain(tried)
        .chain(skipped)
        .find(|text| !text.is_empty())
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{sample_cases, version_cases};

    #[test]
    fn every_case_has_its_cell() {
        let cases = version_cases();
        let maps = heat_maps(&cases);
        let cells = maps
            .iter()
            .flat_map(|map| &map.rows)
            .flat_map(|row| row.cells.iter().flatten());
        assert_eq!(cells.count(), cases.len());
        for map in &maps {
            for row in &map.rows {
                assert_eq!(row.cells.len(), map.runtimes.len(), "{}", row.name);
            }
        }
        assert!(heat_maps(&sample_cases()).is_empty());
    }

    #[test]
    fn versions_are_ordered_as_numbers() {
        let maps = heat_maps(&version_cases());
        assert_eq!(maps[0].runtimes, ["pytorch-2.11.0", "pytorch-2.9.1"]);
        let names: Vec<&str> = maps[0].rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(
            names,
            ["built-for-2.9.1", "built-for-2.11.0", "schema-disagrees"]
        );
    }

    #[test]
    fn agreement_shows_in_sign_class_and_word() {
        let maps = heat_maps(&version_cases());
        let cell = |row: usize, column: usize| {
            let cell = maps[0].rows[row].cells[column].as_ref().expect("a cell");
            (
                cell.class,
                cell.symbol,
                cell.seen.as_str(),
                cell.foretold.as_str(),
            )
        };
        assert_eq!(cell(0, 0), ("wrong", "✗", "crashed", "loads: wrong"));
        assert_eq!(cell(0, 1), ("fits", "✓", "registered", "loads: right"));
        assert_eq!(cell(1, 1), ("fails", "✓", "failed", "fails: right"));
        assert_eq!(
            cell(2, 0),
            ("open", "?", "crashed", "needs-trial: left open")
        );
        let mut cases = version_cases();
        cases[1].outcome = Some(Outcome::Served);
        let maps = heat_maps(&cases);
        let chosen = maps[0].rows[1].cells[1].as_ref().expect("a cell");
        assert_eq!(chosen.seen, "failed, served elsewhere");
    }
}
