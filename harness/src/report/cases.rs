//! Cases as the page shows them.

use serde::Serialize;
use suites::{CaseResult, Outcome, Verdict};

use super::context::{Badge, Fact};
use crate::quantity::quantity;

/// One case with everything that is known of it.
#[derive(Debug, Serialize)]
pub struct CaseDetail {
    /// `suite/framework/path/name`.
    pub id: String,
    /// The id as the target of a link.
    pub anchor: String,
    /// What it is about.
    pub description: String,
    /// Its verdict.
    pub verdict: Badge,
    /// The expected outcome.
    pub expected: String,
    /// The observed outcome.
    pub outcome: String,
    /// Phase, times and the like.
    pub facts: Vec<Fact>,
    /// What the client saw.
    pub message: String,
    /// Where it departs from the expectation.
    pub departures: Vec<String>,
    /// What was done.
    pub steps: Vec<String>,
    /// The end of the server's log.
    pub log_tail: String,
    /// The command that runs it again.
    pub reproduce: String,
    /// The server's command line.
    pub server_command: String,
}

/// The verdicts by case, framework and path.
#[derive(Debug, Serialize)]
pub struct Matrix {
    /// The columns: framework and loading path.
    pub columns: Vec<Column>,
    /// The rows by suite.
    pub suites: Vec<SuiteRows>,
}

/// A column of the matrix.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// The framework.
    pub framework: String,
    /// The loading path.
    pub path: String,
}

/// The rows of one suite.
#[derive(Debug, Serialize)]
pub struct SuiteRows {
    /// The suite.
    pub name: String,
    /// Its cases.
    pub rows: Vec<MatrixRow>,
}

/// A row of the matrix: one case name.
#[derive(Debug, Serialize)]
pub struct MatrixRow {
    /// The case's name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// One for each column; `None` where the case does not exist there.
    pub cells: Vec<Option<Cell>>,
}

/// One case in the matrix.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    /// Its verdict.
    pub verdict: Badge,
    /// The observed outcome.
    pub outcome: String,
    /// The target with the details.
    pub anchor: String,
}

/// The badge of a verdict.
pub fn badge(verdict: Verdict) -> Badge {
    let (class, symbol) = match verdict {
        Verdict::Pass => ("pass", "✓"),
        Verdict::Fail => ("fail", "✗"),
        Verdict::Skip => ("skip", "–"),
        Verdict::Error => ("error", "!"),
    };
    Badge {
        class,
        symbol,
        text: verdict.to_string(),
    }
}

impl CaseDetail {
    /// Everything about `case`, with targets of links that begin with `prefix`.
    pub fn new(case: &CaseResult, prefix: &str) -> Self {
        let evidence = &case.evidence;
        Self {
            id: case.id.clone(),
            anchor: anchor(prefix, &case.id),
            description: case.description.clone(),
            verdict: badge(case.verdict),
            expected: outcome(case.expected),
            outcome: outcome(case.outcome),
            facts: facts(case),
            message: case.message.trim().to_owned(),
            departures: evidence.departures.clone(),
            steps: evidence.steps.clone(),
            log_tail: evidence.log_tail.join("\n"),
            reproduce: evidence.reproduce.clone(),
            server_command: evidence.server_command.join(" "),
        }
    }
}

fn facts(case: &CaseResult) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("phase", case.phase.name()),
        Fact::new("isolation", case.isolation.name()),
        Fact::new("runtime", &case.runtime),
    ];
    let times = [
        ("ready after", case.time_to_ready_ms),
        ("load took", case.load_ms),
    ];
    for (name, time) in times {
        facts.extend(time.map(|time| Fact::new(name, quantity(time, "ms"))));
    }
    facts.push(Fact::new("whole case", quantity(case.duration_ms, "ms")));
    let evidence = &case.evidence;
    facts.extend(
        evidence
            .exit
            .map(|exit| Fact::new("server's end", exit.to_string())),
    );
    if let Some(traffic) = &evidence.traffic {
        let requests = traffic.requests_before + traffic.requests_after;
        let failures = traffic.failures;
        let text = format!(
            "{} answered {requests} requests, {failures} failed",
            traffic.model
        );
        facts.push(Fact::new("healthy model", text));
        facts.extend(
            traffic
                .first_failure
                .as_ref()
                .map(|f| Fact::new("first failure", f)),
        );
    }
    if let Some(after) = &evidence.mapped_after_unload {
        let names = |paths: &[std::path::PathBuf]| match paths {
            [] => "nothing".to_owned(),
            paths => paths
                .iter()
                .map(|p| p.display().to_string())
                .collect::<Vec<_>>()
                .join(", "),
        };
        facts.push(Fact::new(
            "mapped before unload",
            names(&evidence.mapped_before_unload),
        ));
        facts.push(Fact::new("mapped after unload", names(after)));
    }
    facts
}

/// The matrix of `cases`: columns and rows in the order in which they first occur.
pub fn matrix(cases: &[CaseResult]) -> Matrix {
    let mut columns: Vec<Column> = Vec::new();
    for case in cases {
        let column = column(case);
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    let mut suites: Vec<SuiteRows> = Vec::new();
    for case in cases {
        let suite = match suites
            .iter()
            .position(|suite| suite.name == case.suite.name())
        {
            Some(index) => index,
            None => {
                suites.push(SuiteRows {
                    name: case.suite.to_string(),
                    rows: Vec::new(),
                });
                suites.len() - 1
            }
        };
        let rows = &mut suites[suite].rows;
        let name = case.id.rsplit('/').next().unwrap_or(&case.id);
        let row = match rows.iter().position(|row| row.name == name) {
            Some(index) => index,
            None => {
                rows.push(MatrixRow {
                    name: name.to_owned(),
                    description: case.description.clone(),
                    cells: vec![None; columns.len()],
                });
                rows.len() - 1
            }
        };
        if let Some(index) = columns.iter().position(|known| *known == column(case)) {
            rows[row].cells[index] = Some(Cell {
                verdict: badge(case.verdict),
                outcome: outcome(case.outcome),
                anchor: anchor("case", &case.id),
            });
        }
    }
    Matrix { columns, suites }
}

fn column(case: &CaseResult) -> Column {
    Column {
        framework: case.framework.to_string(),
        path: case.path.to_string(),
    }
}

fn outcome(outcome: Option<Outcome>) -> String {
    outcome.map_or("–", Outcome::name).to_owned()
}

/// An id as the target of a link: no character that would have to be escaped.
fn anchor(prefix: &str, id: &str) -> String {
    let id: String = id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '.'
            }
        })
        .collect();
    format!("{prefix}.{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_cases;

    #[test]
    fn every_case_has_its_place() {
        let cases = sample_cases();
        let matrix = matrix(&cases);
        let filled: usize = matrix
            .suites
            .iter()
            .flat_map(|suite| &suite.rows)
            .map(|row| row.cells.iter().flatten().count())
            .sum();
        assert_eq!(filled, cases.len());
        assert!(
            matrix
                .suites
                .iter()
                .flat_map(|s| &s.rows)
                .all(|row| row.cells.len() == matrix.columns.len())
        );
    }

    #[test]
    fn links_of_the_matrix_lead_to_details() {
        let cases = sample_cases();
        let details: Vec<String> = cases
            .iter()
            .map(|case| CaseDetail::new(case, "case").anchor)
            .collect();
        for row in matrix(&cases).suites.iter().flat_map(|suite| &suite.rows) {
            for cell in row.cells.iter().flatten() {
                assert!(details.contains(&cell.anchor), "{}", cell.anchor);
            }
        }
    }
}
