//! Builds the reference server, so that a run never uses one from before the last change.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use indicatif::ProgressBar;
use serde::Deserialize;

/// The server's package and executable.
const PACKAGE: &str = "reference-server";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerBuildError {
    /// The file that was named is not there.
    #[error("there is no server at '{}'; check the path given with --server-bin", .0.display())]
    NotThere(PathBuf),
    /// The sources are not where the harness was built.
    #[error(
        "failed to build the server: its sources are not in '{}' any more; build the harness again \
         where they are, or name a server with --server-bin", .0.display()
    )]
    NoSources(PathBuf),
    /// cargo could not be started.
    #[error("failed to start cargo to build the server: {0}; is Rust installed?")]
    Start(#[source] std::io::Error),
    /// cargo failed.
    #[error("failed to build the server (cargo build --release -p {PACKAGE}):\n{output}")]
    Build {
        /// What cargo wrote.
        output: String,
    },
}

/// The server that was named on the command line.
///
/// # Errors
/// [`ServerBuildError::NotThere`].
pub fn named(path: &Path) -> Result<PathBuf, ServerBuildError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if path.is_file() {
        Ok(path)
    } else {
        Err(ServerBuildError::NotThere(path))
    }
}

/// The reference server as its sources are now, built in release mode. What cargo does is shown
/// on `progress`.
///
/// # Errors
/// [`ServerBuildError`].
pub fn build(progress: &ProgressBar) -> Result<PathBuf, ServerBuildError> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !workspace.join("Cargo.toml").is_file() {
        return Err(ServerBuildError::NoSources(workspace.to_owned()));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Command::new(cargo)
        .args(["build", "--release", "--package", PACKAGE])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(ServerBuildError::Start)?;
    // Both pipes are read at the same time, so that neither fills up and stops cargo.
    let messages = child.stdout.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).map(|_| bytes)
        })
    });
    let mut output = String::new();
    for line in child
        .stderr
        .take()
        .into_iter()
        .flat_map(|pipe| BufReader::new(pipe).lines())
    {
        let Ok(line) = line else { break };
        progress.set_message(line.trim().to_owned());
        output.push_str(&line);
        output.push('\n');
    }
    let messages = messages
        .and_then(|reader| reader.join().ok()?.ok())
        .unwrap_or_default();
    let status = child.wait().map_err(ServerBuildError::Start)?;
    if !status.success() {
        return Err(ServerBuildError::Build { output });
    }
    executable(&messages).ok_or(ServerBuildError::Build {
        output: format!("{output}cargo named no executable"),
    })
}

/// A message of cargo about something that it built.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The server's executable, from cargo's messages: one JSON object a line.
fn executable(messages: &[u8]) -> Option<PathBuf> {
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Artifact>(line).ok())
        .filter(|artifact| artifact.target.name == PACKAGE)
        .find_map(|artifact| artifact.executable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_named_server_must_be_there() {
        let error = named(Path::new("/nonexistent/server")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/server"), "{error}");
    }

    #[test]
    fn the_executable_is_found_among_other_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"reference-server","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"reference-server","kind":["bin"]},"executable":"/t/release/reference-server"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(
            executable(messages),
            Some(PathBuf::from("/t/release/reference-server"))
        );
    }

    proptest! {
        #[test]
        fn anything_else_is_passed_over(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(executable(&bytes), None);
        }
    }
}
