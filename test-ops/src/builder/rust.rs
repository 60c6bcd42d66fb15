use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{BuildError, copy, key::Key, sources::Sources, store::Store};

const REMEDY: &str = "install Rust (https://rustup.rs), or put cargo on the PATH";

/// A Rust package that is compiled for libraries.
#[derive(Debug)]
pub(super) struct RustPackage {
    /// Its folder below `test-ops`.
    pub(super) folder: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// The files that cargo leaves and a build keeps.
    pub(super) files: &'static [&'static str],
}

/// A Rust package, compiled by the toolchain of the workspace.
#[derive(Debug)]
pub(super) struct RustBuild {
    package: RustPackage,
    key: String,
}

impl RustBuild {
    /// The build of these sources; `rustc` is what [`rustc_version`] says, `linker` the C++
    /// compiler's identity.
    pub(super) fn new(
        package: RustPackage,
        sources: &Sources,
        rustc: &[u8],
        linker: &str,
    ) -> Result<RustBuild, BuildError> {
        let key = Key::default()
            .with(package.name)
            .with(rustc)
            .with(linker)
            .with(sources.rust_hash(package.folder)?.as_bytes())
            // How cargo is called.
            .with(include_bytes!("rust.rs"));
        Ok(RustBuild {
            key: format!("rust-{}", key.finish()),
            package,
        })
    }

    /// Hash of sources and toolchain.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The folder with the package's files, compiled unless that has been done, by this process
    /// or another one.
    pub(super) fn build(&self, sources: &Sources, store: &Store) -> Result<PathBuf, BuildError> {
        store.folder(&self.key, |folder| {
            // Of its own, so that it neither waits for nor invalidates an outer cargo's folder.
            let target = store.root().join("cargo-target");
            run(&mut cargo(self.package.name, sources, &target))?;
            for &file in self.package.files {
                copy(&target.join("release").join(file), &folder.join(file))?;
            }
            Ok(())
        })
    }
}

/// What the workspace's compiler says about itself.
pub(super) fn rustc_version(sources: &Sources) -> Result<Vec<u8>, BuildError> {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    Ok(run(rustc.arg("-vV").current_dir(sources.workspace()))?.stdout)
}

/// What a nested cargo inherits of the variables that concern cargo: where it finds packages.
const INHERITED: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
];
/// What an outer build or a user's shell sets that would change the library or disturb its build.
const FLAGS: [&str; 6] = [
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "MAKEFLAGS",
    "MFLAGS",
    "LD_PRELOAD",
];

/// The nested cargo. It inherits nothing of an outer cargo's run: build flags, package variables
/// and a job server of another build would change or disturb it.
fn cargo(package: &str, sources: &Sources, target: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let concerns_cargo =
            text.starts_with("CARGO") && !INHERITED.iter().any(|kept| text.starts_with(kept));
        if concerns_cargo || FLAGS.contains(&text.as_ref()) {
            command.env_remove(name);
        }
    }
    command.current_dir(sources.workspace()).args([
        "build",
        "--release",
        "--quiet",
        "--package",
        package,
    ]);
    command.arg("--target-dir").arg(target);
    // Small packages: link-time optimization costs seconds and wins nothing here, where each
    // package is one unit, so that what must be inlined for an instruction set is.
    command
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    command
}

/// Runs a tool to its end; its standard error becomes the text of the error.
fn run(command: &mut Command) -> Result<Output, BuildError> {
    let output = command.output().map_err(|source| BuildError::Start {
        tool: command.get_program().to_string_lossy().into_owned(),
        source,
        remedy: REMEDY,
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
        let error = run(Command::new("sh").args(["-c", "echo broken >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("broken") && error.contains("exit status: 3"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_tool_has_a_remedy() {
        let error = run(&mut Command::new("/nonexistent/cargo"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/nonexistent/cargo") && error.contains(REMEDY),
            "{error}"
        );
    }
}
