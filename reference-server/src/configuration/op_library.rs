//! Where the op libraries of a model configuration are on disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The places that matter when a path in `op_library_filename` is resolved.
#[derive(Clone, Copy, Debug)]
pub struct SearchPlaces<'a> {
    /// Folder of the model version, looked into first.
    pub version_folder: &'a Path,
    /// Folder of the model, looked into second.
    pub model_folder: &'a Path,
    /// Working directory of the server, looked into last.
    pub working_directory: &'a Path,
    /// Folders under which a resolved op library must lie: the model repositories and each
    /// `--op-library-root`.
    pub allowed_roots: &'a [PathBuf],
    /// Folder of files that clients sent, without symbolic links: no op library is taken from there, also
    /// where it lies under an allowed root.
    pub clients_files: Option<&'a Path>,
}

/// An op library that cannot be used because of where it is.
#[derive(Debug, thiserror::Error)]
pub enum OpLibraryPathError {
    /// The configuration names the empty path.
    #[error(
        "model_operations.op_library_filename holds an empty path; give the path of an op library"
    )]
    Empty,
    /// There is no such file.
    #[error(
        "op library '{}' was not found; looked for {}. Put the file there, or give its absolute \
         path in model_operations.op_library_filename",
        path.display(), quoted(looked)
    )]
    NotFound {
        /// The path as the configuration gives it.
        path: PathBuf,
        /// Every place that was looked at.
        looked: Vec<PathBuf>,
    },
    /// The path leads to something that is no file.
    #[error("op library '{}' is not a file: {}", path.display(), resolved.display())]
    NotAFile {
        /// The path as the configuration gives it.
        path: PathBuf,
        /// What it leads to.
        resolved: PathBuf,
    },
    /// The file cannot be reached.
    #[error("failed to resolve op library '{}' at '{}': {source}", path.display(), candidate.display())]
    Unreachable {
        /// The path as the configuration gives it.
        path: PathBuf,
        /// The place that exists and cannot be followed.
        candidate: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file was sent by a client.
    #[error(
        "op library '{}' came with a load request, and code that clients send is not loaded. Put it \
         under one of the allowed roots ({}) and give its absolute path in \
         model_operations.op_library_filename",
        path.display(),
        quoted(roots)
    )]
    FromClient {
        /// The path as the configuration gives it.
        path: PathBuf,
        /// Where it may lie.
        roots: Vec<PathBuf>,
    },
    /// The file lies outside of the allowed roots.
    #[error(
        "op library '{}' resolves to '{}', which lies outside of the allowed roots ({}). Move it \
         under one of them, or start the server with --op-library-root {}",
        path.display(),
        resolved.display(),
        quoted(roots),
        resolved.parent().unwrap_or(resolved).display()
    )]
    Outside {
        /// The path as the configuration gives it.
        path: PathBuf,
        /// The file that it leads to, after `..` and symbolic links.
        resolved: PathBuf,
        /// Where it may lie.
        roots: Vec<PathBuf>,
    },
}

fn quoted(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| format!("'{}'", path.display()))
        .collect();
    paths.join(", ")
}

