//! `harness merge`

use jiff::Timestamp;
use runtimes::Framework;

use super::closing::{closing, command_line, exit};
use super::report::failure;
use super::{Failure, print};
use crate::command_line::Merge;
use crate::exit_code::Exit;
use crate::experiments::experiments;
use crate::results::{ResultsFolder, merge as merged};

/// Joins the records of the parts of one run and renders the whole.
pub fn merge(arguments: &Merge) -> Result<Exit, Failure> {
    let records = arguments
        .folders
        .iter()
        .map(|folder| Ok((folder.clone(), ResultsFolder::at(folder).read()?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failure)?;
    let measurements: Vec<String> = experiments(&Framework::ALL, None)
        .iter()
        .map(|experiment| experiment.about().id)
        .collect();
    let results = merged(records, command_line(), &measurements).map_err(Failure::usage)?;
    let commit = results.run.commit.as_deref();
    let folder =
        ResultsFolder::create(&arguments.results_dir, Timestamp::now(), commit).map_err(failure)?;
    folder.write(&results).map_err(failure)?;
    print(&closing(&results, &folder))?;
    Ok(exit(&results))
}
