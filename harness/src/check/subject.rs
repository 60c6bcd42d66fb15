//! The libraries that a user brings.

use std::path::{Path, PathBuf};

use op_library::{InspectError, OpLibrary};
use runtimes::Framework;

use super::tried_runtime::TriedRuntime;
use crate::inspection::record::LibraryRecord;

/// A library, with what its file tells.
#[derive(Debug)]
pub struct Subject {
    /// What the report calls it: the shortest end of its path that no other one has.
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
    #[error(transparent)]
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

/// What is to be said of the same library that was given twice: under one path, which counts once, or
/// under several.
pub fn given_twice(paths: &[PathBuf], subjects: &[Subject]) -> Vec<String> {
    let mut notices = Vec::new();
    for subject in subjects {
        let same = |path: &&PathBuf| std::path::absolute(path).is_ok_and(|p| p == subject.path());
        let times = paths.iter().filter(same).count();
        if times > 1 {
            notices.push(format!(
                "'{}' was given {times} times and is checked once",
                subject.path().display()
            ));
        }
    }
    for (index, second) in subjects.iter().enumerate() {
        let same = |first: &&Subject| first.library.content_hash == second.library.content_hash;
        if let Some(first) = subjects[..index].iter().find(same) {
            notices.push(format!(
                "'{}' is the same library as '{}': both files have one content",
                second.path().display(),
                first.path().display()
            ));
        }
    }
    notices
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
    /// What it is called in the id of a case, whose parts a slash divides.
    pub fn name(&self) -> String {
        self.label.replace('/', ":")
    }

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

/// For each of `files` the shortest end of its path that no other one has. The extension modules of
/// many Python packages have one name, such as `_C.so`: they are called with their folder.
fn labels(files: &[PathBuf]) -> Vec<String> {
    let end = |file: &Path, length: usize| -> String {
        let parts: Vec<String> = file
            .components()
            .filter_map(|part| match part {
                std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                _ => None,
            })
            .collect();
        parts[parts.len().saturating_sub(length)..].join("/")
    };
    let longest = files.iter().map(|file| file.components().count()).max();
    files
        .iter()
        .map(|file| {
            let shortest = 1 + usize::from(end(file, 1).starts_with('_'));
            let alone = (shortest..=longest.unwrap_or(shortest)).find(|&length| {
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
        let files = [
            "/a/vision/_C.so",
            "/b/ops.so",
            "/a/text/libops.so",
            "/b/text/libops.so",
        ];
        let expected = [
            "vision/_C.so",
            "ops.so",
            "a/text/libops.so",
            "b/text/libops.so",
        ];
        assert_eq!(labels(&files.map(PathBuf::from)), expected);
    }

    #[test]
    fn a_file_that_is_not_there_is_told_and_one_that_comes_twice_counts_once() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("libops.so");
        let error = subjects(std::slice::from_ref(&file)).expect_err("no file");
        assert!(error.to_string().contains("libops.so"), "{error}");
        std::fs::write(&file, "no library").expect("a file");
        let copy = folder.path().join("libcopy.so");
        std::fs::copy(&file, &copy).expect("a copy");
        let paths = [file.clone(), copy, file];
        let subjects = subjects(&paths).expect("files");
        assert_eq!(subjects.len(), 2);
        assert!(subjects[0].library.frameworks.is_empty());
        let notices = given_twice(&paths, &subjects);
        assert_eq!(notices.len(), 2, "{notices:?}");
        assert!(notices[0].contains("2 times") && notices[1].contains("same library"));
        assert!(given_twice(&paths[..1], &subjects[..1]).is_empty());
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