impl SearchPlaces<'_> {
    /// The file that `path` of the configuration means, as an absolute path without `..` and
    /// symbolic links.
    ///
    /// A relative path is looked for in the version folder, the model's folder and the server's
    /// working directory, in this order; the first that exists counts, also where it is then
    /// refused, so that a forbidden file never makes way for another of the same name.
    ///
    /// # Errors
    /// Nothing is there, it is no file, it lies outside of the allowed roots, or a client sent it.
    pub fn resolve(&self, path: &Path) -> Result<PathBuf, OpLibraryPathError> {
        if path.as_os_str().is_empty() {
            return Err(OpLibraryPathError::Empty);
        }
        let candidates = if path.is_absolute() {
            vec![path.to_owned()]
        } else {
            vec![
                self.version_folder.join(path),
                self.model_folder.join(path),
                self.working_directory.join(path),
            ]
        };
        for candidate in &candidates {
            match fs::canonicalize(candidate) {
                Ok(resolved) => return self.admit(path, resolved),
                // Not there, also where a part of the path is a file and no folder.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) => {}
                Err(source) => {
                    return Err(OpLibraryPathError::Unreachable {
                        path: path.to_owned(),
                        candidate: candidate.clone(),
                        source,
                    });
                }
            }
        }
        Err(OpLibraryPathError::NotFound {
            path: path.to_owned(),
            looked: candidates,
        })
    }

    fn admit(&self, path: &Path, resolved: PathBuf) -> Result<PathBuf, OpLibraryPathError> {
        if self
            .clients_files
            .is_some_and(|folder| resolved.starts_with(folder))
        {
            return Err(OpLibraryPathError::FromClient {
                path: path.to_owned(),
                roots: self.allowed_roots.to_vec(),
            });
        }
        // A root that does not exist allows nothing.
        let roots: Vec<PathBuf> = self
            .allowed_roots
            .iter()
            .filter_map(|root| fs::canonicalize(root).ok())
            .collect();
        if !roots.iter().any(|root| resolved.starts_with(root)) {
            return Err(OpLibraryPathError::Outside {
                path: path.to_owned(),
                resolved,
                roots: self.allowed_roots.to_vec(),
            });
        }
        if !resolved.is_file() {
            return Err(OpLibraryPathError::NotAFile {
                path: path.to_owned(),
                resolved,
            });
        }
        Ok(resolved)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    /// `<tmp>/repository/m/1`, `<tmp>/outside`, `<tmp>/work`.
    struct Disk(tempfile::TempDir);

    impl Disk {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            for name in ["repository/m/1", "outside", "work"] {
                fs::create_dir_all(folder.path().join(name)).unwrap();
            }
            Self(folder)
        }

        fn path(&self, name: &str) -> PathBuf {
            fs::canonicalize(self.0.path()).unwrap().join(name)
        }

        fn file(&self, name: &str) -> PathBuf {
            fs::write(self.path(name), b"library").unwrap();
            self.path(name)
        }

        fn resolve(&self, path: impl AsRef<Path>, roots: &[&str]) -> Result<PathBuf, String> {
            let roots: Vec<PathBuf> = roots.iter().map(|root| self.path(root)).collect();
            SearchPlaces {
                version_folder: &self.path("repository/m/1"),
                model_folder: &self.path("repository/m"),
                working_directory: &self.path("work"),
                allowed_roots: &roots,
                clients_files: Some(&self.path("repository/sent")),
            }
            .resolve(path.as_ref())
            .map_err(|error| error.to_string())
        }
    }

    #[test]
    fn the_version_folder_comes_before_the_models_and_the_working_directory() {
        let disk = Disk::new();
        let roots = ["repository", "work"];
        let last = disk.file("work/a.so");
        assert_eq!(disk.resolve("a.so", &roots), Ok(last));
        let second = disk.file("repository/m/a.so");
        assert_eq!(disk.resolve("a.so", &roots), Ok(second.clone()));
        let first = disk.file("repository/m/1/a.so");
        assert_eq!(disk.resolve("a.so", &roots), Ok(first));
        assert_eq!(disk.resolve("../a.so", &roots), Ok(second.clone()));
        assert_eq!(disk.resolve(&second, &roots), Ok(second));
    }

    #[test]
    fn nothing_outside_of_the_roots_is_admitted() {
        let disk = Disk::new();
        let outside = disk.file("outside/a.so");
        disk.file("work/b.so");
        symlink(&outside, disk.path("repository/m/link.so")).unwrap();
        symlink(disk.path("outside"), disk.path("repository/m/folder")).unwrap();
        for path in [
            PathBuf::from("../../../outside/a.so"),
            PathBuf::from("link.so"),
            PathBuf::from("folder/a.so"),
            PathBuf::from("b.so"),
            outside.clone(),
        ] {
            let message = disk.resolve(&path, &["repository"]).unwrap_err();
            for part in [
                "outside of the allowed roots",
                "--op-library-root",
                "repository",
            ] {
                assert!(message.contains(part), "{message}");
            }
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
        let admitted = disk.resolve("link.so", &["repository", "outside"]);
        assert_eq!(admitted, Ok(outside));
        // A name that only starts like a root is not under it.
        fs::create_dir(disk.path("repository2")).unwrap();
        let neighbour = disk.file("repository2/a.so");
        assert!(disk.resolve(neighbour, &["repository", "absent"]).is_err());
    }

    #[test]
    fn nothing_that_a_client_sent_is_admitted() {
        let disk = Disk::new();
        fs::create_dir_all(disk.path("repository/sent/a/1")).unwrap();
        let sent = disk.file("repository/sent/a/1/a.so");
        symlink(&sent, disk.path("repository/m/link.so")).unwrap();
        for path in [
            &sent,
            Path::new("link.so"),
            Path::new("../../sent/a/1/a.so"),
        ] {
            let message = disk.resolve(path, &["repository"]).unwrap_err();
            assert!(message.contains("came with a load request"), "{message}");
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
        // Also where it would not be admitted anyway.
        let message = disk.resolve(&sent, &["outside"]).unwrap_err();
        assert!(message.contains("came with a load request"), "{message}");
    }

    #[test]
    fn a_missing_file_is_told_with_every_place() {
        let disk = Disk::new();
        let message = disk.resolve("none.so", &["repository"]).unwrap_err();
        for place in [
            "repository/m/1/none.so",
            "repository/m/none.so",
            "work/none.so",
        ] {
            assert!(message.contains(place), "{message}");
        }
        let message = disk.resolve("/none.so", &["repository"]).unwrap_err();
        assert!(message.contains("looked for '/none.so'."), "{message}");
        fs::create_dir(disk.path("repository/m/folder")).unwrap();
        let message = disk.resolve("folder", &["repository"]).unwrap_err();
        assert!(message.contains("is not a file"), "{message}");
        assert!(
            disk.resolve("", &["repository"])
                .unwrap_err()
                .contains("empty path")
        );
        symlink("loop.so", disk.path("repository/m/loop.so")).unwrap();
        let message = disk.resolve("loop.so", &["repository"]).unwrap_err();
        assert!(message.contains("failed to resolve"), "{message}");
    }

    proptest! {
        #[test]
        fn whatever_is_admitted_lies_under_a_root(path in "[a./]{0,24}") {
            let disk = Disk::new();
            disk.file("outside/a");
            disk.file("repository/a");
            if let Ok(resolved) = disk.resolve(&path, &["repository"]) {
                prop_assert!(resolved.starts_with(disk.path("repository")));
            }
        }
    }
}
