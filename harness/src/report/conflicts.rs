//! What happens where two op libraries register the same, as the page shows it: a table for each
//! framework, with a row for each arrangement, and in each cell the outcome on one loading path under
//! both isolation policies.

use serde::Serialize;
use suites::{CaseResult, Conflict, Framework, Isolation, LoadingPath, Outcome, Verdict};

use super::cases::anchor;

/// The policies that are compared: one process for all, and one for each set of op libraries.
const POLICIES: [Isolation; 2] = [Isolation::Shared, Isolation::OpSet];

/// The conflicts of one framework.
#[derive(Debug, Serialize)]
pub struct ConflictTable {
    /// The framework.
    pub framework: String,
    /// The target of links to it.
    pub anchor: String,
    /// The loading paths: the columns.
    pub columns: Vec<String>,
    /// One for each arrangement.
    pub rows: Vec<ConflictRow>,
}

/// One arrangement of two libraries.
#[derive(Debug, Serialize)]
pub struct ConflictRow {
    /// What is arranged, and in which order.
    pub arrangement: String,
    /// One for each column.
    pub cells: Vec<ConflictCell>,
}

/// What came of one arrangement on one path.
#[derive(Debug, Clone, Serialize)]
pub struct ConflictCell {
    /// The loading path, for where columns are not side by side.
    pub path: String,
    /// One for each policy that there is a case for; empty where the path has none.
    pub policies: Vec<PolicyOutcome>,
}

/// What came of it under one policy.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyOutcome {
    /// The policy.
    pub policy: String,
    /// What came of it; more than one where the releases of the framework differ.
    pub outcomes: Vec<ConflictOutcome>,
}

/// What came of it in the releases that agree.
#[derive(Debug, Clone, Serialize)]
pub struct ConflictOutcome {
    /// The CSS class: `fits` (served), `fails` (something else, as expected), `wrong` or `none`.
    pub class: &'static str,
    /// A sign that says the same without colour.
    pub symbol: &'static str,
    /// The outcome.
    pub outcome: String,
    /// Which library answered, where one did.
    pub answered: String,
    /// The releases.
    pub releases: Vec<Release>,
}

/// One release of the framework in which a case was run.
#[derive(Debug, Clone, Serialize)]
pub struct Release {
    /// Its version.
    pub version: String,
    /// The message of the case.
    pub message: String,
    /// The target with the details.
    pub anchor: String,
}

/// The tables of `cases`, one for each framework that the suite about names was run for.
pub fn conflict_tables(cases: &[CaseResult]) -> Vec<ConflictTable> {
    Framework::ALL
        .into_iter()
        .filter_map(|framework| {
            let of_framework: Vec<(&CaseResult, &Conflict)> = cases
                .iter()
                .filter(|case| case.framework == framework)
                .filter_map(|case| Some((case, case.conflict.as_ref()?)))
                .collect();
            (!of_framework.is_empty()).then(|| table(framework, &of_framework))
        })
        .collect()
}

/// The target of the table of a framework.
pub fn conflicts_anchor(framework: Framework) -> String {
    anchor("names", framework.name())
}

fn table(framework: Framework, cases: &[(&CaseResult, &Conflict)]) -> ConflictTable {
    let mut arrangements: Vec<String> = cases
        .iter()
        .map(|(_, conflict)| arranged(conflict))
        .collect();
    arrangements.sort();
    arrangements.dedup();
    let rows = arrangements
        .into_iter()
        .map(|arrangement| {
            let of_row: Vec<&CaseResult> = cases
                .iter()
                .filter(|(_, conflict)| arranged(conflict) == arrangement)
                .map(|(case, _)| *case)
                .collect();
            ConflictRow {
                cells: LoadingPath::ALL
                    .iter()
                    .map(|path| cell(*path, &of_row))
                    .collect(),
                arrangement,
            }
        })
        .collect();
    ConflictTable {
        framework: framework.title().to_owned(),
        anchor: conflicts_anchor(framework),
        columns: LoadingPath::ALL.iter().map(ToString::to_string).collect(),
        rows,
    }
}

/// What is arranged, with its order and form.
fn arranged(conflict: &Conflict) -> String {
    let order = if conflict.reversed { ", reversed" } else { "" };
    let form = if conflict.by_flag { ", by flag" } else { "" };
    format!("{}{order}{form}", conflict.arrangement)
}

