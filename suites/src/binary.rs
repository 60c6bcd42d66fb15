//! Where the server's executable is, and how cargo is asked for one.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// Name of the server's executable and of its package.
const NAME: &str = "reference-server";
/// Only a release build is worth measuring.
const SERVER: Order<'_> = Order {
    package: NAME,
    arguments: &["--release"],
    compiler_flags: None,
};

/// A package of this workspace that cargo is to build, with one program of its name.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The package.
    pub package: &'a str,
    /// Arguments for cargo beside the package.
    pub arguments: &'a [&'a str],
    /// Flags for the Rust compiler, in place of those in the environment; apart by the byte 0x1f.
    pub compiler_flags: Option<&'a str>,
}

/// Why there is no server to run.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// The path that was named is not a file.
    #[error("there is no server at '{}'; check the path given with --server-bin", .0.display())]
    Missing(PathBuf),
    /// The sources are not where this program was built.
    #[error(
        "failed to build {package}: its sources are not in '{}' any more; build this program \
         again where they are{}", folder.display(), other_way(package)
    )]
    NoSources {
        /// What was to be built.
        package: String,
        /// Where they were.
        folder: PathBuf,
    },
    /// cargo could not be started.
    #[error("failed to start cargo to build {package}: {source}; is Rust installed?")]
    Start {
        /// What was to be built.
        package: String,
        /// Why it did not start.
        source: std::io::Error,
    },
    /// The build did not succeed.
    #[error("failed to build {package} (cargo build {arguments}):\n{output}")]
    Build {
        /// What was to be built.
        package: String,
        /// What cargo was told.
        arguments: String,
        /// What cargo wrote.
        output: String,
    },
}

/// What can be done where the sources are gone.
fn other_way(package: &str) -> &'static str {
    if package == NAME {
        ", or name a server with --server-bin"
    } else {
        ""
    }
}

/// The server's executable: `named` where it is given; in a test the one that cargo has built
/// along with it; else the server as its sources are now, built in release mode, so that nobody
/// runs yesterday's. `progress` gets each line that cargo writes.
///
/// # Errors
/// The named path is not a file; the build fails.
pub fn server_binary(
    named: Option<&Path>,
    progress: impl FnMut(&str),
) -> Result<PathBuf, BinaryError> {
    if let Some(named) = named {
        let path = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
        return if path.is_file() {
            Ok(path)
        } else {
            Err(BinaryError::Missing(path))
        };
    }
    match beside_test() {
        Some(file) => Ok(file),
        None => build(&SERVER, progress),
    }
}

/// The server beside the current executable, if that is a test: tests lie in a folder below it.
fn beside_test() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let folder = executable.parent()?;
    let is_test = folder.file_name().is_some_and(|name| name == "deps");
    let file = folder.parent()?.join(NAME);
    (is_test && file.is_file()).then_some(file)
}

/// The program that cargo builds for `order`; `progress` gets each line that cargo writes.
///
/// # Errors
/// The sources are gone, or the build fails.
pub fn build(order: &Order<'_>, mut progress: impl FnMut(&str)) -> Result<PathBuf, BinaryError> {
    let package = || order.package.to_owned();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !folder.join("Cargo.toml").is_file() {
        return Err(BinaryError::NoSources {
            package: package(),
            folder: folder.to_owned(),
        });
    }
    let start = |source| BinaryError::Start {
        package: package(),
        source,
    };
    let failed = |output| BinaryError::Build {
        package: package(),
        arguments: order.arguments.join(" "),
        output,
    };
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--package", order.package])
        .args(order.arguments)
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(flags) = order.compiler_flags {
        command.env("CARGO_ENCODED_RUSTFLAGS", flags);
    }
    let mut child = command.spawn().map_err(start)?;
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
        progress(line.trim());
        output.push_str(&line);
        output.push('\n');
    }
    let messages = messages
        .and_then(|reader| reader.join().ok()?.ok())
        .unwrap_or_default();
    let status = child.wait().map_err(start)?;
    if !status.success() {
        return Err(failed(output));
    }
    executable_in(&messages, order.package)
        .ok_or_else(|| failed(format!("{output}cargo named no executable")))
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

/// The executable `name` that cargo's messages tell of: one JSON object a line.
fn executable_in(messages: &[u8], name: &str) -> Option<PathBuf> {
    messages
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Artifact>(line).ok())
        .filter(|artifact| artifact.target.name == name)
        .find_map(|artifact| artifact.executable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            "{\"reason\":\"build-finished\",\"success\":true}\n",
        );
        assert_eq!(
            executable_in(messages.as_bytes(), NAME),
            Some(PathBuf::from("/t/server"))
        );
    }

    proptest! {
        #[test]
        fn anything_else_is_passed_over(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(executable_in(&bytes, NAME), None);
        }
    }
}
