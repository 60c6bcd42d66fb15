//! `harness inspect`

use std::time::Duration;

use suites::{Cancellation, Prober};

use super::{Failure, print, provision};
use crate::command_line::{Inspect, TextOrJson};
use crate::exit_code::Exit;
use crate::inspection::record::{Against, LibraryRecord, Record};
use crate::inspection::{runtimes, text};
use crate::interrupt;
use crate::terminal::Terminal;

/// Longest time that one trial may take: the worker's own limits end it before.
const TRIAL_LIMIT: Duration = Duration::from_secs(300);

/// Prints what the libraries are and what becomes of them in each runtime.
pub fn inspect(arguments: &Inspect) -> Result<Exit, Failure> {
    let cache = provision::cache(&arguments.cache)?;
    let runtimes = runtimes::chosen(&arguments.runtime, &cache).map_err(|error| match error {
        error @ runtimes::RuntimeError::Unknown { .. } => Failure::usage(error),
        error => Failure::environment(error),
    })?;
    let terminal = Terminal::standard_error();
    let prober = match arguments.probe {
        false => None,
        true => Some(prober(arguments, cache.root().to_owned(), terminal)?),
    };
    let trials = prober.is_some().then(|| terminal.spinner("trying"));
    let record = Record::of(
        &arguments.libraries,
        if arguments.runtime.is_empty() {
            Against::Installed(&runtimes)
        } else {
            Against::Named(&runtimes)
        },
        prober.as_ref(),
        |path, runtime| {
            if let Some(trials) = &trials {
                trials.set_message(format!("trying '{}' in {}", path.display(), runtime.name));
            }
        },
    );
    if let Some(trials) = trials {
        trials.finish_and_clear();
    }
    let record = record.map_err(Failure::environment)?;
    match arguments.format {
        TextOrJson::Json => {
            let json = serde_json::to_string_pretty(&record).map_err(Failure::internal)?;
            print(&format!("{json}\n"))?;
        }
        TextOrJson::Text => print(&text::render(&record))?,
    }
    Ok(exit(&record))
}

/// The worst of what is to be said about any of the libraries.
fn exit(record: &Record) -> Exit {
    let libraries = || record.libraries.iter();
    if libraries().any(|library| !library.is_there()) {
        Exit::Usage
    } else if libraries().any(LibraryRecord::loads_nowhere) {
        Exit::CaseFailed
    } else if libraries().any(|library| library.verdicts.is_empty()) {
        Exit::Environment
    } else {
        Exit::AsExpected
    }
}

/// What tries libraries: the server's program.
fn prober(
    arguments: &Inspect,
    runtime_cache: std::path::PathBuf,
    terminal: Terminal,
) -> Result<Prober, Failure> {
    let cancellation = Cancellation::default();
    interrupt::watch(cancellation.clone());
    let building = arguments
        .server_bin
        .is_none()
        .then(|| terminal.spinner("building the reference server, which makes the trials"));
    let program = suites::server_binary(arguments.server_bin.as_deref(), |line| {
        if let Some(building) = &building {
            building.set_message(line.to_owned());
        }
    });
    if let Some(building) = building {
        building.finish_and_clear();
    }
    Ok(Prober {
        program: program.map_err(Failure::environment)?,
        runtime_cache,
        limit: TRIAL_LIMIT,
        cancellation,
    })
}
