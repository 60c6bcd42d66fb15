//! pip, which downloads packages.
//!
//! pip and not our own client: the user's mirrors, proxies, certificates and credentials work.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{Package, WheelName};

/// How often the growing download is looked at.
const POLL: Duration = Duration::from_millis(50);

/// A pip that works.
#[derive(Clone, Debug)]
pub struct Pip {
    program: PathBuf,
    arguments: Vec<OsString>,
    folder: Option<PathBuf>,
}

impl Pip {
    /// Finds `python3` on the search path and asks it for pip.
    ///
    /// # Errors
    /// There is no `python3`, or it has no pip; the message says how to get it.
    pub fn find() -> Result<Self, PipError> {
        let program = which::which("python3").map_err(|_| PipError::NoPython)?;
        let output = Command::new(&program)
            .args(["-m", "pip", "--version"])
            .stdin(Stdio::null())
            .output()
            .map_err(|source| PipError::NotStarted {
                program: program.clone(),
                source,
            })?;
        if !output.status.success() {
            return Err(PipError::NoPip { python: program });
        }
        Ok(Self::with_command(program, ["-m", "pip"]))
    }

    /// The pip that `program` with `arguments` starts; not checked.
    pub fn with_command<A: Into<OsString>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            folder: None,
        }
    }

    /// Takes packages from the wheels in `folder` alone, without a network.
    #[must_use]
    pub fn from_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Downloads one package into `scratch`, an existing folder, and returns the wheel's path.
    /// `progress` receives the bytes downloaded so far.
    pub(crate) fn download(
        &self,
        package: &Package,
        scratch: &Path,
        progress: &dyn Fn(u64),
    ) -> Result<PathBuf, PipError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| PipError::Scratch { path, source }
        };
        let wheel: WheelName = package
            .file
            .parse()
            .expect("the catalogue has checked the file name");
        let requirements = scratch.join("requirements.txt");
        let destination = scratch.join("download");
        let temporary = scratch.join("temporary");
        let log = scratch.join("pip.log");
        let pin = format!(
            "{}=={} --hash=sha256:{}\n",
            package.name, package.version, package.sha256
        );
        fs::write(&requirements, pin).map_err(io(&requirements))?;
        for folder in [&destination, &temporary] {
            fs::create_dir_all(folder).map_err(io(folder))?;
        }
        let output = File::create(&log).map_err(io(&log))?;
        let errors = output.try_clone().map_err(io(&log))?;

        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args([
            "download",
            "--no-input",
            "--disable-pip-version-check",
            "--progress-bar=off",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
        ]);
        command.args(wheel.pip_options());
        if let Some(folder) = &self.folder {
            command.arg("--no-index").arg("--find-links").arg(folder);
        }
        command
            .arg("--dest")
            .arg(&destination)
            .arg("--requirement")
            .arg(&requirements);
        // pip downloads into the temporary folder first; there its growth can be watched, and
        // there it is cleaned up with everything else.
        command.env("TMPDIR", &temporary).env("LC_ALL", "C.UTF-8");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| PipError::NotStarted {
                program: self.program.clone(),
                source,
            })?;
        let status = loop {
            progress(size_of_files(&[&temporary, &destination]).min(package.size));
            let exited = child.try_wait().map_err(|source| PipError::NotStarted {
                program: self.program.clone(),
                source,
            })?;
            match exited {
                Some(status) => break status,
                None => std::thread::sleep(POLL),
            }
        };
        if !status.success() {
            let output = fs::read(&log).unwrap_or_default();
            return Err(PipError::read(package, &String::from_utf8_lossy(&output)));
        }
        let path = destination.join(&package.file);
        if path.is_file() {
            return Ok(path);
        }
        Err(PipError::OtherFile {
            package: package.file.clone(),
            found: file_names(&destination),
        })
    }
}

/// Sum of the sizes of all files below `folders`; what vanishes meanwhile counts nothing.
fn size_of_files(folders: &[&Path]) -> u64 {
    let mut pending: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let mut size = 0;
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => pending.push(entry.path()),
                Ok(data) => size += data.len(),
                Err(_) => {}
            }
        }
    }
    size
}

