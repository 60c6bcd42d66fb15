use std::{
    env,
    ffi::OsString,
    path::Path,
    process::{Command, Output},
};

use super::BuildError;

const REMEDY: &str =
    "install a C++ compiler (package g++ on Debian), or name one in the environment variable CXX";

/// The machine's C++ compiler.
#[derive(Debug)]
pub(super) struct Compiler {
    program: OsString,
    identity: String,
}

impl Compiler {
    /// The compiler in `CXX`, or `c++`.
    pub(super) fn find() -> Result<Compiler, BuildError> {
        let program = env::var_os("CXX")
            .filter(|program| !program.is_empty())
            .unwrap_or_else(|| "c++".into());
        let output = run(Command::new(&program).arg("--version"), REMEDY)?;
        let identity = format!("{program:?} {}", String::from_utf8_lossy(&output.stdout));
        Ok(Compiler { program, identity })
    }

    /// Name and version, for cache keys.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Compiles one source to a shared object.
    pub(super) fn compile(
        &self,
        source: &Path,
        arguments: &[&str],
        product: &Path,
    ) -> Result<(), BuildError> {
        let mut command = self.shared_object(product);
        command.arg(source).args(arguments);
        run(&mut command, REMEDY).map(drop)
    }

    /// Links an archive of the sample library and one C++ source to a shared object that exports
    /// what a linker version script says.
    pub(super) fn link_archive(
        &self,
        archive: &Path,
        source: &Path,
        exports: &Path,
        product: &Path,
    ) -> Result<(), BuildError> {
        let mut script = OsString::from("-Wl,--version-script=");
        script.push(exports);
        let mut command = self.shared_object(product);
        command.arg(source);
        // The entry point pulls in everything else that is needed from the archive.
        command.args([
            "-Wl,--undefined=RegisterCustomOps",
            "-Wl,--gc-sections",
            "-Wl,--strip-debug",
        ]);
        command.arg(script).arg(archive);
        // What Rust's standard library needs of the system.
        command.args([
            "-lgcc_s",
            "-lutil",
            "-lrt",
            "-lpthread",
            "-lm",
            "-ldl",
            "-lc",
        ]);
        run(&mut command, REMEDY).map(drop)
    }

    fn shared_object(&self, product: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args([
            "-std=c++17",
            "-O1",
            "-fPIC",
            "-shared",
            "-Wall",
            "-Wl,--build-id=sha1",
            "-o",
        ]);
        command.arg(product);
        command
    }
}

/// Runs a tool to its end; its standard error becomes the text of the error.
pub(super) fn run(command: &mut Command, remedy: &'static str) -> Result<Output, BuildError> {
    let output = command.output().map_err(|source| BuildError::Start {
        tool: command.get_program().to_string_lossy().into_owned(),
        source,
        remedy,
    })?;
    if output.status.success() {
        return Ok(output);
    }
    Err(BuildError::Tool {
        command: format!("{command:?}"),
        status: output.status,
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_tool_is_quoted() {
        let error = run(
            Command::new("sh").args(["-c", "echo broken >&2; exit 3"]),
            "",
        )
        .unwrap_err()
        .to_string();
        assert!(
            error.contains("broken") && error.contains("exit status: 3"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_tool_has_a_remedy() {
        let error = run(&mut Command::new("/nonexistent/c++"), REMEDY)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/nonexistent/c++") && error.contains("CXX"),
            "{error}"
        );
    }
}
