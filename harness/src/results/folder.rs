//! The folder of one run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::junit::junit_xml;
use super::load_table::load_csv;
use super::record::{Results, SCHEMA_VERSION};
use super::summary::summary_markdown;
use super::tables::{cases_csv, measurements_csv};
use crate::report;
use crate::versioned_json::{self, Unreadable};

/// A results folder, `results/<UTC time>-<short hash>/`.
#[derive(Debug, Clone)]
pub struct ResultsFolder {
    path: PathBuf,
}

/// Why a results folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The operating system refused.
    #[error("failed to {attempt} {}: {source}; check the path, its permissions and the free space", path.display())]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// There is no record in the folder.
    #[error("failed to find results.json in {}: give the folder of one run, such as results/<time>-<hash>", path.display())]
    NoRecord {
        /// The folder.
        path: PathBuf,
    },
    /// The record is not what it should be.
    #[error("failed to read {} as a record of a run: {source}; was it written by `cargo harness run`, and completely?", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The record is of another format.
    #[error("failed to read {}: it has schema version {found}, this harness reads version {SCHEMA_VERSION}; use the harness that wrote it", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// One of the files could not be rendered: a defect of the harness.
    #[error("failed to render {file}: {source}; this is a defect of the harness, please report it")]
    Render {
        /// The file's name.
        file: &'static str,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ResultsFolder {
    /// Makes a new folder under `parent` for a run that began at `start` at commit `commit`.
    /// A name that exists already gets a number, so that no run overwrites another.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn create(
        parent: &Path,
        start: Timestamp,
        commit: Option<&str>,
    ) -> Result<Self, FolderError> {
        fs::create_dir_all(parent).map_err(io_error("create the folder", parent))?;
        let hash: String = commit.unwrap_or("unknown").chars().take(7).collect();
        let name = format!("{}-{hash}", start.strftime("%Y%m%dT%H%M%SZ"));
        for attempt in 1.. {
            let path = match attempt {
                1 => parent.join(&name),
                number => parent.join(format!("{name}-{number}")),
            };
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io_error("create the folder", &path)(error)),
            }
        }
        unreachable!("an unbounded range of attempts ends by returning")
    }

    /// The existing folder at `path`.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The report's file.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// Takes the folder away again where nothing was written into it.
    pub fn remove_empty(&self) {
        // A folder that holds something stays, which is what is wanted.
        let _ = fs::remove_dir(&self.path);
    }

    /// Reads `results.json`.
    ///
    /// # Errors
    /// [`FolderError`], each variant naming the file and the remedy.
    pub fn read(&self) -> Result<Results, FolderError> {
        let path = self.path.join("results.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FolderError::NoRecord {
                    path: self.path.clone(),
                });
            }
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        parse(&text, &path)
    }

    /// Writes the record and everything that is made from it.
    ///
    /// # Errors
    /// [`FolderError::Io`] and [`FolderError::Render`].
    pub fn write(&self, results: &Results) -> Result<(), FolderError> {
        let mut json = serde_json::to_vec_pretty(results).map_err(render_error("results.json"))?;
        json.push(b'\n');
        self.put("results.json", &json)?;
        self.render(results)
    }

    /// Writes everything that is made from the record, not the record itself.
    ///
    /// # Errors
    /// [`FolderError::Io`] and [`FolderError::Render`].
    pub fn render(&self, results: &Results) -> Result<(), FolderError> {
        let cases = cases_csv(results).map_err(render_error("cases.csv"))?;
        self.put("cases.csv", &cases)?;
        let measurements = measurements_csv(results).map_err(render_error("measurements.csv"))?;
        self.put("measurements.csv", &measurements)?;
        let load = load_csv(results).map_err(render_error("load.csv"))?;
        if let Some(load) = load {
            self.put("load.csv", &load)?;
        }
        let junit = junit_xml(results).map_err(render_error("junit.xml"))?;
        self.put("junit.xml", junit.as_bytes())?;
        self.put("summary.md", summary_markdown(results).as_bytes())?;
        let plots = report::plots(results).map_err(render_error("plots"))?;
        let folder = self.path.join("plots");
        fs::create_dir_all(&folder).map_err(io_error("create the folder", &folder))?;
        for plot in &plots {
            self.put(
                &format!("plots/{}.svg", plot.name),
                plot.standalone_svg().as_bytes(),
            )?;
        }
        let html = report::html(results, &plots).map_err(render_error("report.html"))?;
        self.put("report.html", html.as_bytes())
    }

    /// Writes one file, completely or not at all: beside its place first, then renamed.
    fn put(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(name);
        let beside = path.with_extension("unfinished");
        fs::write(&beside, content).map_err(io_error("write", &beside))?;
        fs::rename(&beside, &path).map_err(io_error("write", &path))
    }
}

