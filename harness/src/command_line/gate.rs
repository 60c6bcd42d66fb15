//! Options of `harness baseline` and `harness gate`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use regex::Regex;
use runtimes::{Framework, RuntimeName};

use super::arguments::{Cache, Format};
use super::duration::parse_duration;
use super::names;
use super::percentage::Percentage;

/// Where baselines are.
#[derive(Debug, Clone, Args)]
pub struct Baselines {
    /// Folder with the baselines, a file for each
    #[arg(long, value_name = "DIR", default_value = "results/baselines")]
    pub baseline_dir: PathBuf,
}

/// Which runs.
#[derive(Debug, Clone, Args)]
pub struct Runs {
    /// The folders of the runs [default: the newest one in the folder of results]
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub runs: Vec<PathBuf>,
    /// Folder of results in which the newest run is looked for
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results_dir: PathBuf,
}

/// `harness baseline`
#[derive(Debug, Args)]
pub struct Baseline {
    /// What to do
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// What to do with baselines.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Keep the measurements of runs of one build under a name; three runs or more show their noise
    Save(SaveBaseline),
    /// List the baselines
    List(ListBaselines),
    /// Print what a baseline holds, with the noise between its runs
    Show(ShowBaseline),
    /// Delete a baseline
    Delete(DeleteBaseline),
}

/// `harness baseline save`
#[derive(Debug, Args)]
pub struct SaveBaseline {
    /// The name, such as main
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Which runs
    #[command(flatten)]
    pub runs: Runs,
    /// Add the runs to a baseline that is there
    #[arg(long, conflicts_with = "replace")]
    pub append: bool,
    /// Put the runs in the place of a baseline that is there
    #[arg(long)]
    pub replace: bool,
    /// Where baselines are
    #[command(flatten)]
    pub baselines: Baselines,
}

/// `harness baseline list`
#[derive(Debug, Args)]
pub struct ListBaselines {
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where baselines are
    #[command(flatten)]
    pub baselines: Baselines,
}

/// `harness baseline show`
#[derive(Debug, Args)]
pub struct ShowBaseline {
    /// The name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where baselines are
    #[command(flatten)]
    pub baselines: Baselines,
}

/// `harness baseline delete`
#[derive(Debug, Args)]
pub struct DeleteBaseline {
    /// The name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where baselines are
    #[command(flatten)]
    pub baselines: Baselines,
}

/// `harness gate`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("other side").required(true).args(["baseline", "against"]))]
pub struct Gate {
    /// Compare with the baseline of this name
    #[arg(long, value_name = "NAME")]
    pub baseline: Option<String>,
    /// Build this revision too (a branch, tag or commit), measure it and the one that is checked out in
    /// turns on this machine, and compare the pairs
    #[arg(long, value_name = "GIT_REF", conflicts_with = "runs")]
    pub against: Option<String>,
    /// With --against: what is measured, and how often
    #[command(flatten)]
    pub turns: Turns,
    /// Which runs to compare
    #[command(flatten)]
    pub runs: Runs,
    /// By how much a measurement may become worse
    #[arg(long, value_name = "PERCENT", default_value = "5%")]
    pub max_regression: Percentage,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = GateFormat::Text)]
    pub format: GateFormat,
    /// Also write it to a file, as FORMAT=FILE: json, markdown, junit, bencher (Bencher Metric Format),
    /// github-action-benchmark (customSmallerIsBetter: times and memory) or
    /// github-action-benchmark-bigger (customBiggerIsBetter: rates and speed-ups); may be given several
    /// times
    #[arg(long, value_name = "FORMAT=FILE")]
    pub export: Vec<Export>,
    /// Where baselines are
    #[command(flatten)]
    pub baselines: Baselines,
}

