//! The sub-command as whoever calls it sees it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use op_library::{Probe, ProbeOutcome, ProbedLibrary};
use runtimes::{Cache, Compiler, Framework, Runtime};
use test_ops::{Content, Library};

use crate::support::samples::{builder, default_runtime, runtime_named};

/// A runtime with which libraries are probed, and a folder for those that are made for a test.
pub struct Bench {
    pub runtime: Runtime,
    pub folder: tempfile::TempDir,
}

impl Bench {
    /// With the default runtime of a framework.
    pub fn of(framework: Framework) -> Self {
        Self::new(default_runtime(framework))
    }

    /// With the runtime of this name.
    pub fn with(name: &str) -> Self {
        Self::new(runtime_named(name))
    }

    fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A sample library or a broken one.
    pub fn sample(&self, content: impl Into<Content>) -> PathBuf {
        let library = Library::new(self.runtime.name.framework, content);
        builder().build(&library, &self.runtime).unwrap()
    }

    /// A copy of a library under another path.
    pub fn copy(&self, library: &Path, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        std::fs::copy(library, &copy).unwrap();
        copy
    }

    /// Compiles a C++ source against the runtime; `arguments` come behind it.
    pub fn compile(&self, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
        let file = self.folder.path().join(format!("{name}.cpp"));
        std::fs::write(&file, source).unwrap();
        let library = self.folder.path().join(format!("lib{name}.so"));
        let mut all = self.runtime.compile_arguments();
        if self.runtime.name.framework == Framework::TensorRt {
            all.extend(declarations(&self.runtime));
        }
        all.extend(["-shared", "-fPIC", "-o"].map(Into::into));
        all.extend([library.clone().into(), file.into()]);
        all.extend(arguments.iter().map(Into::into));
        all.extend(self.runtime.link_arguments());
        let compiler = Compiler::find().unwrap();
        compiler.run_in(Some(self.folder.path()), &all).unwrap();
        library
    }

    /// Probes the libraries in one process.
    #[track_caller]
    pub fn probe(&self, libraries: &[&Path]) -> Vec<ProbedLibrary> {
        self.probe_with(libraries, &[])
    }

    /// The same with further arguments.
    #[track_caller]
    pub fn probe_with(&self, libraries: &[&Path], arguments: &[&str]) -> Vec<ProbedLibrary> {
        let output = self.run(libraries, arguments);
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{log}", output.status);
        let probe: Probe = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error} in {output:?}"));
        assert_eq!(probe.runtime, self.runtime.name);
        let paths: Vec<&Path> = probe.libraries.iter().map(|it| it.path.as_path()).collect();
        assert_eq!(paths, libraries);
        for library in &probe.libraries {
            let registered = library.outcome == ProbeOutcome::Registered;
            let reached = library.outcome != ProbeOutcome::NotReached;
            assert_eq!(registered, !library.ops.is_empty(), "{library:#?}");
            assert_eq!(reached, library.phase.is_some(), "{library:#?}");
            assert_eq!(
                reached && !registered,
                !library.message.is_empty(),
                "{library:#?}"
            );
        }
        probe.libraries
    }

    /// Probes one library.
    #[track_caller]
    pub fn probe_one(&self, library: &Path) -> ProbedLibrary {
        self.probe(&[library]).remove(0)
    }

    /// Starts the sub-command and waits for its end.
    pub fn run(&self, libraries: &[&Path], arguments: &[&str]) -> Output {
        let mut command = sub_command(&self.runtime.name.to_string());
        command.args(arguments).args(libraries).output().unwrap()
    }
}

/// The server's own declarations of TensorRT's interface, of which no package has headers.
fn declarations(runtime: &Runtime) -> Vec<OsString> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/bridges/tensorrt/include");
    let version = &runtime.name.version;
    vec![
        "-isystem".into(),
        folder.into(),
        format!("-DRUNTIME_MAJOR={}", version.major()).into(),
        format!("-DRUNTIME_MINOR={}", version.minor()).into(),
    ]
}

/// The sub-command with a runtime, without libraries.
pub fn sub_command(runtime: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reference-server"));
    command
        .args(["probe", "--runtime", runtime, "--runtime-cache"])
        .arg(Cache::locate(None).unwrap().root())
        .stdin(Stdio::null());
    command
}

/// `domain::name` of all ops.
pub fn names(library: &ProbedLibrary) -> Vec<String> {
    let ops = library.ops.iter();
    ops.map(|op| format!("{}::{}", op.domain, op.name))
        .collect()
}

/// Asserts how a library ended, and that its message names all of `parts`.
#[track_caller]
pub fn assert_ended(library: &ProbedLibrary, outcome: ProbeOutcome, parts: &[&str]) {
    assert_eq!(library.outcome, outcome, "{library:#?}");
    for part in parts {
        assert!(library.message.contains(part), "no '{part}': {library:#?}");
    }
}
