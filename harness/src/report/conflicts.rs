//! What happens where two op libraries register the same, as the page shows it: a table for each
//! framework, with the outcome on each loading path under both isolation policies.

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
    /// Loading path and policy: the columns.
    pub columns: Vec<String>,
    /// One for each arrangement and runtime.
    pub rows: Vec<ConflictRow>,
}

/// One arrangement in one runtime.
#[derive(Debug, Serialize)]
pub struct ConflictRow {
    /// What is arranged, and in which order.
    pub arrangement: String,
    /// The runtime.
    pub runtime: String,
    /// One for each column; `None` where there is no such case.
    pub cells: Vec<Option<ConflictCell>>,
}

/// What came of one arrangement on one path under one policy.
#[derive(Debug, Clone, Serialize)]
pub struct ConflictCell {
    /// The column, for where columns are not side by side.
    pub column: String,
    /// The CSS class: `fits` (served), `fails` (something else, as expected), `wrong` or `none`.
    pub class: &'static str,
    /// A sign that says the same without colour.
    pub symbol: &'static str,
    /// The outcome.
    pub outcome: String,
    /// Which library answered, where one did.
    pub answered: String,
    /// The message.
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
    let columns: Vec<(LoadingPath, Isolation)> = LoadingPath::ALL
        .iter()
        .flat_map(|path| POLICIES.map(|policy| (*path, policy)))
        .collect();
    let mut rows: Vec<(String, &str)> = cases
        .iter()
        .map(|(case, conflict)| (arranged(conflict), case.runtime.as_str()))
        .collect();
    rows.sort();
    rows.dedup();
    let rows = rows
        .into_iter()
        .map(|(arrangement, runtime)| ConflictRow {
            cells: columns
                .iter()
                .map(|(path, policy)| {
                    let (case, _) = cases.iter().find(|(case, conflict)| {
                        case.path == *path
                            && case.isolation == *policy
                            && case.runtime == runtime
                            && arranged(conflict) == arrangement
                    })?;
                    Some(cell(case, &column(*path, *policy)))
                })
                .collect(),
            arrangement,
            runtime: runtime.to_owned(),
        })
        .collect();
    ConflictTable {
        framework: framework.title().to_owned(),
        anchor: conflicts_anchor(framework),
        columns: columns
            .into_iter()
            .map(|(path, policy)| column(path, policy))
            .collect(),
        rows,
    }
}

fn column(path: LoadingPath, policy: Isolation) -> String {
    format!("{path}, {policy}")
}

/// What is arranged, with its order and form.
fn arranged(conflict: &Conflict) -> String {
    let order = if conflict.reversed { ", reversed" } else { "" };
    let form = if conflict.by_flag { ", by flag" } else { "" };
    format!("{}{order}{form}", conflict.arrangement)
}

fn cell(case: &CaseResult, column: &str) -> ConflictCell {
    let (class, symbol) = match (case.verdict, case.outcome) {
        (Verdict::Fail | Verdict::Error, _) => ("wrong", "✗"),
        (Verdict::Skip, _) => ("none", "–"),
        (Verdict::Pass, Some(Outcome::Served)) => ("fits", "✓"),
        (Verdict::Pass, _) => ("fails", "⚠"),
    };
    let answered = case.evidence.answers.iter().map(|answer| {
        let library = answer.library.as_deref().unwrap_or("the framework");
        let place = answer
            .place
            .map_or_else(String::new, |place| format!(" ({place} of {})", answer.of));
        format!("{} ← {library}{place}", answer.model)
    });
    ConflictCell {
        column: column.to_owned(),
        class,
        symbol,
        outcome: case
            .outcome
            .map_or_else(|| case.verdict.to_string(), |outcome| outcome.to_string()),
        answered: answered.collect::<Vec<_>>().join(", "),
        message: case.message.clone(),
        anchor: anchor("case", &case.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{conflict_cases, sample_cases};

    #[test]
    fn every_case_has_its_cell_under_its_path_and_policy() {
        let cases = conflict_cases();
        let tables = conflict_tables(&cases);
        let cells = tables
            .iter()
            .flat_map(|table| &table.rows)
            .flat_map(|row| row.cells.iter().flatten());
        assert_eq!(cells.count(), cases.len());
        assert_eq!(tables[0].columns.len(), 6);
        assert!(conflict_tables(&sample_cases()).is_empty());
        let row = &tables[0].rows[0];
        assert_eq!(row.arrangement, "same-op");
        let cell = row.cells[2].as_ref().expect("model-config, shared");
        assert_eq!(
            (cell.column.as_str(), cell.class),
            ("model-config, shared", "fails")
        );
        assert_eq!(cell.outcome, "shadowed");
        assert_eq!(cell.answered, "second ← libops.so (1 of 2)");
        let cell = row.cells[3].as_ref().expect("model-config, op-set");
        assert_eq!((cell.class, cell.outcome.as_str()), ("fits", "served"));
    }
}