/// What two revisions measure in turns.
#[derive(Debug, Clone, Args)]
pub struct Turns {
    /// Runs of each revision before they are compared; while that has no conclusion, more are added
    #[arg(long, value_name = "N", default_value_t = 5, requires = "against", value_parser = clap::value_parser!(u16).range(3..=100))]
    pub pairs: u16,
    /// Add runs only as long as measuring is expected to end within this time; 0s for none
    #[arg(long, value_name = "TIME", default_value = "30m", requires = "against", value_parser = parse_duration)]
    pub max_duration: Duration,
    /// Only measurements whose id matches this regular expression somewhere, and cases whose id does
    /// [default: all measurements and no case]
    #[arg(long, value_name = "REGEX", requires = "against")]
    pub filter: Option<Regex>,
    /// Only measurements of this framework; may be given several times
    #[arg(long, value_name = "NAME", requires = "against", value_parser = names::framework())]
    pub framework: Vec<Framework>,
    /// With this runtime of the catalogue; may be given several times
    #[arg(long = "runtime", value_name = "NAME", requires = "against", value_parser = names::runtime())]
    pub runtimes: Vec<RuntimeName>,
    /// Take each measurement in about a fifth of the time
    #[arg(long, requires = "against")]
    pub quick: bool,
    /// Where runtimes are
    #[command(flatten)]
    pub cache: Cache,
}

impl Turns {
    /// Every measurement and no case: ids of measurements begin with their kind.
    const MEASUREMENTS: &'static str = "^(kernel|memory|serving|startup)/";

    /// The options of `harness run` that select this.
    #[must_use]
    pub fn run_options(&self) -> Vec<String> {
        let option = |name: &str, value: String| [format!("--{name}"), value];
        let filter = self
            .filter
            .as_ref()
            .map_or(Self::MEASUREMENTS, Regex::as_str);
        let mut options = Vec::from(option("filter", filter.to_owned()));
        for framework in &self.framework {
            options.extend(option("framework", framework.to_string()));
        }
        for runtime in &self.runtimes {
            options.extend(option("runtime", runtime.to_string()));
        }
        if let Some(folder) = &self.cache.cache_dir {
            options.extend(option("cache-dir", folder.display().to_string()));
        }
        options.extend(self.quick.then(|| "--quick".to_owned()));
        options
    }
}

/// How a gate prints what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GateFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a comment or a job summary
    Markdown,
    /// Annotations of a GitHub workflow; the Markdown is added to the file that GITHUB_STEP_SUMMARY names
    Github,
}

/// A file to write, and in which format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The format.
    pub format: ExportFormat,
    /// The file.
    pub file: PathBuf,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// The record of the gate.
    Json,
    /// The Markdown.
    Markdown,
    /// JUnit XML.
    Junit,
    /// The Bencher Metric Format.
    Bencher,
    /// github-action-benchmark's customSmallerIsBetter.
    SmallerIsBetter,
    /// github-action-benchmark's customBiggerIsBetter.
    BiggerIsBetter,
}

impl ExportFormat {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("json", Self::Json),
        ("markdown", Self::Markdown),
        ("junit", Self::Junit),
        ("bencher", Self::Bencher),
        ("github-action-benchmark", Self::SmallerIsBetter),
        ("github-action-benchmark-bigger", Self::BiggerIsBetter),
    ];
}

/// A text that is no export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is no export: expected FORMAT=FILE with one of the formats {}, such as junit=gate.xml",
    ExportFormat::ALL.map(|(name, _)| name).join(", ")
)]
pub struct ParseExportError {
    text: String,
}

impl FromStr for Export {
    type Err = ParseExportError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('=').and_then(|(name, file)| {
            let (_, format) = ExportFormat::ALL
                .into_iter()
                .find(|(known, _)| *known == name)?;
            (!file.is_empty()).then(|| Self {
                format,
                file: PathBuf::from(file),
            })
        });
        parsed.ok_or_else(|| ParseExportError {
            text: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_a_format_and_a_file() {
        let export: Export = "bencher=out/a=b.json".parse().unwrap();
        assert_eq!(export.format, ExportFormat::Bencher);
        assert_eq!(export.file, PathBuf::from("out/a=b.json"));
        for wrong in ["bencher", "bencher=", "xml=gate.xml", "=gate.xml"] {
            let error = wrong.parse::<Export>().unwrap_err().to_string();
            assert!(error.contains("github-action-benchmark"), "{error}");
        }
    }
}
