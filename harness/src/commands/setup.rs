//! `harness setup`

use runtimes::{Catalog, CatalogEntry, Framework, Size};
use suites::Selection;

use super::Failure;
use super::provision::{self, Wanted};
use crate::command_line::Setup;
use crate::exit_code::Exit;
use crate::terminal::Terminal;

/// Installs runtimes.
pub fn setup(arguments: &Setup) -> Result<Exit, Failure> {
    let terminal = Terminal::standard_error();
    let cache = provision::cache(&arguments.cache)?;
    let wanted = wanted(arguments);
    let missing = wanted.missing(&cache).len();
    provision::ensure(&cache, &wanted, terminal)?;
    terminal.say(&format!(
        "{} of {} runtimes were there already",
        wanted.names().len() - missing,
        wanted.names().len()
    ));
    Ok(Exit::AsExpected)
}

fn wanted(arguments: &Setup) -> Wanted {
    let (size, reason) = match (
        arguments.full,
        arguments.all || !arguments.runtimes.is_empty(),
    ) {
        (true, _) => (Size::Full, "what --full asks for"),
        (false, true) => (Size::Small, "asked for"),
        (false, false) => (Size::Small, "the default of its framework"),
    };
    let catalog = Catalog::builtin();
    let mut wanted = Wanted::default();
    if arguments.all {
        // Those that are for GPUs only are no use elsewhere; whoever prepares them names them.
        let of_use = |entry: &&CatalogEntry| !entry.gpu || suites::has_gpu();
        for entry in catalog.entries().iter().filter(of_use) {
            wanted.add(entry.name(), size, reason);
        }
        return wanted;
    }
    if !arguments.runtimes.is_empty() {
        for name in &arguments.runtimes {
            wanted.add(*name, size, reason);
        }
        return wanted;
    }
    let frameworks = match arguments.framework.as_slice() {
        [] => Framework::ALL.as_slice(),
        some => some,
    };
    let selection = Selection {
        frameworks: frameworks.to_vec(),
        ..Selection::default()
    };
    let mut wanted = provision::needed(&suites::cases(&selection), frameworks, &[], false);
    for framework in frameworks {
        if let Some(entry) = catalog.default_of(*framework) {
            wanted.add(entry.name(), size, reason);
        }
    }
    wanted
}
