//! What the machine must have, looked at before any work starts.

use std::ffi::OsString;
use std::fmt;

/// Something that is missing, with its remedy. Its text is one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Another operating system or processor.
    Platform {
        /// What this is.
        found: String,
    },
    /// No cargo.
    Cargo,
    /// No C++ compiler.
    Compiler {
        /// The command that was looked for.
        command: String,
    },
    /// Python or pip, in pip's own words.
    Pip(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform { found } => write!(
                f,
                "this is {found}, and the runtimes exist for Linux on x86-64 only: use such a machine"
            ),
            Self::Cargo => f.write_str(
                "cargo is not on the search path: install Rust (https://rustup.rs) and open a new shell",
            ),
            Self::Compiler { command } => write!(
                f,
                "the C++ compiler '{command}' is not on the search path: install one (Debian and \
                 Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++), or name one in CXX"
            ),
            Self::Pip(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Missing {}

/// What of the machine is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// A C++ compiler and cargo, to build op libraries and the server.
    pub toolchain: bool,
    /// Python with pip, to install runtimes.
    pub pip: bool,
}

/// Everything that is missing; empty where work can start.
#[must_use]
pub fn missing(needs: Needs) -> Vec<Missing> {
    let mut missing = Vec::new();
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    if (system, processor) != ("linux", "x86_64") {
        missing.push(Missing::Platform {
            found: format!("{system} on {processor}"),
        });
    }
    if needs.toolchain {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        if which::which(cargo).is_err() {
            missing.push(Missing::Cargo);
        }
        let compiler = std::env::var_os("CXX")
            .filter(|command| !command.is_empty())
            .unwrap_or_else(|| OsString::from("c++"));
        if which::which(&compiler).is_err() {
            missing.push(Missing::Compiler {
                command: compiler.to_string_lossy().into_owned(),
            });
        }
    }
    if needs.pip
        && let Err(error) = runtimes::Pip::find()
    {
        missing.push(Missing::Pip(error.to_string()));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_one_sentence_with_a_remedy() {
        let texts = [
            Missing::Platform {
                found: "macos on aarch64".into(),
            },
            Missing::Cargo,
            Missing::Compiler {
                command: "c++".into(),
            },
        ]
        .map(|missing| missing.to_string());
        insta::assert_snapshot!(texts.join("\n"));
    }
}
