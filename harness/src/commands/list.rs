//! `harness list`

use serde::Serialize;
use suites::{Case, Outcome, Profile};

use super::{Failure, print};
use crate::command_line::{Format, List};
use crate::exit_code::Exit;

/// A case as the list shows it.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    suite: String,
    framework: String,
    path: String,
    description: String,
    /// With the runtime that it is run with; nothing where the case does not apply.
    expected: Option<Outcome>,
    needs: Vec<String>,
}

/// Prints the cases.
pub fn list(arguments: &List) -> Result<Exit, Failure> {
    let cases = suites::cases(&arguments.select.selection());
    let rows: Vec<Row> = cases.iter().map(|case| row(case, arguments)).collect();
    match arguments.format {
        Format::Json => {
            let json = serde_json::to_string_pretty(&rows).map_err(Failure::internal)?;
            print(&format!("{json}\n"))?;
        }
        Format::Table => {
            print(&table(&rows))?;
            eprintln!("{} cases", rows.len());
        }
    }
    Ok(Exit::AsExpected)
}

fn row(case: &Case, arguments: &List) -> Row {
    let version = case
        .own_runtime(case.framework)
        .or_else(|| suites::runtime_of(&arguments.select.runtimes, case.framework))
        .map(|runtime| runtime.version.to_semver());
    let isolation = case.isolation.unwrap_or(arguments.isolation);
    Row {
        id: case.id.clone(),
        suite: case.suite.to_string(),
        framework: case.framework.to_string(),
        path: case.path.to_string(),
        description: case.description.clone(),
        expected: version
            .and_then(|version| case.expectation(Profile::Reference, isolation, &version))
            .map(|expectation| expectation.outcome),
        needs: case.needs.iter().map(ToString::to_string).collect(),
    }
}

fn table(rows: &[Row]) -> String {
    let width = rows
        .iter()
        .map(|row| row.id.chars().count())
        .max()
        .unwrap_or(4)
        .max(4);
    let mut text = format!("{:width$}  {:14}  description\n", "case", "expected");
    for row in rows {
        let expected = row.expected.map_or("–", Outcome::name);
        let mut line = format!("{:width$}  {expected:14}  {}", row.id, row.description);
        if !row.needs.is_empty() {
            line.push_str(&format!(" (needs {})", row.needs.join(", ")));
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}
