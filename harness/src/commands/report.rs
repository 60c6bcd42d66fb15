//! `harness report`

use super::{Failure, print};
use crate::command_line::Report;
use crate::exit_code::Exit;
use crate::results::{FolderError, ResultsFolder};

/// Renders everything of a run again from its record.
pub fn report(arguments: &Report) -> Result<Exit, Failure> {
    let folder = ResultsFolder::at(&arguments.folder);
    let results = folder.read().map_err(failure)?;
    folder.render(&results).map_err(failure)?;
    print(&format!("{}\n", folder.report().display()))?;
    Ok(Exit::AsExpected)
}

/// What a trouble with the folder means for the exit status.
pub fn failure(error: FolderError) -> Failure {
    match error {
        FolderError::NoRecord { .. } => Failure::usage(error),
        FolderError::Render { .. } => Failure::internal(error),
        _ => Failure::environment(error),
    }
}
