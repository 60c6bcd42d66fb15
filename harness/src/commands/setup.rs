//! `harness setup`

use std::collections::BTreeSet;

use runtimes::{Catalog, RuntimeName};
use suites::Selection;

use super::{Failure, provision};
use crate::command_line::Setup;
use crate::exit_code::Exit;
use crate::preflight::Needs;
use crate::terminal::Terminal;

/// Installs runtimes.
pub fn setup(arguments: &Setup) -> Result<Exit, Failure> {
    let terminal = Terminal::standard_error();
    let cache = provision::cache(&arguments.cache)?;
    let wanted = wanted(arguments);
    let missing = provision::missing(&cache, &wanted);
    provision::check_machine(Needs {
        toolchain: false,
        pip: !missing.is_empty(),
    })?;
    provision::install(&cache, &missing, terminal)?;
    terminal.say(&format!(
        "{} of {} runtimes were there already",
        wanted.len() - missing.len(),
        wanted.len()
    ));
    Ok(Exit::AsExpected)
}

fn wanted(arguments: &Setup) -> BTreeSet<RuntimeName> {
    if arguments.all {
        return Catalog::builtin()
            .entries()
            .iter()
            .map(runtimes::CatalogEntry::name)
            .collect();
    }
    if !arguments.runtimes.is_empty() {
        return arguments.runtimes.iter().copied().collect();
    }
    let selection = Selection {
        frameworks: arguments.framework.clone(),
        ..Selection::default()
    };
    provision::needed(&suites::cases(&selection), &arguments.framework, None)
}
