//! The machine's C++ compiler, which bridges and sample op libraries are built with.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// The environment variable that names another compiler than `c++`.
pub const COMPILER_VARIABLE: &str = "CXX";

/// The machine's C++ compiler: the program in [`COMPILER_VARIABLE`], else `c++`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    program: OsString,
    identity: String,
}

impl Compiler {
    /// Finds the compiler and asks it for its version.
    ///
    /// # Errors
    /// There is none, or it does not work; the message says how to get one.
    pub fn find() -> Result<Self, CompileError> {
        let program = std::env::var_os(COMPILER_VARIABLE)
            .filter(|program| !program.is_empty())
            .unwrap_or_else(|| "c++".into());
        Self::at(program)
    }

    /// The compiler that the command `program` starts.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn at(program: impl Into<OsString>) -> Result<Self, CompileError> {
        let program = program.into();
        let version = output(Command::new(&program).arg("--version"))?;
        let identity = format!("{} {}", program.to_string_lossy(), version.trim_end());
        Ok(Self { program, identity })
    }

    /// The command that starts it.
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// Name and version as the compiler states them, for cache keys.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Runs the compiler to its end.
    ///
    /// # Errors
    /// It cannot be started or fails; the message holds what it wrote itself.
    pub fn run(&self, arguments: &[OsString]) -> Result<(), CompileError> {
        self.run_in(None, arguments)
    }

    /// Runs the compiler to its end in `folder`, which relative arguments mean.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_in(
        &self,
        folder: Option<&Path>,
        arguments: &[OsString],
    ) -> Result<(), CompileError> {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        output(&mut command).map(drop)
    }
}

/// Runs a tool to its end and returns its standard output.
fn output(command: &mut Command) -> Result<String, CompileError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| CompileError::Start {
            program: program.clone(),
            source,
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(CompileError::Failed {
        program,
        status: output.status,
        message: String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned(),
    })
}

/// Why something was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler cannot be started.
    #[error(
        "failed to start the C++ compiler '{program}': {source}; install one (Debian and Ubuntu: \
         apt-get install g++; Fedora: dnf install gcc-c++), or name one in the environment variable \
         {COMPILER_VARIABLE}"
    )]
    Start {
        /// The program.
        program: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The compiler ended with an error.
    #[error("the C++ compiler '{program}' failed ({status}): {message}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote on its standard error.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_own_message_is_quoted() {
        let compiler = Compiler::find().expect("a compiler");
        let message = compiler
            .run(&["/nonexistent/source.cpp".into()])
            .unwrap_err()
            .to_string();
        assert!(message.contains("/nonexistent/source.cpp"), "{message}");
        assert!(compiler.identity().contains(' '), "name and version");
    }

    #[test]
    fn a_missing_compiler_has_a_remedy() {
        let message = Compiler::at("/nonexistent/c++").unwrap_err().to_string();
        for part in ["/nonexistent/c++", "install g++", COMPILER_VARIABLE] {
            assert!(message.contains(part), "{message}");
        }
    }
}
