//! Cases as the page shows them.

use serde::Serialize;
use suites::{CaseResult, Framework, LoadingPath, Outcome, Suite, Verdict};

use super::conflicts::conflicts_anchor;
use super::context::{Badge, Count, Fact};
use super::heat_map::heat_map_anchor;
use crate::quantity::{bytes, quantity};
use crate::results::{About, CheckWords, Part, Results, plain};

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
    /// What was expected or foretold, and what was observed.
    pub compared: Vec<Fact>,
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

/// The verdicts by framework, loading path and case.
#[derive(Debug, Serialize)]
pub struct Matrix {
    /// The loading paths: the columns of the overview.
    pub paths: Vec<String>,
    /// Verdicts counted: one row a framework.
    pub overview: Vec<OverviewRow>,
    /// The cases, one table for each suite and framework.
    pub tables: Vec<CaseTable>,
}

/// A framework in the overview.
#[derive(Debug, Serialize)]
pub struct OverviewRow {
    /// The framework.
    pub framework: String,
    /// The anchor of its first table.
    pub anchor: String,
    /// For each path, how many cases got each verdict that occurred.
    pub cells: Vec<Vec<Count>>,
}

/// The cases of one suite and framework.
#[derive(Debug, Serialize)]
pub struct CaseTable {
    /// The suite.
    pub suite: String,
    /// The framework.
    pub framework: String,
    /// The target of links to it.
    pub anchor: String,
    /// The loading paths that its cases have: the columns.
    pub paths: Vec<String>,
    /// Its cases.
    pub rows: Vec<MatrixRow>,
}

/// A row of a table: one case name.
#[derive(Debug, Serialize)]
pub struct MatrixRow {
    /// The case's name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// One for each column: its forms, none where the case does not exist there.
    pub cells: Vec<Vec<Cell>>,
}

/// One case in a table.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    /// Its verdict.
    pub verdict: Badge,
    /// The observed outcome.
    pub outcome: String,
    /// The form of the loading path, where it has several.
    pub form: Option<&'static str>,
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
    /// Everything about `case` of `results`, with targets of links that begin with `prefix`.
    pub fn new(case: &CaseResult, results: &Results, prefix: &str) -> Self {
        let evidence = &case.evidence;
        let part = results.part_of_case(&case.id);
        let about = results
            .check
            .as_ref()
            .and_then(|check| About::of(&case.id, check));
        Self {
            id: case.id.clone(),
            anchor: anchor(prefix, &case.id),
            description: case.description.clone(),
            verdict: about.map_or_else(|| badge(case.verdict), |about| words(about, case)),
            compared: compared(about, case),
            facts: facts(case, part),
            message: match about {
                Some(_) => plain(&case.message),
                None => case.message.trim().to_owned(),
            },
            departures: evidence.departures.clone(),
            steps: evidence.steps.clone(),
            log_tail: evidence.log_tail.join("\n"),
            reproduce: evidence.reproduce.clone(),
            server_command: evidence.server_command.join(" "),
        }
    }
}

/// What came of something that a user brought. What does not work is no failure where it was foretold.
pub fn words(about: About, case: &CaseResult) -> Badge {
    let CheckWords { text, is_good } = about.words(case);
    let verdict = match case.verdict {
        Verdict::Pass if !is_good => Badge {
            symbol: "✗",
            ..badge(Verdict::Skip)
        },
        verdict => badge(verdict),
    };
    Badge { text, ..verdict }
}

/// What was expected or foretold, and what was observed. Whoever brings a library expects that it
/// works, and whoever brings a model that it is served: that needs no word.
fn compared(about: Option<About>, case: &CaseResult) -> Vec<Fact> {
    let Some(about) = about else {
        return vec![
            Fact::new("expected", outcome(case.expected)),
            Fact::new("observed", outcome(case.outcome)),
        ];
    };
    let word = |outcome: Option<Outcome>, other: &str| {
        outcome.map_or(other.to_owned(), |outcome| about.seen(outcome).to_owned())
    };
    let observed = Fact::new("observed", word(case.outcome, "not tried"));
    match about {
        About::Library => Vec::new(),
        About::Model => vec![observed],
        About::Fit | About::Pair => {
            vec![
                Fact::new("foretold", word(case.expected, "cannot be told")),
                observed,
            ]
        }
    }
}

