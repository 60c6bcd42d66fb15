use std::{
    io,
    path::{Path, PathBuf},
};

use runtimes::{CompileError, CudaCompilerError, Framework, PrebuiltError, RuntimeName};

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
    /// A framework has no sources of a sample library.
    #[error(
        "failed to build an op library for {framework}: there is no C++ source in '{path}'; \
         restore the folder from the repository"
    )]
    NoSources {
        /// The framework.
        framework: Framework,
        /// Where they should be.
        path: PathBuf,
    },
    /// The library is one of another framework.
    #[error(
        "failed to build an op library: it is one for {library}, and {runtime} is not a runtime \
         of that framework"
    )]
    Framework {
        /// The library's framework.
        library: Framework,
        /// The runtime that was given.
        runtime: RuntimeName,
    },
    /// The framework cannot have such a library.
    #[error(
        "failed to build an op library: {framework} has none like {content}; ask Library::exists \
         before"
    )]
    Nonexistent {
        /// What was to be in it.
        content: String,
        /// The framework.
        framework: Framework,
    },
    /// The runtime's package has no headers.
    #[error(
        "failed to build an op library for {runtime}: '{path}' holds no C++ headers; use a runtime \
         that `cargo harness setup` installs, or one with its headers"
    )]
    Headers {
        /// The runtime.
        runtime: RuntimeName,
        /// Its package.
        path: PathBuf,
    },
    /// The cache was filled on another machine, without it.
    #[error(transparent)]
    Prebuilt(#[from] PrebuiltError),
    /// There is no usable C++ compiler.
    #[error("failed to build an op library: {0}")]
    Compiler(#[from] CompileError),
    /// Kernels for GPUs could not be compiled.
    #[error("failed to build an op library with kernels for GPUs: {0}")]
    DeviceCode(#[from] CudaCompilerError),
    /// The C++ compiler refused the sources.
    #[error("failed to build an op library for {runtime}: {source}")]
    Compile {
        /// The runtime that it is built for.
        runtime: RuntimeName,
        /// The compiler's own message.
        source: CompileError,
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
    /// A text does not fit into the configuration block.
    #[error(
        "the {what} '{text}' is longer than the {capacity} bytes that a sample library has room for; choose a shorter one"
    )]
    Text {
        /// What the text is, such as `operator domain`.
        what: &'static str,
        /// The text.
        text: String,
        /// Longest text in bytes.
        capacity: usize,
    },
}

impl BuildError {
    /// Turns an error of the compiler into [`BuildError::Compile`].
    pub(super) fn compiling(runtime: &RuntimeName) -> impl FnOnce(CompileError) -> BuildError {
        let runtime = *runtime;
        move |source| BuildError::Compile { runtime, source }
    }

    /// Turns an I/O error on `path` into [`BuildError::Write`].
    pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> BuildError {
        move |source| BuildError::Write {
            path: path.to_owned(),
            source,
        }
    }
}
