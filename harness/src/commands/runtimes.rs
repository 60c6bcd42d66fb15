//! `harness runtimes`

use runtimes::{Catalog, CatalogEntry, RuntimeName, Size};
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
    /// In which size it is installed.
    size: Option<Size>,
    /// Whether it is its framework's default.
    default: bool,
    /// What installing it takes, where it can be installed, by size.
    sizes: Vec<Cost>,
}

/// What one size of a runtime takes, in bytes.
#[derive(Debug, Serialize)]
struct Cost {
    size: Size,
    download_bytes: u64,
    disk_bytes: u64,
}

/// Prints what is installed and what can be.
pub fn runtimes(arguments: &Runtimes) -> Result<Exit, Failure> {
    let cache = provision::cache(&arguments.cache)?;
    let catalog = Catalog::builtin();
    let installed = cache.installed();
    let row = |name: RuntimeName| {
        let found = installed.iter().find(|runtime| runtime.name == name);
        Row {
            name: name.to_string(),
            framework: name.framework.to_string(),
            version: name.version.to_string(),
            installed: found.map(|runtime| runtime.main_library.display().to_string()),
            size: found.map(|runtime| runtime.size),
            default: catalog
                .default_of(name.framework)
                .is_some_and(|entry| entry.name() == name),
            sizes: catalog.get(&name).map(costs).unwrap_or_default(),
        }
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

fn costs(entry: &CatalogEntry) -> Vec<Cost> {
    [Size::Small, Size::Full]
        .into_iter()
        .filter(|size| *size <= entry.largest_size())
        .map(|size| Cost {
            size,
            download_bytes: entry.download_size(size),
            disk_bytes: entry.disk_size(size),
        })
        .collect()
}

fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:20}  {:7}  {:5}  {:>9}  {:>9}  installed\n",
        "runtime", "", "size", "download", "on disk"
    );
    for row in rows {
        let mut name = row.name.as_str();
        let mut default = if row.default { "default" } else { "" };
        if row.sizes.is_empty() {
            let place = row.installed.as_deref().unwrap_or_default();
            text.push_str(&line(name, default, "", "–", "–", place));
        }
        for cost in &row.sizes {
            // Whoever has the full size has the small one.
            let place = match &row.installed {
                Some(place) if row.size == Some(cost.size) => place.as_str(),
                _ => "",
            };
            let size = if row.sizes.len() > 1 {
                cost.size.name()
            } else {
                ""
            };
            text.push_str(&line(
                name,
                default,
                size,
                &bytes(cost.download_bytes),
                &bytes(cost.disk_bytes),
                place,
            ));
            (name, default) = ("", "");
        }
    }
    text.push_str(
        "\ncargo harness setup --runtime NAME [--full] installs one; without --full in the small \
         size\n",
    );
    text
}

fn line(name: &str, default: &str, size: &str, download: &str, disk: &str, place: &str) -> String {
    let line = format!("{name:20}  {default:7}  {size:5}  {download:>9}  {disk:>9}  {place}");
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_a_line() {
        let names = ["onnxruntime-1.32.0", "pytorch-2.11.0", "tensorrt-8.6.0"];
        let mut rows: Vec<Row> = names
            .map(|name| {
                let name: RuntimeName = name.parse().expect("a name");
                Row {
                    name: name.to_string(),
                    framework: name.framework.to_string(),
                    version: name.version.to_string(),
                    installed: None,
                    size: None,
                    default: true,
                    sizes: costs(Catalog::builtin().get(&name).expect("listed")),
                }
            })
            .into();
        rows[1].installed = Some("/cache/torch/lib/libtorch_cpu.so".to_owned());
        rows[1].size = Some(Size::Full);
        insta::assert_snapshot!(table(&rows));
    }
}