fn facts(case: &CaseResult, part: Option<&Part>) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("phase", case.phase.name()),
        Fact::new("isolation", case.isolation.name()),
        Fact::new("runtime", &case.runtime),
    ];
    facts.extend(part.map(|part| Fact::new("part", &part.shard)));
    let times = [
        ("ready after", case.time_to_ready_ms),
        ("load took", case.load_ms),
    ];
    for (name, time) in times {
        facts.extend(time.map(|time| Fact::new(name, quantity(time, "ms"))));
    }
    facts.push(Fact::new("whole case", quantity(case.duration_ms, "ms")));
    facts.extend(
        case.prediction
            .as_ref()
            .map(|prediction| Fact::new("inspector predicts", prediction.to_string())),
    );
    if let Some(trial) = &case.trial {
        let seen = if trial.message.is_empty() {
            trial.outcome.to_string()
        } else {
            format!("{}: {}", trial.outcome, trial.message)
        };
        facts.push(Fact::new("trial", seen));
        if !trial.ops.is_empty() {
            facts.push(Fact::new("registered ops", trial.ops.join(", ")));
        }
    }
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
    facts.extend(evidence.gpu_memory.iter().map(|memory| {
        let used = bytes(memory.used);
        let text = match memory.processes {
            0 => format!("{used} in use, none by a listed process of the server"),
            _ => format!("{used} in use, {} by the server", bytes(memory.of_server)),
        };
        Fact::new(format!("memory of GPUs {}", memory.moment), text)
    }));
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

/// The matrix of `cases`: frameworks, paths and rows in the order in which they first occur.
pub fn matrix(cases: &[CaseResult]) -> Matrix {
    let paths: Vec<LoadingPath> = LoadingPath::ALL
        .iter()
        .copied()
        .filter(|path| cases.iter().any(|case| case.path == *path))
        .collect();
    let mut groups: Vec<(Suite, Framework)> = Vec::new();
    for case in cases {
        if !groups.contains(&(case.suite, case.framework)) {
            groups.push((case.suite, case.framework));
        }
    }
    groups.sort();
    let of_group = |(suite, framework)| {
        let same = move |case: &&CaseResult| (case.suite, case.framework) == (suite, framework);
        cases.iter().filter(same).collect::<Vec<_>>()
    };
    // Libraries against runtimes have a map of their own.
    let tables = groups
        .iter()
        .filter(|(suite, _)| !matches!(suite, Suite::NameConflict | Suite::VersionMismatch))
        .map(|&group| table(group, &of_group(group)))
        .collect();
    let mut overview: Vec<OverviewRow> = Vec::new();
    for &(suite, framework) in &groups {
        if overview
            .iter()
            .all(|row| row.framework != framework.title())
        {
            let counts = |path| {
                let here = cases
                    .iter()
                    .filter(move |case| (case.framework, case.path) == (framework, path));
                count(here)
            };
            overview.push(OverviewRow {
                framework: framework.title().to_owned(),
                anchor: match suite {
                    Suite::NameConflict => conflicts_anchor(framework),
                    Suite::VersionMismatch => heat_map_anchor(framework),
                    _ => table_anchor(suite, framework),
                },
                cells: paths.iter().map(|&path| counts(path)).collect(),
            });
        }
    }
    Matrix {
        paths: paths.iter().map(ToString::to_string).collect(),
        overview,
        tables,
    }
}

/// How many of `cases` got each verdict; verdicts that none got are left out.
fn count<'a>(cases: impl Iterator<Item = &'a CaseResult> + Clone) -> Vec<Count> {
    Verdict::ALL
        .iter()
        .map(|&verdict| Count {
            number: cases.clone().filter(|case| case.verdict == verdict).count(),
            verdict: badge(verdict),
        })
        .filter(|count| count.number > 0)
        .collect()
}

fn table((suite, framework): (Suite, Framework), cases: &[&CaseResult]) -> CaseTable {
    let paths: Vec<LoadingPath> = LoadingPath::ALL
        .iter()
        .copied()
        .filter(|path| cases.iter().any(|case| case.path == *path))
        .collect();
    let mut rows: Vec<MatrixRow> = Vec::new();
    for case in cases {
        let (name, form) = name_and_form(case);
        let index = rows.iter().position(|row| row.name == name);
        let index = index.unwrap_or_else(|| {
            rows.push(MatrixRow {
                name: name.to_owned(),
                description: case.description.clone(),
                cells: vec![Vec::new(); paths.len()],
            });
            rows.len() - 1
        });
        if let Some(column) = paths.iter().position(|path| *path == case.path) {
            rows[index].cells[column].push(Cell {
                verdict: badge(case.verdict),
                outcome: outcome(case.outcome),
                form,
                anchor: anchor("case", &case.id),
            });
        }
    }
    CaseTable {
        suite: suite.to_string(),
        framework: framework.title().to_owned(),
        anchor: table_anchor(suite, framework),
        paths: paths.iter().map(ToString::to_string).collect(),
        rows,
    }
}

