//! Under which path a worker's process has got the content of an op library.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use runtimes::Framework;

use super::fingerprint::Fingerprint;
use super::workers::ContentHash;
use crate::worker::backend::LoadError;

/// Files that the op libraries of a process's models were loaded from.
///
/// Models may bring copies of one library. Where a framework registers ops for the whole process, it
/// would take the second copy for another library that registers the same ops: so all models get the
/// first.
#[derive(Debug, Default)]
pub struct LoadedFiles(HashMap<ContentHash, Seen>);

/// A file, and what it looked like when it was loaded.
#[derive(Debug)]
struct Seen {
    path: PathBuf,
    fingerprint: Fingerprint,
}

impl LoadedFiles {
    /// The paths from which the process has or gets the libraries `paths`, whose content is
    /// `contents`; where the latter is empty, `paths` themselves.
    ///
    /// # Errors
    /// The process has a content from a file that has changed since.
    pub fn unify(
        &mut self,
        framework: Framework,
        paths: &[PathBuf],
        contents: &[ContentHash],
    ) -> Result<Vec<PathBuf>, LoadError> {
        if framework == Framework::OnnxRuntime || contents.is_empty() {
            return Ok(paths.to_vec());
        }
        let pairs = paths.iter().zip(contents);
        pairs
            .map(|(path, content)| self.path_of(path, content))
            .collect()
    }

    fn path_of(&mut self, path: &Path, content: &ContentHash) -> Result<PathBuf, LoadError> {
        let seen = self.0.entry(content.clone()).or_insert_with(|| Seen {
            path: path.to_owned(),
            fingerprint: fingerprint(path),
        });
        if seen.path == path || fingerprint(&seen.path) == seen.fingerprint {
            if seen.path != path {
                tracing::debug!(
                    "'{}' is a copy of '{}', which the worker has",
                    path.display(),
                    seen.path.display()
                );
            }
            return Ok(seen.path.clone());
        }
        Err(LoadError::new(format!(
            "the op library '{}' is a copy of what '{}' was when other models were loaded from it; \
             that file has changed since, and a worker takes a content once: load those models \
             again, then this one",
            path.display(),
            seen.path.display()
        )))
    }

    /// Forgets all: the process is another one.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn fingerprint(path: &Path) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    fingerprint.add(path);
    fingerprint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_loaded_from_the_first_file_while_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [first, copy] = ["first.so", "copy.so"].map(|name| folder.path().join(name));
        std::fs::write(&first, "content").unwrap();
        std::fs::write(&copy, "content").unwrap();
        let mut files = LoadedFiles::default();
        let hash = ["hash".to_owned()];
        let mut path_of = |path: &PathBuf, contents: &[ContentHash]| {
            files.unify(Framework::PyTorch, std::slice::from_ref(path), contents)
        };
        assert_eq!(
            path_of(&first, &hash).unwrap(),
            std::slice::from_ref(&first)
        );
        assert_eq!(path_of(&copy, &hash).unwrap(), std::slice::from_ref(&first));
        assert_eq!(path_of(&copy, &[]).unwrap(), std::slice::from_ref(&copy));
        std::fs::write(&first, "another content").unwrap();
        let error = path_of(&copy, &hash).unwrap_err().message;
        for text in ["first.so", "copy.so", "load those models again"] {
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn sessions_of_onnxruntime_take_any_copy() {
        let mut files = LoadedFiles::default();
        for path in ["/a.so", "/b.so"].map(PathBuf::from) {
            let hash = ["hash".to_owned()];
            let paths = std::slice::from_ref(&path);
            let unified = files.unify(Framework::OnnxRuntime, paths, &hash).unwrap();
            assert_eq!(unified, std::slice::from_ref(&path));
        }
    }
}
