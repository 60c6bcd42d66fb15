//! The libraries that a user brings.

use std::path::{Path, PathBuf};

use op_library::{InspectError, OpLibrary};
use runtimes::Framework;

use super::tried_runtime::TriedRuntime;
use crate::inspection::record::LibraryRecord;

/// A library, with what its file tells.
#[derive(Debug)]
pub struct Subject {
    /// What the report calls it: the shortest end of its path that no other one has, with colons
    /// between the folders.
    pub label: String,
    /// What its file tells. Its path is absolute.
    pub library: OpLibrary,
    /// The same as `harness inspect` shows it, without verdicts.
    pub record: LibraryRecord,
}

/// Why a library cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// There is no file that could be read.
    #[error("{0}")]
    Inspect(#[from] InspectError),
    /// It cannot be said where it is.
    #[error("failed to find the folder of '{}': {source}", path.display())]
    Place {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The libraries at `paths`, each once.
///
/// # Errors
/// One of them is no file that can be read.
pub fn subjects(paths: &[PathBuf]) -> Result<Vec<Subject>, SubjectError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let file = std::path::absolute(path).map_err(|source| SubjectError::Place {
            path: path.clone(),
            source,
        })?;
        if !files.contains(&file) {
            files.push(file);
        }
    }
    labels(&files)
        .into_iter()
        .zip(&files)
        .map(|(label, file)| {
            let library = op_library::inspect(file)?;
            let record = LibraryRecord::of(&library, &[]);
            Ok(Subject {
                label,
                library,
                record,
            })
        })
        .collect()
}

impl Subject {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.library.path
    }

    /// Those of `runtimes` that it is judged against and tried in: those of its frameworks, or the
    /// first of every framework where its file tells of none.
    pub fn runtimes<'a>(&self, runtimes: &'a [TriedRuntime]) -> Vec<&'a TriedRuntime> {
        let frameworks = &self.library.frameworks;
        let of = |framework: Framework| {
            let mut runtimes = runtimes.iter();
            runtimes.find(move |tried| tried.runtime.name.framework == framework)
        };
        if frameworks.is_empty() {
            return Framework::ALL.into_iter().filter_map(of).collect();
        }
        let is_own = |tried: &&TriedRuntime| frameworks.contains(&tried.runtime.name.framework);
        runtimes.iter().filter(is_own).collect()
    }
}

/// For each of `files` the shortest end of its path that no other one has.
fn labels(files: &[PathBuf]) -> Vec<String> {
    let end = |file: &Path, length: usize| -> String {
        let parts: Vec<String> = file
            .components()
            .filter_map(|part| match part {
                std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                _ => None,
            })
            .collect();
        parts[parts.len().saturating_sub(length)..].join(":")
    };
    let longest = files.iter().map(|file| file.components().count()).max();
    files
        .iter()
        .map(|file| {
            let alone = (1..=longest.unwrap_or(1)).find(|&length| {
                let own = end(file, length);
                let same = files.iter().filter(|other| end(other, length) == own);
                same.count() == 1
            });
            end(file, alone.unwrap_or(usize::MAX))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_label_is_as_short_as_it_can_be() {
        let files = ["/a/vision/_C.so", "/a/audio/_C.so", "/b/vision/ops.so"].map(PathBuf::from);
        assert_eq!(labels(&files), ["vision:_C.so", "audio:_C.so", "ops.so"]);
    }

    #[test]
    fn a_file_that_is_not_there_is_told_and_one_that_comes_twice_counts_once() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("libops.so");
        let error = subjects(std::slice::from_ref(&file)).expect_err("no file");
        assert!(error.to_string().contains("libops.so"), "{error}");
        std::fs::write(&file, "no library").expect("a file");
        let subjects = subjects(&[file.clone(), file]).expect("a file");
        assert_eq!(subjects.len(), 1);
        assert!(subjects[0].library.frameworks.is_empty());
    }

    proptest! {
        #[test]
        fn labels_are_unique(
            paths in proptest::collection::hash_set("(/[ab]{1,2}){1,4}", 1..8),
        ) {
            let files: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            let labels = labels(&files);
            let distinct: std::collections::BTreeSet<&String> = labels.iter().collect();
            prop_assert_eq!(distinct.len(), files.len());
        }
    }
}