/// What a case is called on every path, and in which form of its path it is.
fn name_and_form(case: &CaseResult) -> (&str, Option<&'static str>) {
    const BY_FLAG: &str = "-by-flag";
    let name = case.id.rsplit('/').next().unwrap_or(&case.id);
    match (case.path, name.strip_suffix(BY_FLAG)) {
        (LoadingPath::Preload, Some(name)) => (name, Some("--preload")),
        (LoadingPath::Preload, None) => (name, Some("LD_PRELOAD")),
        _ => (name, None),
    }
}

fn table_anchor(suite: Suite, framework: Framework) -> String {
    anchor("table", &format!("{suite}/{framework}"))
}

fn outcome(outcome: Option<Outcome>) -> String {
    outcome.map_or("–", Outcome::name).to_owned()
}

/// An id as the target of a link: no character that would have to be escaped.
pub fn anchor(prefix: &str, id: &str) -> String {
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
    use crate::sample::{sample_cases, sample_results};

    #[test]
    fn every_case_has_its_place() {
        let cases = sample_cases();
        let matrix = matrix(&cases);
        let rows = || matrix.tables.iter().flat_map(|table| &table.rows);
        let filled: usize = rows()
            .map(|row| row.cells.iter().map(Vec::len).sum::<usize>())
            .sum();
        assert_eq!(filled, cases.len());
        let counted: usize = matrix
            .overview
            .iter()
            .flat_map(|row| row.cells.iter().flatten())
            .map(|count| count.number)
            .sum();
        assert_eq!(counted, cases.len());
        for table in &matrix.tables {
            for row in &table.rows {
                assert_eq!(row.cells.len(), table.paths.len());
            }
        }
    }

    #[test]
    fn both_forms_of_a_path_stand_in_one_cell() {
        let mut cases = sample_cases();
        cases.truncate(2);
        for (case, name) in cases
            .iter_mut()
            .zip(["file-missing", "file-missing-by-flag"])
        {
            case.path = LoadingPath::Preload;
            case.id = format!("load-time/onnxruntime/preload/{name}");
        }
        let matrix = matrix(&cases);
        let rows = &matrix.tables[0].rows;
        assert_eq!(rows.len(), 1);
        let forms: Vec<_> = rows[0].cells[0]
            .iter()
            .filter_map(|cell| cell.form)
            .collect();
        assert_eq!(forms, ["LD_PRELOAD", "--preload"]);
    }

    #[test]
    fn memory_of_gpus_is_a_fact_that_says_whose_it_is() {
        let mut case = sample_cases().remove(0);
        let note = |processes, of_server| suites::GpuMemory {
            moment: "after the unload".to_owned(),
            used: 3 << 30,
            processes,
            of_server,
        };
        case.evidence.gpu_memory = vec![note(1, 1 << 30), note(0, 0)];
        let facts = CaseDetail::new(&case, &sample_results(), "case").facts;
        let memory = facts
            .iter()
            .filter(|fact| fact.name == "memory of GPUs after the unload");
        let texts: Vec<&str> = memory.map(|fact| fact.value.as_str()).collect();
        assert_eq!(
            texts,
            [
                "3.0 GiB in use, 1.0 GiB by the server",
                "3.0 GiB in use, none by a listed process of the server"
            ]
        );
    }

    #[test]
    fn links_of_the_matrix_lead_to_details() {
        let cases = sample_cases();
        let details: Vec<String> = cases
            .iter()
            .map(|case| CaseDetail::new(case, &sample_results(), "case").anchor)
            .collect();
        for row in matrix(&cases).tables.iter().flat_map(|table| &table.rows) {
            for cell in row.cells.iter().flatten() {
                assert!(details.contains(&cell.anchor), "{}", cell.anchor);
            }
        }
    }
}
