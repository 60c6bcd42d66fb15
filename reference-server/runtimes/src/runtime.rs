//! One runtime on this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::framework::{onnxruntime, pytorch, tensorflow, tensorrt};
use crate::{Framework, RuntimeName, Size};

/// A runtime that is on this machine: which one it is and where its libraries lie.
///
/// All paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Runtime {
    /// Framework and version.
    pub name: RuntimeName,
    /// The library that a worker opens.
    pub main_library: PathBuf,
    /// The folders that the dynamic loader has to search for the runtime's libraries, as
    /// `LD_LIBRARY_PATH` does; the main library's folder is the first.
    pub library_dirs: Vec<PathBuf>,
    /// The package's own folder, such as `…/onnxruntime` of a wheel or the root of an SDK.
    pub package_dir: PathBuf,
    /// How it came here.
    pub origin: Origin,
    /// How much of it is there.
    #[serde(default)]
    pub size: Size,
    /// The folders of its C++ headers, for `-isystem`; none where the package has no headers.
    #[serde(default)]
    pub include_dirs: Vec<PathBuf>,
    /// Op libraries that come with it and serve all its models, such as TorchVision's.
    #[serde(default)]
    pub bundled: Vec<PathBuf>,
    /// The tag of the Python that its extension modules were built for, such as `cp311`, where it
    /// has any: those need that Python's library in the process.
    #[serde(default)]
    pub python: Option<String>,
}

/// How a runtime came to be on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Installed into the cache by [`install()`](crate::install()).
    Cache,
    /// Was there before and is used where it is.
    InPlace,
}

impl Runtime {
    /// Which content a runtime that is used in place has, as far as the record of its main library
    /// tells; nothing for one that was installed, whose name says it. Belongs into the key of
    /// whatever is compiled against it.
    pub fn stamp(&self) -> Option<String> {
        (self.origin == Origin::InPlace).then(|| {
            std::fs::metadata(&self.main_library).map_or_else(
                |_| String::new(),
                |data| format!("{} {:?}", data.len(), data.modified().ok()),
            )
        })
    }

    /// The runtime of `framework` at `path`: its library, or a folder that holds it (the installed
    /// package, the package's library folder, or an SDK's root). Nothing is loaded.
    ///
    /// # Errors
    /// There is no such library at `path`, or its version cannot be told.
    pub fn in_place(framework: Framework, path: &Path) -> Result<Self, LocateError> {
        match framework {
            Framework::OnnxRuntime => onnxruntime::locate(path),
            Framework::PyTorch => pytorch::locate(path),
            Framework::TensorFlow => tensorflow::locate(path),
            Framework::TensorRt => tensorrt::locate(path),
        }
    }

    /// The arguments that a C++ source needs to be compiled against this runtime: header folders,
    /// language standard, ABI. Warnings within the runtime's headers are off.
    pub fn compile_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = match self.name.framework {
            Framework::OnnxRuntime | Framework::TensorRt => vec!["-std=c++17".into()],
            Framework::PyTorch => pytorch::compile_arguments(self),
            Framework::TensorFlow => tensorflow::compile_arguments(self),
        };
        for folder in &self.include_dirs {
            arguments.extend(["-isystem".into(), folder.into()]);
        }
        arguments
    }

    /// The arguments that link a shared library against this runtime: the libraries that define
    /// what an op library uses. No path of them gets into the result; a worker has them mapped.
    pub fn link_arguments(&self) -> Vec<OsString> {
        let names: &[&str] = match self.name.framework {
            // Op libraries get the interface as an argument of their entry point.
            Framework::OnnxRuntime => &[],
            Framework::PyTorch => &["libtorch_cpu.so", "libc10.so"],
            Framework::TensorFlow => &["libtensorflow_framework.so.2"],
            Framework::TensorRt => {
                let main = self.main_library.file_name().and_then(|name| name.to_str());
                return link(&self.library_dirs, main.as_slice());
            }
        };
        link(&self.library_dirs, names)
    }
}

/// `-L` and `-l:` for the libraries `names`; nothing where there are none.
fn link(folders: &[PathBuf], names: &[&str]) -> Vec<OsString> {
    let folder = folders.first().filter(|_| !names.is_empty());
    let folder = folder.map(|folder| ["-L".into(), folder.into()]);
    // A library that is named and not used would otherwise be dropped on some systems.
    let keep = folder.as_ref().map(|_| "-Wl,--no-as-needed".into());
    let names = names.iter().map(|name| format!("-l:{name}").into());
    folder
        .into_iter()
        .flatten()
        .chain(keep)
        .chain(names)
        .collect()
}

/// Why there is no usable runtime at a path.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// The path does not exist or cannot be read.
    #[error("failed to use the {} at '{}': {source}", framework.title(), path.display())]
    Unreadable {
        /// The framework.
        framework: Framework,
        /// The path that was given, or a file in it.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// No file of the right name is there.
    #[error(
        "found no {} in '{}': looked for {pattern} in {}; name the library itself or the folder \
         that holds it", framework.title(), path.display(), list(searched)
    )]
    NotFound {
        /// The framework.
        framework: Framework,
        /// The path that was given.
        path: PathBuf,
        /// The file names that were looked for.
        pattern: &'static str,
        /// The folders that were searched.
        searched: Vec<PathBuf>,
    },
    /// The file is there and is something else.
    #[error("'{}' is not {}: {reason}", path.display(), framework.title())]
    NotThisFramework {
        /// The framework.
        framework: Framework,
        /// The file.
        path: PathBuf,
        /// What is missing in it.
        reason: &'static str,
    },
    /// The file is there, and nothing in it tells its version.
    #[error(
        "failed to tell the version of '{}': neither its file name nor {evidence} holds one; \
         rename it to {example}", path.display()
    )]
    NoVersion {
        /// The file.
        path: PathBuf,
        /// What was looked at beside the file name.
        evidence: &'static str,
        /// A file name that would tell.
        example: &'static str,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| format!("'{}'", path.display()))
        .collect::<Vec<_>>()
        .join(", ")
}
