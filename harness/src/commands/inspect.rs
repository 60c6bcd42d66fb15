//! `harness inspect`

use super::{Failure, print, provision};
use crate::command_line::{Inspect, TextOrJson};
use crate::exit_code::Exit;
use crate::inspection::record::Record;
use crate::inspection::{runtimes, text};

/// Prints what the libraries are and what becomes of them in each runtime.
pub fn inspect(arguments: &Inspect) -> Result<Exit, Failure> {
    let cache = provision::cache(&arguments.cache)?;
    let runtimes = runtimes::chosen(&arguments.runtime, &cache).map_err(|error| match error {
        error @ runtimes::RuntimeError::Unknown { .. } => Failure::usage(error),
        error => Failure::environment(error),
    })?;
    let record = Record::of(&arguments.libraries, &runtimes);
    match arguments.format {
        TextOrJson::Json => {
            let json = serde_json::to_string_pretty(&record).map_err(Failure::internal)?;
            print(&format!("{json}\n"))?;
        }
        TextOrJson::Text => print(&text::render(&record))?,
    }
    Ok(Exit::AsExpected)
}
