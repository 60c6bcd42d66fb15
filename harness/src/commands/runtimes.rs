//! `harness runtimes`

use runtimes::{Catalog, RuntimeName, Size};
use serde::Serialize;

use super::{Failure, print, provision};
use crate::command_line::{Format, Runtimes};
use crate::exit_code::Exit;
use crate::quantity::bytes;

/// A runtime as the list shows it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    framework: String,
    version: String,
    /// Where it is installed.
    installed: Option<String>,
    /// Whether it is its framework's default.
    default: bool,
    /// Bytes to download, where it can be installed.
    download_bytes: Option<u64>,
}

/// Prints what is installed and what can be.
pub fn runtimes(arguments: &Runtimes) -> Result<Exit, Failure> {
    let cache = provision::cache(&arguments.cache)?;
    let catalog = Catalog::builtin();
    let installed = cache.installed();
    let row = |name: RuntimeName| Row {
        name: name.to_string(),
        framework: name.framework.to_string(),
        version: name.version.to_string(),
        installed: installed
            .iter()
            .find(|runtime| runtime.name == name)
            .map(|runtime| runtime.main_library.display().to_string()),
        default: catalog
            .default_of(name.framework)
            .is_some_and(|entry| entry.name() == name),
        download_bytes: catalog
            .get(&name)
            .map(|entry| entry.download_size(Size::Small)),
    };
    let listed = catalog.entries().iter().map(|entry| entry.name());
    let others = installed.iter().map(|runtime| runtime.name);
    let others = others.filter(|name| catalog.get(name).is_none());
    let rows: Vec<Row> = listed.chain(others).map(row).collect();
    match arguments.format {
        Format::Json => {
            let json = serde_json::to_string_pretty(&rows).map_err(Failure::internal)?;
            print(&format!("{json}\n"))?;
        }
        Format::Table => print(&table(&rows))?,
    }
    Ok(Exit::AsExpected)
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("{:22}  {:9}  {:>10}  where\n", "runtime", "", "download");
    for row in rows {
        let default = if row.default { "default" } else { "" };
        let download = row.download_bytes.map_or_else(|| "–".to_owned(), bytes);
        let place = row
            .installed
            .as_deref()
            .unwrap_or("not installed (harness setup installs it)");
        text.push_str(&format!(
            "{:22}  {default:9}  {download:>10}  {place}\n",
            row.name
        ));
    }
    text
}
