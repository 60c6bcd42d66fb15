use std::{
    io,
    path::{Path, PathBuf},
};

/// An op library could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The workspace is not where it was when this program was compiled.
    #[error(
        "failed to find the sources of the sample op libraries in '{path}': the workspace has been \
         moved or deleted since this program was compiled; compile the program again in the \
         workspace's new place"
    )]
    Sources {
        /// Where they were.
        path: PathBuf,
    },
    /// A tool could not be started.
    #[error("failed to start '{tool}' to build an op library: {source}; {remedy}")]
    Start {
        /// The command.
        tool: String,
        /// Why it did not start.
        source: io::Error,
        /// What to install or set.
        remedy: &'static str,
    },
    /// A tool ended with an error.
    #[error("failed to build an op library: `{command}` ended with {status}:\n{output}")]
    Tool {
        /// The command line.
        command: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// What it wrote to standard error.
        output: String,
    },
    /// A file could not be read.
    #[error("failed to read '{path}' while an op library was built: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cache or a copy could not be written.
    #[error(
        "failed to write '{path}' while an op library was built: {source}; is there space, and the right to write there?"
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A library that was just built does not look as the builder expects.
    #[error(
        "failed to configure the op library '{path}': {reason}; this is a defect of the sample library's sources"
    )]
    Elf {
        /// The library.
        path: PathBuf,
        /// What is odd about it.
        reason: String,
    },
    /// A domain does not fit into the configuration block.
    #[error(
        "the operator domain '{domain}' is longer than the {capacity} bytes that a sample library has room for; choose a shorter one"
    )]
    Domain {
        /// The domain.
        domain: String,
        /// Longest domain in bytes.
        capacity: usize,
    },
}

impl BuildError {
    /// Turns an I/O error on `path` into [`BuildError::Write`].
    pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> BuildError {
        move |source| BuildError::Write {
            path: path.to_owned(),
            source,
        }
    }
}