fn file_names(folder: &Path) -> String {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

/// Why pip did not deliver a package.
#[derive(Debug, thiserror::Error)]
pub enum PipError {
    /// There is no `python3`.
    #[error(
        "found no python3 on the search path, and pip is needed to install runtimes: install \
         Python 3.8 or newer with pip (Debian and Ubuntu: apt-get install python3-pip)"
    )]
    NoPython,
    /// `python3` has no pip.
    #[error(
        "'{} -m pip' does not work, and pip is needed to install runtimes: install it (Debian and \
         Ubuntu: apt-get install python3-pip; elsewhere: python3 -m ensurepip)", python.display()
    )]
    NoPip {
        /// The interpreter that was asked.
        python: PathBuf,
    },
    /// The process could not be started or waited for.
    #[error("failed to run '{}': {source}", program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// pip's scratch files could not be written.
    #[error("failed to write '{}' for pip: {source}", path.display())]
    Scratch {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// No package index could be reached.
    #[error(
        "failed to download {package}: the package index cannot be reached ({detail}); connect to \
         the network, or point pip to a mirror (pip config set global.index-url …)"
    )]
    NoNetwork {
        /// Name and version.
        package: String,
        /// pip's own line.
        detail: String,
    },
    /// The index has no such package.
    #[error(
        "failed to download {package}: pip finds no such wheel in its index ({detail}); an index \
         that mirrors PyPI completely has it"
    )]
    NotInIndex {
        /// Name and version.
        package: String,
        /// pip's own line.
        detail: String,
    },
    /// The disk is full.
    #[error(
        "failed to download {package}: no space left on the device; free some, or choose \
             another cache folder"
    )]
    NoSpace {
        /// Name and version.
        package: String,
    },
    /// The index delivers another file than the one pinned.
    #[error(
        "the hash of {file} is wrong: expected SHA-256 {expected}, got {actual}; nothing was \
         installed. The package index delivers another file than the one this build was tested \
         with"
    )]
    HashMismatch {
        /// The wheel's file name.
        file: String,
        /// The pin.
        expected: String,
        /// What the file has.
        actual: String,
    },
    /// pip delivered a file of another name.
    #[error("failed to download {package}: pip delivered {found} instead")]
    OtherFile {
        /// The wheel that was asked for.
        package: String,
        /// What is there.
        found: String,
    },
    /// Anything else, in pip's own words.
    #[error("failed to download {package}: pip says: {detail}")]
    Failed {
        /// Name and version.
        package: String,
        /// The last lines of pip's output.
        detail: String,
    },
}

impl PipError {
    /// Reads the cause out of what pip printed.
    fn read(package: &Package, output: &str) -> Self {
        let name = format!("{} {}", package.name, package.version);
        let line_with = |texts: &[&str]| {
            output
                .lines()
                .rev()
                .find(|line| texts.iter().any(|text| line.contains(text)))
                .map(|line| line.trim().to_owned())
        };
        let last_word = |text: &str| {
            let line = output
                .lines()
                .map(str::trim)
                .find(|line| line.starts_with(text))?;
            line.split_whitespace().next_back().map(str::to_owned)
        };
        if let (Some(expected), Some(actual)) = (last_word("Expected sha256"), last_word("Got ")) {
            return Self::HashMismatch {
                file: package.file.clone(),
                expected,
                actual,
            };
        }
        if line_with(&["No space left on device"]).is_some() {
            return Self::NoSpace { package: name };
        }
        let network = [
            "NewConnectionError",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "Read timed out",
            "NameResolutionError",
            "ProxyError",
            "SSLError",
            "Connection broken",
            "ConnectionResetError",
        ];
        if let Some(line) = line_with(&network) {
            // `… 'NewConnectionError('<… object at 0x…>: REASON')': /simple/…`
            let reason = line
                .rsplit_once(">: ")
                .map_or(line.as_str(), |(_, rest)| rest);
            let detail = reason.split("')").next().unwrap_or(reason).to_owned();
            return Self::NoNetwork {
                package: name,
                detail,
            };
        }
        if let Some(detail) = line_with(&["No matching distribution found"]) {
            return Self::NotInIndex {
                package: name,
                detail,
            };
        }
        let lines: Vec<&str> = output
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let tail = &lines[lines.len().saturating_sub(5)..];
        Self::Failed {
            package: name,
            detail: if tail.is_empty() {
                "nothing".to_owned()
            } else {
                tail.join(" | ")
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    fn read(output: &str) -> String {
        PipError::read(&Catalog::builtin().entries()[0].packages[0], output).to_string()
    }

    #[test]
    fn causes_are_read_out_of_pips_output() {
        let message = read(
            "WARNING: Retrying (Retry(total=4)) after connection broken by \
             'NewConnectionError('<HTTPSConnection object at 0x7f>: Failed to establish a new \
             connection: [Errno 111] Connection refused')': /simple/onnxruntime/\n\
             ERROR: Could not find a version that satisfies the requirement\n\
             ERROR: No matching distribution found for onnxruntime==1.32.0\n",
        );
        assert!(
            message.contains(
                "index cannot be reached (Failed to establish a new connection: [Errno 111] \
                 Connection refused);"
            ),
            "{message}"
        );

        let message = read("ERROR: No matching distribution found for onnxruntime==1.32.0\n");
        assert!(message.contains("finds no such wheel"), "{message}");

        let message = read("ERROR: [Errno 28] No space left on device\n");
        assert!(message.contains("no space left"), "{message}");

        let message = read("one\n\ntwo\n");
        assert!(message.ends_with("pip says: one | two"), "{message}");
        assert!(read("").ends_with("pip says: nothing"));
    }

    #[test]
    fn a_hash_mismatch_names_file_and_both_hashes() {
        let message = read(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    \
             onnxruntime==1.32.0 from file:///w.whl:\n        \
             Expected sha256 aaaa\n             Got        bbbb\n",
        );
        assert!(message.contains("onnxruntime-1.32.0-cp314"), "{message}");
        assert!(
            message.contains("expected SHA-256 aaaa, got bbbb"),
            "{message}"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let pip = Pip::with_command("/nowhere/python3", ["-m", "pip"]);
        let package = &Catalog::builtin().entries()[0].packages[0];
        let error = pip.download(package, scratch.path(), &|_| {}).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("failed to run '/nowhere/python3'")
        );
    }
}