fn cell(path: LoadingPath, of_row: &[&CaseResult]) -> ConflictCell {
    let policies = POLICIES.into_iter().filter_map(|policy| {
        let mut outcomes: Vec<ConflictOutcome> = Vec::new();
        let cases = of_row
            .iter()
            .filter(|case| case.path == path && case.isolation == policy);
        for case in cases {
            add(&mut outcomes, case);
        }
        (!outcomes.is_empty()).then(|| PolicyOutcome {
            policy: policy.to_string(),
            outcomes,
        })
    });
    ConflictCell {
        path: path.to_string(),
        policies: policies.collect(),
    }
}

/// Adds `case` to the outcome that is the same but for the release, or as another one.
fn add(outcomes: &mut Vec<ConflictOutcome>, case: &CaseResult) {
    let (class, symbol) = match (case.verdict, case.outcome) {
        (Verdict::Fail | Verdict::Error, _) => ("wrong", "✗"),
        (Verdict::Skip, _) => ("none", "–"),
        (Verdict::Pass, Some(Outcome::Served)) => ("fits", "✓"),
        (Verdict::Pass, _) => ("fails", "⚠"),
    };
    let outcome = case
        .outcome
        .map_or_else(|| case.verdict.to_string(), |outcome| outcome.to_string());
    let answered = answered(case);
    let version = case
        .runtime
        .rsplit_once('-')
        .map_or(case.runtime.as_str(), |(_, version)| version);
    let release = Release {
        version: version.to_owned(),
        message: case.message.clone(),
        anchor: anchor("case", &case.id),
    };
    let same = outcomes.iter_mut().find(|other| {
        (other.class, &other.outcome, &other.answered) == (class, &outcome, &answered)
    });
    match same {
        Some(same) => same.releases.push(release),
        None => outcomes.push(ConflictOutcome {
            class,
            symbol,
            outcome,
            answered,
            releases: vec![release],
        }),
    }
}

/// Which library answered which model, and at which place of the order it was given.
fn answered(case: &CaseResult) -> String {
    let answers = case.evidence.answers.iter().map(|answer| {
        let library = answer.library.as_deref().unwrap_or("the framework");
        let place = answer
            .place
            .map_or_else(String::new, |place| format!(" ({place} of {})", answer.of));
        format!("{} ← {library}{place}", answer.model)
    });
    answers.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{conflict_cases, sample_cases};

    #[test]
    fn every_case_has_its_cell_under_its_path_and_policy() {
        let cases = conflict_cases();
        let tables = conflict_tables(&cases);
        let outcomes = tables
            .iter()
            .flat_map(|table| &table.rows)
            .flat_map(|row| &row.cells)
            .flat_map(|cell| &cell.policies)
            .flat_map(|policy| &policy.outcomes);
        let releases: usize = outcomes.map(|outcome| outcome.releases.len()).sum();
        assert_eq!(releases, cases.len());
        assert_eq!(tables[0].columns.len(), 3);
        assert!(conflict_tables(&sample_cases()).is_empty());
        let row = &tables[0].rows[0];
        assert_eq!(row.arrangement, "same-op");
        let [shared, op_set] = row.cells[1].policies.as_slice() else {
            panic!("both policies under model-config");
        };
        assert_eq!(shared.policy, "shared");
        let outcome = &shared.outcomes[0];
        assert_eq!(
            (outcome.class, outcome.outcome.as_str()),
            ("fails", "shadowed")
        );
        assert_eq!(outcome.answered, "second ← libops.so (1 of 2)");
        let outcome = &op_set.outcomes[0];
        assert_eq!(
            (outcome.class, outcome.outcome.as_str()),
            ("fits", "served")
        );
    }

    #[test]
    fn releases_that_agree_stand_together() {
        let case = conflict_cases().remove(0);
        let mut newer = case.clone();
        newer.runtime = "onnxruntime-9.0.0".to_owned();
        let mut other = case.clone();
        other.runtime = "onnxruntime-8.0.0".to_owned();
        other.outcome = Some(Outcome::Hung);
        let tables = conflict_tables(&[case, newer, other]);
        let cells = tables[0].rows[0].cells.iter();
        let outcomes: Vec<&ConflictOutcome> = cells
            .flat_map(|cell| &cell.policies)
            .flat_map(|policy| &policy.outcomes)
            .collect();
        assert_eq!(outcomes.len(), 2);
        assert_eq!(outcomes[0].releases.len(), 2);
        assert_eq!(outcomes[0].releases[1].version, "9.0.0");
        assert_eq!(outcomes[1].outcome, "hung");
    }
}
