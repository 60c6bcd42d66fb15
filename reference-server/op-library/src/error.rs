//! Why a file cannot be inspected at all.

use std::io;
use std::path::{Path, PathBuf};

use crate::{Finding, FindingId, Severity};

/// There is no file to inspect.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// Nothing is at the path.
    #[error("there is no file '{}'; check the path, and that the file was deployed", .0.display())]
    Missing(PathBuf),
    /// A folder, a device, a socket, …
    #[error("'{}' is {kind}, not a file; give the path of the shared library", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What is there.
        kind: &'static str,
    },
    /// The file cannot be opened or read.
    #[error(
        "failed to read '{}': {source}; the server's user needs permission to read the file and to \
         enter its folders", path.display()
    )]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl InspectError {
    pub(crate) fn open(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                Self::Missing(path.to_owned())
            }
            _ => Self::Unreadable {
                path: path.to_owned(),
                source,
            },
        }
    }

    /// The same as a finding, for a list of findings about many files.
    pub fn finding(&self) -> Finding {
        let (id, message, remedy) = match self {
            Self::Missing(path) => (
                FindingId::FileMissing,
                format!("there is no file '{}'", path.display()),
                "check the path, and that the file was deployed",
            ),
            Self::NotRegular { path, kind } => (
                FindingId::NotRegularFile,
                format!("'{}' is {kind}, not a file", path.display()),
                "give the path of the shared library",
            ),
            Self::Unreadable { path, source } => (
                FindingId::Unreadable,
                format!("failed to read '{}': {source}", path.display()),
                "the server's user needs permission to read the file and to enter its folders",
            ),
        };
        Finding {
            severity: Severity::Error,
            id,
            message,
            remedy: remedy.to_owned(),
        }
    }
}
