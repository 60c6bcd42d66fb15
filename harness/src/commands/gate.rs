//! `harness gate`

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::against::against;
use super::baseline::{json, measured_runs, store_failure};
use super::{Failure, print};
use crate::command_line::{Export, ExportFormat, Gate as Arguments, GateFormat};
use crate::exit_code::Exit;
use crate::gate::{
    BaselineStore, Design, Limits, NothingInCommon, Outcome, annotations, bencher,
    bigger_is_better, compare, gate_junit, gate_markdown, gate_text, smaller_is_better,
};

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

pub fn limits(arguments: &Arguments) -> Limits {
    Limits {
        max_regression: arguments.max_regression.share,
        ..Limits::default()
    }
}

/// What it means for the exit status that there is nothing to say.
pub fn not_compared(error: NothingInCommon) -> Failure {
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
