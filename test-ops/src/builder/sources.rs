use std::path::{Path, PathBuf};

use super::{BuildError, read};

/// The sources of the sample libraries in the workspace.
#[derive(Debug)]
pub(super) struct Sources {
    workspace: PathBuf,
}

impl Sources {
    /// Finds the workspace where it was when this package was compiled.
    pub(super) fn locate() -> Result<Sources, BuildError> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = package.parent().unwrap_or(package);
        let sources = Sources {
            workspace: workspace.to_owned(),
        };
        let manifest = sources.library().join("Cargo.toml");
        if manifest.is_file() {
            Ok(sources)
        } else {
            Err(BuildError::Sources {
                path: package.to_owned(),
            })
        }
    }

    /// The workspace's folder.
    pub(super) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// A C++ source of a faulty library.
    pub(super) fn broken(&self, file: &str) -> PathBuf {
        self.library().join("broken").join(file)
    }

    /// Hash of all C++ sources, and of how they are compiled.
    pub(super) fn broken_hash(&self) -> Result<blake3::Hash, BuildError> {
        hash_folders(&[
            self.library().join("broken"),
            self.workspace.join("test-ops/src/builder"),
        ])
    }

    /// Hash of what the Rust libraries are compiled from, with the versions and the profile that
    /// the workspace sets.
    pub(super) fn rust_hash(&self) -> Result<blake3::Hash, BuildError> {
        let kernels = self.workspace.join("test-ops/kernels");
        let library = self.library();
        hash_folders(&[
            kernels.join("Cargo.toml"),
            kernels.join("src"),
            library.join("Cargo.toml"),
            library.join("build.rs"),
            library.join("src"),
            self.workspace.join("Cargo.toml"),
            self.workspace.join("Cargo.lock"),
        ])
    }

    fn library(&self) -> PathBuf {
        self.workspace.join("test-ops/onnxruntime")
    }
}

/// Hash of the files under `paths`, by content and by path relative to each of `paths`.
fn hash_folders(paths: &[PathBuf]) -> Result<blake3::Hash, BuildError> {
    let mut hasher = blake3::Hasher::new();
    for path in paths {
        for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|error| BuildError::Read {
                path: path.clone(),
                source: error.into(),
            })?;
            if !entry.file_type().is_file() {
                continue;
            }
            let content = read(entry.path())?;
            let relative = entry.path().strip_prefix(path).unwrap_or(entry.path());
            hasher.update(relative.as_os_str().as_encoded_bytes());
            hasher.update(&[0]);
            hasher.update(&(content.len() as u64).to_le_bytes());
            hasher.update(&content);
        }
    }
    Ok(hasher.finalize())
}
