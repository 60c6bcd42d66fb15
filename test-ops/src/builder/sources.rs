use std::path::{Path, PathBuf};

use runtimes::Framework;

use super::{BuildError, read};

/// The sources of the sample libraries in the workspace.
#[derive(Debug)]
pub(super) struct Sources {
    workspace: PathBuf,
    /// The folder that holds the frameworks' parts.
    pub(super) frameworks: PathBuf,
}

impl Sources {
    /// Finds the workspace where it was when this package was compiled.
    pub(super) fn locate() -> Result<Sources, BuildError> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = package.parent().unwrap_or(package);
        let sources = Sources {
            workspace: workspace.to_owned(),
            frameworks: package.to_owned(),
        };
        if sources.onnxruntime().join("Cargo.toml").is_file() {
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

    /// The library for ONNX Runtime: a Rust package.
    pub(super) fn onnxruntime(&self) -> PathBuf {
        self.folder("onnxruntime")
    }

    /// What all libraries in C++ are made of, beside their framework's part.
    pub(super) fn sample_library(&self) -> PathBuf {
        self.folder("sample-library")
    }

    /// The kernels for GPUs and, for libraries in C++, how they are launched.
    pub(super) fn device(&self) -> PathBuf {
        self.folder("device")
    }

    /// The kernels for GPUs.
    pub(super) fn kernels(&self) -> PathBuf {
        self.device().join("kernels.cu")
    }

    /// A framework's part of a library in C++.
    pub(super) fn framework(&self, framework: Framework) -> PathBuf {
        self.frameworks.join(framework.name())
    }

    /// The declarations of TensorRT that stand in for its headers, which no package has.
    pub(super) fn tensorrt_declarations(&self) -> PathBuf {
        self.workspace
            .join("reference-server/bridges/tensorrt/include")
    }

    /// The header of the kernels' C interface.
    pub(super) fn kernel_header(&self) -> PathBuf {
        self.folder("kernels-c").join("include")
    }

    /// Hash of how libraries are built.
    pub(super) fn builder_hash(&self) -> Result<blake3::Hash, BuildError> {
        hash_folders(&[self.folder("src/builder")])
    }

    /// Hash of the additional C++ sources of libraries for ONNX Runtime.
    pub(super) fn broken_hash(&self) -> Result<blake3::Hash, BuildError> {
        hash_folders(&[
            self.onnxruntime().join("broken"),
            self.onnxruntime().join("entry"),
            self.sample_library().join("broken"),
        ])
    }

    /// The launches of kernels for GPUs, for the library in Rust.
    pub(super) fn launches(&self) -> [PathBuf; 3] {
        [
            self.device().join("device.cpp"),
            self.device().join("device_operators.cpp"),
            self.onnxruntime().join("device/hand_over.cpp"),
        ]
    }

    /// Hash of those launches.
    pub(super) fn launches_hash(&self) -> Result<blake3::Hash, BuildError> {
        hash_folders(&[self.device(), self.onnxruntime().join("device")])
    }

    /// Hash of the kernels for GPUs.
    pub(super) fn kernels_hash(&self) -> Result<blake3::Hash, BuildError> {
        hash_folders(&[self.kernels()])
    }

    /// Hash of all C++ sources of a framework's library.
    pub(super) fn cpp_hash(&self, framework: Framework) -> Result<blake3::Hash, BuildError> {
        let mut paths = vec![self.sample_library(), self.kernel_header(), self.device()];
        // Where it is missing, the build says so.
        paths.extend(Some(self.framework(framework)).filter(|folder| folder.is_dir()));
        if framework == Framework::TensorRt {
            paths.push(self.tensorrt_declarations());
        }
        hash_folders(&paths)
    }

    /// Hash of what a Rust package with the kernels is compiled from, with the versions and the
    /// profile that the workspace sets.
    pub(super) fn rust_hash(&self, package: &str) -> Result<blake3::Hash, BuildError> {
        let (kernels, package) = (self.folder("kernels"), self.folder(package));
        let build_script = Some(package.join("build.rs")).filter(|script| script.is_file());
        let mut paths = vec![
            kernels.join("Cargo.toml"),
            kernels.join("src"),
            package.join("Cargo.toml"),
            package.join("src"),
            self.workspace.join("Cargo.toml"),
            self.workspace.join("Cargo.lock"),
        ];
        paths.extend(build_script);
        hash_folders(&paths)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.workspace.join("test-ops").join(name)
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
