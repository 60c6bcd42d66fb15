//! Where the server's executable is.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Name of the server's executable and of its package.
const NAME: &str = "reference-server";

/// Why there is no server to run.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// The path that was named is not a file.
    #[error("there is no server at '{}'; check the path given with --server-bin", .0.display())]
    Missing(PathBuf),
    /// The build did not succeed.
    #[error("failed to build the server with `{command}`: {reason}")]
    Build {
        /// The command line.
        command: String,
        /// Why.
        reason: String,
    },
}

/// The server's executable: `named` where it is given, else the one beside the current executable,
/// else the one that `cargo build --release -p reference-server` makes in this workspace.
///
/// Under `cargo run` the one beside is brought up to date first, so that nobody measures
/// yesterday's server; `cargo test --workspace` has done that already. `progress` gets one line
/// before cargo is called; cargo's own lines go to standard error.
///
/// # Errors
/// The named path is not a file; the build fails.
pub fn server_binary(
    named: Option<&Path>,
    progress: impl FnOnce(&str),
) -> Result<PathBuf, BinaryError> {
    if let Some(named) = named {
        let path = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
        return if path.is_file() {
            Ok(path)
        } else {
            Err(BinaryError::Missing(path))
        };
    }
    match (beside_current_executable(), std::env::var_os("CARGO")) {
        (Some(Beside { file, .. }), None) => Ok(file),
        (
            Some(Beside {
                file,
                of_test: true,
            }),
            Some(_),
        ) => Ok(file),
        (beside, cargo) => {
            // The one beside was built with the profile of this executable.
            let release = beside.is_none() || !cfg!(debug_assertions);
            let arguments = arguments(release);
            progress(&format!(
                "building the reference server: cargo {}",
                arguments.join(" ")
            ));
            build(&cargo.unwrap_or_else(|| "cargo".into()), &arguments)
        }
    }
}

/// The arguments of cargo that build the server.
fn arguments(release: bool) -> Vec<&'static str> {
    let mut arguments = vec!["build"];
    if release {
        arguments.push("--release");
    }
    arguments.extend(["--package", NAME]);
    arguments
}

/// A server that lies beside the current executable.
struct Beside {
    file: PathBuf,
    /// The current executable is a test; those lie in a folder below the others.
    of_test: bool,
}

fn beside_current_executable() -> Option<Beside> {
    let executable = std::env::current_exe().ok()?;
    let folder = executable.parent()?;
    let of_test = folder.file_name().is_some_and(|name| name == "deps");
    let file = if of_test { folder.parent()? } else { folder }.join(NAME);
    file.is_file().then_some(Beside { file, of_test })
}

fn build(cargo: &OsStr, arguments: &[&str]) -> Result<PathBuf, BinaryError> {
    let failed = |reason: String| BinaryError::Build {
        command: format!("cargo {}", arguments.join(" ")),
        reason,
    };
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("{error}; is Rust installed?")))?;
    if !output.status.success() {
        return Err(failed(format!(
            "cargo ended with {}; see its messages above",
            output.status
        )));
    }
    executable_in(&output.stdout).ok_or_else(|| failed("cargo told of no executable".to_owned()))
}

/// The executable that cargo's JSON messages tell of.
fn executable_in(messages: &[u8]) -> Option<PathBuf> {
    messages
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == NAME)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_server_must_exist() {
        let error = server_binary(Some(Path::new("/nonexistent/server")), |_| ()).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/server"), "{error}");
        let named = std::env::current_exe().unwrap();
        assert_eq!(server_binary(Some(&named), |_| ()).unwrap(), named);
    }

    #[test]
    fn the_executable_is_found_among_the_messages() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"other\"},\"executable\":\"/t/other\"}\n",
            "not json\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"reference-server\"},\"executable\":null}\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"reference-server\"},\"executable\":\"/t/server\"}\n",
        );
        assert_eq!(
            executable_in(messages.as_bytes()),
            Some(PathBuf::from("/t/server"))
        );
        assert_eq!(executable_in(b""), None);
    }
}
