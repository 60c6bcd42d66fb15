//! The folder in which baselines are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::baseline::{BASELINE_SCHEMA_VERSION, Baseline, MeasuredRun};
use super::machine_key::differences;
use super::store_error::StoreError;
use crate::versioned_json::{self, Unreadable};

/// A plain folder with one file for each baseline, `NAME.json`, which a CI cache can carry.
#[derive(Debug, Clone)]
pub struct BaselineStore {
    folder: PathBuf,
}

/// What to do where a baseline of the same name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// Refuse.
    New,
    /// Forget its runs.
    Replace,
    /// Keep its runs and add the new ones.
    Append,
}

impl BaselineStore {
    /// The baselines in `folder`, which need not exist.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Saves `runs`, at least one, as `name`, and returns what the baseline holds then.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub fn save(
        &self,
        name: &str,
        runs: Vec<MeasuredRun>,
        saving: Saving,
        now: Timestamp,
    ) -> Result<Baseline, StoreError> {
        let path = self.path(name)?;
        let mut all = match (path.exists(), saving) {
            (true, Saving::New) => {
                return Err(StoreError::Exists {
                    name: name.to_owned(),
                });
            }
            (true, Saving::Append) => self.load(name)?.runs,
            _ => Vec::new(),
        };
        all.extend(runs);
        for pair in all.windows(2) {
            let differences = differences(&pair[0], &pair[1]);
            if !differences.is_empty() {
                return Err(StoreError::Different { differences });
            }
        }
        let baseline = Baseline {
            schema_version: BASELINE_SCHEMA_VERSION,
            name: name.to_owned(),
            saved: now,
            runs: all,
        };
        fs::create_dir_all(&self.folder).map_err(io_error("create the folder", &self.folder))?;
        let json = serde_json::to_vec(&baseline).map_err(|source| StoreError::Malformed {
            path: path.clone(),
            source,
        })?;
        // Completely or not at all: beside its place first, then renamed.
        let beside = path.with_extension("unfinished");
        fs::write(&beside, json).map_err(io_error("write", &beside))?;
        fs::rename(&beside, &path).map_err(io_error("write", &path))?;
        Ok(baseline)
    }

    /// Reads the baseline `name`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&self, name: &str) -> Result<Baseline, StoreError> {
        let path = self.path(name)?;
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.unknown(name));
            }
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        parse(&text, &path)
    }

    /// The names of all baselines, in ascending order.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error("read the folder", &self.folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(io_error("read the folder", &self.folder))?;
            let file = entry.file_name().to_string_lossy().into_owned();
            names.extend(file.strip_suffix(".json").map(str::to_owned));
        }
        names.retain(|name| is_name(name));
        names.sort();
        Ok(names)
    }

    /// Deletes the baseline `name`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delete(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.unknown(name)),
            done => done.map_err(io_error("delete", &path)),
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        if is_name(name) {
            Ok(self.folder.join(format!("{name}.json")))
        } else {
            Err(StoreError::Name {
                name: name.to_owned(),
            })
        }
    }

    fn unknown(&self, name: &str) -> StoreError {
        StoreError::Unknown {
            name: name.to_owned(),
            folder: self.folder.clone(),
            known: self.names().unwrap_or_default(),
        }
    }
}

/// Whether it is a file name everywhere and no path.
fn is_name(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn parse(text: &[u8], path: &Path) -> Result<Baseline, StoreError> {
    let path = path.to_owned();
    versioned_json::parse(text, BASELINE_SCHEMA_VERSION).map_err(|unreadable| match unreadable {
        Unreadable::Malformed(source) => StoreError::Malformed { path, source },
        Unreadable::Version(found) => StoreError::Schema { path, found },
    })
}

fn io_error(attempt: &'static str, path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        attempt,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_results;
    use proptest::prelude::*;

    fn run() -> MeasuredRun {
        MeasuredRun::of(&sample_results()).unwrap()
    }

    fn now() -> Timestamp {
        sample_results().run.start
    }

    #[test]
    fn it_is_read_back_added_to_replaced_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let store = BaselineStore::at(folder.path().join("baselines"));
        assert!(store.names().unwrap().is_empty());
        let saved = store.save("main", vec![run()], Saving::New, now()).unwrap();
        assert_eq!(store.load("main").unwrap(), saved);
        assert_eq!(store.names().unwrap(), ["main"]);
        let error = store
            .save("main", vec![run()], Saving::New, now())
            .unwrap_err();
        assert!(error.to_string().contains("--append"), "{error}");
        let save = |saving| {
            store
                .save("main", vec![run(), run()], saving, now())
                .unwrap()
                .runs
                .len()
        };
        assert_eq!((save(Saving::Append), save(Saving::Replace)), (3, 2));
        store.delete("main").unwrap();
        let error = store.delete("main").unwrap_err().to_string();
        assert!(error.contains("harness baseline save"), "{error}");
    }

    #[test]
    fn a_name_that_is_missing_comes_with_those_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = BaselineStore::at(folder.path());
        store.save("main", vec![run()], Saving::New, now()).unwrap();
        let error = store.load("mian").unwrap_err().to_string();
        assert!(error.contains("those that there are: main"), "{error}");
    }

    #[test]
    fn runs_of_two_machines_make_no_baseline() {
        let folder = tempfile::tempdir().unwrap();
        let store = BaselineStore::at(folder.path());
        let mut other = run();
        other.machine.cpu = Some("Another CPU".to_owned());
        let error = store
            .save("main", vec![run(), other], Saving::New, now())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("CPU (Example CPU @ 2.80GHz, then Another CPU)"),
            "{error}"
        );
        assert!(store.names().unwrap().is_empty());
    }

    #[test]
    fn files_of_another_kind_are_told_by_their_path() {
        let folder = tempfile::tempdir().unwrap();
        let store = BaselineStore::at(folder.path());
        let read = |text: &str| {
            fs::write(folder.path().join("main.json"), text).unwrap();
            store.load("main").unwrap_err().to_string()
        };
        assert!(read("{\"schema_version\": 9}").contains("schema version 9"));
        assert!(read("{\"schema_version\": 1}").contains("main.json"));
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_folder(name in "[./a-z\\\\\0]{0,12}") {
            let store = BaselineStore::at("/baselines");
            if let Ok(path) = store.path(&name) {
                prop_assert_eq!(path.parent(), Some(Path::new("/baselines")));
            }
        }

        #[test]
        fn arbitrary_bytes_are_refused_not_fatal(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse(&bytes, Path::new("main.json")).is_err());
        }
    }
}
