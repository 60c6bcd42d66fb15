//! Runtimes that are needed, installed where they are missing.

use std::collections::BTreeSet;

use anyhow::anyhow;
use runtimes::{Cache, Catalog, CatalogEntry, Framework, Pip, RuntimeName, Size};
use suites::{Case, Need};

use super::Failure;
use crate::preflight::{self, Needs};
use crate::terminal::Terminal;

/// The cache that the command line or the environment names, or the usual one.
pub fn cache(arguments: &crate::command_line::Cache) -> Result<Cache, Failure> {
    Cache::locate(arguments.cache_dir.as_deref()).map_err(Failure::environment)
}

/// The runtimes that `cases` and measurements of `frameworks` need: each framework's default (or
/// `chosen` for its framework), and those that a case names.
pub fn needed(
    cases: &[Case],
    frameworks: &[Framework],
    chosen: Option<RuntimeName>,
) -> BTreeSet<RuntimeName> {
    let of_cases = cases.iter().map(|case| case.framework);
    let frameworks: BTreeSet<Framework> = of_cases.chain(frameworks.iter().copied()).collect();
    let defaults = frameworks.into_iter().filter_map(|framework| {
        let chosen = chosen.filter(|chosen| chosen.framework == framework);
        chosen.or_else(|| Some(Catalog::builtin().default_of(framework)?.name()))
    });
    let named = cases
        .iter()
        .flat_map(|case| &case.needs)
        .filter_map(|need| match need {
            Need::Runtime(name) => name.to_string().parse().ok(),
        });
    defaults.chain(named).collect()
}

/// The entries of the catalogue that are needed and not installed.
pub fn missing<'a>(cache: &Cache, names: &BTreeSet<RuntimeName>) -> Vec<&'a CatalogEntry> {
    let catalog = Catalog::builtin();
    let absent = names.iter().filter(|name| cache.find(name).is_none());
    absent.filter_map(|name| catalog.get(name)).collect()
}

/// Ends with everything that the machine lacks, each in one sentence.
pub fn check_machine(needs: Needs) -> Result<(), Failure> {
    let missing = preflight::missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let sentences: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Err(Failure::environment(anyhow!(
        "{}",
        sentences.join("\nerror: ")
    )))
}

/// Installs `entries` one after the other, with progress.
pub fn install(
    cache: &Cache,
    entries: &[&CatalogEntry],
    terminal: Terminal,
) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    let pip = Pip::find().map_err(Failure::environment)?;
    for entry in entries {
        let progress = terminal.installation(entry.name().to_string());
        let installed = runtimes::install(cache, entry, Size::Small, &pip, &progress);
        drop(progress);
        let runtime = installed.map_err(Failure::environment)?;
        terminal.say(&format!(
            "installed {} in {}",
            runtime.name,
            runtime.package_dir.display()
        ));
    }
    Ok(())
}
