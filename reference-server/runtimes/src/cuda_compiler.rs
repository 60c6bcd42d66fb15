//! The CUDA compiler, which code for GPUs is compiled with, on machines without a GPU too.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::{
    Cache, Catalog, Compiler, InstallError, Pip, PipError, Progress, Tool, install_tool,
    installed_tool,
};

/// The environment variable that names another CUDA compiler than the catalogue's.
pub const CUDA_COMPILER_VARIABLE: &str = "NVCC";

/// Its name in the catalogue.
const TOOL: &str = "cuda-compiler";

/// Variables that add arguments of their own to each of the compiler's runs.
const ARGUMENT_VARIABLES: [&str; 2] = ["NVCC_PREPEND_FLAGS", "NVCC_APPEND_FLAGS"];

/// The CUDA compiler: the program in [`CUDA_COMPILER_VARIABLE`], else the one of the catalogue,
/// which is installed when it is first needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaCompiler {
    source: Source,
    identity: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Named(PathBuf),
    Catalogued(&'static Tool),
}

impl CudaCompiler {
    /// Chooses the compiler. Nothing is installed.
    ///
    /// # Errors
    /// [`CUDA_COMPILER_VARIABLE`] names a program that does not work.
    pub fn find() -> Result<Self, CudaCompilerError> {
        let named = std::env::var_os(CUDA_COMPILER_VARIABLE).filter(|name| !name.is_empty());
        named.map_or_else(|| Ok(Self::catalogued()), Self::at)
    }

    /// The compiler that the command `program` starts.
    ///
    /// # Errors
    /// It does not work.
    pub fn at(program: impl Into<OsString>) -> Result<Self, CudaCompilerError> {
        let program = program.into();
        let version = output(Command::new(&program).arg("--version"))?;
        Ok(Self {
            identity: format!("{} {}", program.to_string_lossy(), version.trim_end()),
            source: Source::Named(program.into()),
        })
    }

    /// The compiler of the catalogue.
    ///
    /// # Panics
    /// Never: the built-in catalogue has one.
    pub fn catalogued() -> Self {
        let tool = Catalog::builtin()
            .tool(TOOL)
            .expect("the built-in catalogue has a CUDA compiler");
        Self {
            identity: tool.folder_name(),
            source: Source::Catalogued(tool),
        }
    }

    /// Name and version, for cache keys.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Bytes that [`install`](Self::install) will download; zero where it need not.
    pub fn missing_download(&self, cache: &Cache) -> u64 {
        match self.source {
            Source::Catalogued(tool) if installed_tool(cache, tool).is_none() => {
                tool.download_size()
            }
            _ => 0,
        }
    }

    /// The path of the compiler, `nvcc`. The catalogue's is installed into `cache` where it is not
    /// there; it finds everything that it needs beside itself, but for a C++ compiler.
    ///
    /// # Errors
    /// There is no pip, or the installation failed; the message says what else can be done.
    pub fn install(
        &self,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> Result<PathBuf, CudaCompilerError> {
        let tool = match &self.source {
            Source::Named(program) => return Ok(program.clone()),
            Source::Catalogued(tool) => tool,
        };
        if let Some(program) = installed_tool(cache, tool) {
            return Ok(program);
        }
        Ok(install_tool(cache, tool, &Pip::find()?, progress)?)
    }

    /// Runs the compiler `program`, which [`install`](Self::install) returned, to its end. `host`
    /// preprocesses for it.
    ///
    /// # Errors
    /// It cannot be started or fails; the message holds what it wrote itself.
    pub fn run(
        program: &Path,
        host: &Compiler,
        arguments: &[OsString],
    ) -> Result<(), CudaCompilerError> {
        let mut command = Command::new(program);
        command.arg("-ccbin").arg(host.program()).args(arguments);
        // The preprocessor alone is used of it, which a newer release does not change.
        command.arg("-allow-unsupported-compiler");
        for variable in ARGUMENT_VARIABLES {
            command.env_remove(variable);
        }
        output(&mut command).map(drop)
    }
}

/// Runs a tool to its end and returns its standard output.
fn output(command: &mut Command) -> Result<String, CudaCompilerError> {
    let program = PathBuf::from(command.get_program());
    let output =
        command
            .stdin(Stdio::null())
            .output()
            .map_err(|source| CudaCompilerError::Start {
                program: program.clone(),
                source,
            })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = [output.stderr, output.stdout].concat();
    Err(CudaCompilerError::Failed {
        program,
        status: output.status,
        message: String::from_utf8_lossy(&text).trim_end().to_owned(),
    })
}

/// Why code for GPUs was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CudaCompilerError {
    /// There is no pip to install the compiler with.
    #[error(
        "failed to install the CUDA compiler, which code for GPUs is compiled with: {0}. Or name an \
         nvcc of CUDA 12.8 or newer in the environment variable {CUDA_COMPILER_VARIABLE}"
    )]
    Pip(#[from] PipError),
    /// The compiler could not be installed.
    #[error(
        "{0}. It is the CUDA compiler, which code for GPUs is compiled with; an nvcc of CUDA 12.8 or \
         newer can be named in the environment variable {CUDA_COMPILER_VARIABLE} instead"
    )]
    Install(#[from] InstallError),
    /// The compiler cannot be started.
    #[error(
        "failed to start the CUDA compiler '{}': {source}; correct the environment variable \
         {CUDA_COMPILER_VARIABLE}, or unset it to have one installed", program.display()
    )]
    Start {
        /// The program.
        program: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The compiler ended with an error.
    #[error("the CUDA compiler '{}' failed ({status}): {message}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_of_the_catalogue_is_pinned() {
        let compiler = CudaCompiler::catalogued();
        assert_eq!(compiler.identity(), "cuda-compiler-13.0.88");
        let folder = tempfile::tempdir().expect("a scratch folder");
        let cache = Cache::at(folder.path()).expect("an absolute path");
        assert!(compiler.missing_download(&cache) > 50 << 20);
    }

    #[test]
    fn a_compiler_that_does_not_start_has_a_remedy() {
        let message = CudaCompiler::at("/nonexistent/nvcc")
            .unwrap_err()
            .to_string();
        for part in ["/nonexistent/nvcc", "NVCC", "unset it"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn without_pip_the_other_way_is_told() {
        let message = CudaCompilerError::from(PipError::NoPython).to_string();
        for part in ["CUDA compiler", "python3", "NVCC"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn the_compilers_own_message_is_quoted() {
        let host = Compiler::find().expect("a compiler");
        let shell = Path::new("/bin/ls");
        let error = CudaCompiler::run(shell, &host, &["/nonexistent.cu".into()]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("/bin/ls' failed ("), "{message}");
        assert!(
            message.contains("-ccbin") || message.contains("invalid"),
            "{message}"
        );
    }
}