fn parse(text: &[u8], path: &Path) -> Result<Results, FolderError> {
    let path = path.to_owned();
    versioned_json::parse(text, SCHEMA_VERSION).map_err(|unreadable| match unreadable {
        Unreadable::Malformed(source) => FolderError::Malformed { path, source },
        Unreadable::Version(found) => FolderError::Schema { path, found },
    })
}

fn io_error(attempt: &'static str, path: &Path) -> impl Fn(io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError::Io {
        attempt,
        path: path.clone(),
        source,
    }
}

fn render_error<E>(file: &'static str) -> impl Fn(E) -> FolderError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |error| FolderError::Render {
        file,
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Counts;
    use crate::sample::sample_results;
    use proptest::prelude::*;

    #[test]
    fn a_run_leaves_every_file_and_is_read_back() {
        let parent = tempfile::tempdir().unwrap();
        let results = sample_results();
        let folder =
            ResultsFolder::create(parent.path(), results.run.start, Some("0123456789abcdef"))
                .unwrap();
        assert!(
            folder.path().ends_with("20260102T030405Z-0123456"),
            "{:?}",
            folder.path()
        );
        folder.write(&results).unwrap();
        assert_eq!(folder.read().unwrap(), results);
        for name in [
            "cases.csv",
            "measurements.csv",
            "junit.xml",
            "summary.md",
            "report.html",
            "results.json",
        ] {
            assert!(
                folder.path().join(name).metadata().unwrap().len() > 0,
                "{name}"
            );
        }
        assert!(fs::read_dir(folder.path().join("plots")).unwrap().count() >= 3);
    }

    #[test]
    fn no_run_overwrites_another() {
        let parent = tempfile::tempdir().unwrap();
        let start = sample_results().run.start;
        let first = ResultsFolder::create(parent.path(), start, None).unwrap();
        let second = ResultsFolder::create(parent.path(), start, None).unwrap();
        assert_ne!(first.path(), second.path());
        assert!(second.path().ends_with("20260102T030405Z-unknown-2"));
    }

    #[test]
    fn errors_name_file_and_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let here = ResultsFolder::at(folder.path());
        let read = || here.read().unwrap_err().to_string();
        assert!(read().contains("failed to find results.json"), "{}", read());
        fs::write(
            folder.path().join("results.json"),
            "{\"schema_version\": 7}",
        )
        .unwrap();
        assert!(read().contains("schema version 7"), "{}", read());
        fs::write(
            folder.path().join("results.json"),
            "{\"schema_version\": 1,\n \"run\": 3",
        )
        .unwrap();
        assert!(read().contains("line 2"), "{}", read());
        fs::write(
            folder.path().join("results.json"),
            "{\"schema_version\": 1}",
        )
        .unwrap();
        assert!(read().contains("missing field `run`"), "{}", read());
    }

    /// Results with arbitrary texts and numbers in the places that vary most.
    fn sampled() -> impl Strategy<Value = Results> {
        let number = || prop::num::f64::NORMAL | prop::num::f64::ZERO;
        (
            any::<String>(),
            number(),
            prop::option::of(number()),
            any::<[u16; 3]>(),
            any::<bool>(),
        )
            .prop_map(|(text, number, optional, [first, second, third], flag)| {
                let mut results = sample_results();
                results.cases.truncate(usize::from(first) % 7);
                results.measurements.truncate(usize::from(second) % 11);
                for case in &mut results.cases {
                    case.message.clone_from(&text);
                    case.evidence.log_tail.push(text.clone());
                    case.load_ms = optional;
                    case.duration_ms = number;
                }
                for measurement in &mut results.measurements {
                    measurement.median = number;
                    measurement.p99 = optional;
                    measurement.samples = usize::from(third);
                    measurement.observed.push(number);
                }
                results.run.interrupted = flag;
                results.run.commit = flag.then_some(text);
                results.summary = Counts::of(&results.cases);
                results
            })
    }

    proptest! {
        #[test]
        fn any_record_survives_the_file(results in sampled()) {
            let json = serde_json::to_vec_pretty(&results).unwrap();
            prop_assert_eq!(parse(&json, Path::new("results.json")).unwrap(), results);
        }

        #[test]
        fn arbitrary_bytes_are_refused_not_fatal(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse(&bytes, Path::new("results.json")).is_err());
        }
    }
}
