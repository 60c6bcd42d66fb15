//! `harness gate`

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use suites::Cancellation;

use super::baseline::{json, measured_runs, store_failure};
use super::{Failure, print};
use crate::command_line::{Export, ExportFormat, Gate as Arguments, GateFormat};
use crate::exit_code::Exit;
use crate::gate::{
    BaselineStore, Design, Limits, NothingInCommon, Outcome, annotations, bencher,
    bigger_is_better, compare, gate_junit, gate_markdown, gate_text, smaller_is_better,
};
use crate::interrupt;
use crate::revisions::{Build, Repository, Turns, build, measure_in_turns};
use crate::terminal::Terminal;

/// Where GitHub wants the summary of a job step.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Compares runs with a baseline and says what became worse.
pub fn gate(arguments: &Arguments) -> Result<Exit, Failure> {
    let outcome = match &arguments.against {
        Some(name) => against(name, arguments)?,
        None => with_baseline(arguments)?,
    };
    for export in &arguments.export {
        write(export, &outcome)?;
    }
    print(&match arguments.format {
        GateFormat::Text => gate_text(&outcome),
        GateFormat::Json => json(&outcome)?,
        GateFormat::Markdown => gate_markdown(&outcome),
        GateFormat::Github => annotations(&outcome),
    })?;
    if arguments.format == GateFormat::Github {
        add_to_summary(&gate_markdown(&outcome))?;
    }
    Ok(outcome.exit())
}

fn with_baseline(arguments: &Arguments) -> Result<Outcome, Failure> {
    let store = BaselineStore::at(&arguments.baselines.baseline_dir);
    let name = arguments.baseline.as_deref().unwrap_or_default();
    let baseline = store.load(name).map_err(store_failure)?;
    let runs = measured_runs(&arguments.runs)?;
    compare(
        (&format!("baseline {name}"), &baseline.runs),
        ("this build", &runs),
        Design::Stored,
        limits(arguments),
    )
    .map_err(not_compared)
}

/// Builds the revision `name` and the one that is checked out, and compares what they measure in turns.
fn against(name: &str, arguments: &Arguments) -> Result<Outcome, Failure> {
    let terminal = Terminal::standard_error();
    let repository = Repository::of_this_harness().map_err(Failure::environment)?;
    let commit = repository.commit(name).map_err(Failure::usage)?;
    let head = repository.head().map_err(Failure::usage)?;
    let cancellation = Cancellation::default();
    interrupt::watch(cancellation.clone());

    let scratch = tempfile::Builder::new().prefix("harness-gate-").tempdir();
    let scratch = scratch
        .context("failed to make a temporary folder for the other revision")
        .map_err(Failure::environment)?;
    let worktree = repository
        .check_out(&commit, &scratch.path().join("other"))
        .map_err(Failure::environment)?;
    let target = repository.root().join("target/gate");
    let built = |name: &str, sources: &Path, programs: &str| {
        let spinner = terminal.spinner(&format!("building {name}"));
        let order = Build {
            sources,
            target: &target,
            programs: &scratch.path().join(programs),
            name,
        };
        let built = build(&order, &cancellation);
        spinner.finish_and_clear();
        built.map_err(Failure::environment)
    };
    let short = |commit: &str| commit.get(..7).unwrap_or(commit).to_owned();
    let before = built(
        &format!("{name} ({})", short(&commit)),
        worktree.folder(),
        "baseline",
    )?;
    let now = built(
        &format!("this revision ({})", short(&head)),
        repository.root(),
        "candidate",
    )?;
    let turns = Turns {
        pairs: usize::from(arguments.turns.pairs),
        options: &arguments.turns.run_options(),
        folder: &scratch.path().join("runs"),
    };
    let [baseline, candidate] = measure_in_turns([&before, &now], &turns, &cancellation, |text| {
        terminal.say(text);
    })
    .map_err(Failure::environment)?;
    compare(
        (&before.name, &baseline),
        (&now.name, &candidate),
        Design::Paired,
        limits(arguments),
    )
    .map_err(not_compared)
}

fn limits(arguments: &Arguments) -> Limits {
    Limits {
        max_regression: arguments.max_regression.share,
        ..Limits::default()
    }
}

/// What it means for the exit status that there is nothing to say.
fn not_compared(error: NothingInCommon) -> Failure {
    match error {
        NothingInCommon::Circumstances { .. } => Failure::environment(error),
        NothingInCommon::Measurements { .. } => Failure::usage(error),
    }
}

fn write(export: &Export, outcome: &Outcome) -> Result<(), Failure> {
    let text = match export.format {
        ExportFormat::Json => json(outcome)?,
        ExportFormat::Markdown => gate_markdown(outcome),
        ExportFormat::Junit => gate_junit(outcome).map_err(Failure::internal)?,
        ExportFormat::Bencher => bencher(outcome).map_err(Failure::internal)?,
        ExportFormat::SmallerIsBetter => smaller_is_better(outcome).map_err(Failure::internal)?,
        ExportFormat::BiggerIsBetter => bigger_is_better(outcome).map_err(Failure::internal)?,
    };
    if let Some(folder) = export
        .file
        .parent()
        .filter(|folder| *folder != Path::new(""))
    {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create the folder {}", folder.display()))
            .map_err(Failure::environment)?;
    }
    fs::write(&export.file, text)
        .with_context(|| format!("failed to write {}", export.file.display()))
        .map_err(Failure::environment)
}

/// Adds `text` to the summary of the job step, where this runs in one.
fn add_to_summary(text: &str) -> Result<(), Failure> {
    let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let mut options = fs::OpenOptions::new();
    options
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| {
            format!(
                "failed to add to the file {} that {STEP_SUMMARY} names",
                path.display()
            )
        })
        .map_err(Failure::environment)
}
