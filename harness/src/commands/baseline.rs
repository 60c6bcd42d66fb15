//! `harness baseline`

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use jiff::Timestamp;

use super::report::failure;
use super::{Failure, print};
use crate::command_line::{Baseline as Arguments, BaselineCommand, Format, Runs, SaveBaseline};
use crate::exit_code::Exit;
use crate::gate::{BaselineStore, MeasuredRun, Origin, Saving, StoreError, baseline_text};
use crate::results::ResultsFolder;

/// Saves, lists, shows or deletes baselines.
pub fn baseline(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        BaselineCommand::Save(arguments) => save(arguments)?,
        BaselineCommand::List(arguments) => {
            let store = BaselineStore::at(&arguments.baselines.baseline_dir);
            let names = store.names().map_err(store_failure)?;
            print(&match arguments.format {
                Format::Json => json(&names)?,
                Format::Table => listed(&store, &names)?,
            })?;
        }
        BaselineCommand::Show(arguments) => {
            let store = BaselineStore::at(&arguments.baselines.baseline_dir);
            let baseline = store.load(&arguments.name).map_err(store_failure)?;
            print(&match arguments.format {
                Format::Json => json(&baseline)?,
                Format::Table => baseline_text(&baseline),
            })?;
        }
        BaselineCommand::Delete(arguments) => {
            let store = BaselineStore::at(&arguments.baselines.baseline_dir);
            store.delete(&arguments.name).map_err(store_failure)?;
        }
    }
    Ok(Exit::AsExpected)
}

fn save(arguments: &SaveBaseline) -> Result<(), Failure> {
    let runs = measured_runs(&arguments.runs)?;
    let saving = match (arguments.append, arguments.replace) {
        (true, _) => Saving::Append,
        (_, true) => Saving::Replace,
        _ => Saving::New,
    };
    let store = BaselineStore::at(&arguments.baselines.baseline_dir);
    let saved = store
        .save(&arguments.name, runs, saving, Timestamp::now())
        .map_err(store_failure)?;
    let mut text = format!("{}\n", Origin::of(&saved.name, &saved.runs).text());
    if saved.runs.len() < 3 {
        text.push_str(
            "⚠ how much runs of one build differ is known from three runs on: add more with --append\n",
        );
    }
    print(&text)
}

fn listed(store: &BaselineStore, names: &[String]) -> Result<String, Failure> {
    let mut text = String::new();
    for name in names {
        let baseline = store.load(name).map_err(store_failure)?;
        let origin = Origin::of(&baseline.name, &baseline.runs);
        text.push_str(&format!("{}, saved {}\n", origin.text(), baseline.saved));
    }
    Ok(text)
}

/// What of the runs that were asked for is compared: those that are named, or the newest one.
pub fn measured_runs(runs: &Runs) -> Result<Vec<MeasuredRun>, Failure> {
    let folders = match runs.runs.as_slice() {
        [] => vec![newest_run(&runs.results_dir)?],
        folders => folders.to_vec(),
    };
    folders.iter().map(|folder| measured_run(folder)).collect()
}

/// What of the run in `folder` is compared.
pub fn measured_run(folder: &Path) -> Result<MeasuredRun, Failure> {
    let results = ResultsFolder::at(folder).read().map_err(failure)?;
    MeasuredRun::of(&results).map_err(|error| {
        Failure::usage(anyhow!(
            "the run in {} cannot be compared: {error}",
            folder.display()
        ))
    })
}

/// The folder of the newest run in `folder`: their names begin with the time.
fn newest_run(folder: &Path) -> Result<PathBuf, Failure> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let runs = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("results.json").is_file());
    runs.max().ok_or_else(|| {
        Failure::usage(anyhow!(
            "there is no run in {}: make one with `cargo harness run`, or name one with --runs",
            folder.display()
        ))
    })
}

/// What a trouble with a baseline means for the exit status.
pub fn store_failure(error: StoreError) -> Failure {
    match error {
        StoreError::Name { .. } | StoreError::Unknown { .. } | StoreError::Exists { .. } => {
            Failure::usage(error)
        }
        _ => Failure::environment(error),
    }
}

/// `value` as JSON for programs, with a line end.
pub fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::internal)?;
    Ok(format!("{text}\n"))
}
