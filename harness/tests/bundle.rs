//! A run that is packed on this machine and made as on one that has nothing: no search path, no home
//! folder, and a working directory somewhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::results::{Results, ResultsFolder};
use runtimes::{Cache, RuntimeName};
use suites::Verdict;

const RUNTIME: &str = "onnxruntime-1.32.0";
/// Little enough for several parts.
const SPLIT: u64 = 16 << 20;
/// A case that is served and one that is refused, each on all loading paths, and a kernel that is
/// compared with a composition.
const FILTER: &str = "load-time/onnxruntime/.*/(absolute-path|undefined-symbol)$|\
    ^kernel/cpu/onnxruntime/RmsNorm/1x64/fp32/speed-up$";

/// Parts in a scratch folder.
struct Parts {
    folder: tempfile::TempDir,
}

impl Parts {
    fn pack(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = suites::server_binary(None, |line| eprintln!("{line}")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_harness"))
            .arg("bundle")
            .args(["--framework", "onnxruntime", "--filter", FILTER])
            .args(["--split", "16MiB", "--server-bin"])
            .arg(server)
            .args(more)
            .arg("--out")
            .arg(folder.path().join("parts"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
        Self { folder }
    }

    fn part(&self, number: u32) -> PathBuf {
        self.folder
            .path()
            .join("parts")
            .join(unbundler::part_name(number))
    }

    fn unpack(&self, out: &str) -> (Output, PathBuf) {
        let out = self.folder.path().join(out);
        let output = bare(&self.part(0), self.folder.path())
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        (output, out)
    }
}

/// A command with an empty environment but for a home folder that does not exist.
fn bare(program: &Path, working_directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "")
        .env("HOME", "/nonexistent")
        .current_dir(working_directory);
    command
}

fn run(bundle: &Path, line: &[&str]) -> Output {
    bare(&bundle.join("harness"), bundle)
        .args(["run", "--bundle", "."])
        .args(line)
        .output()
        .unwrap()
}

fn results(bundle: &Path) -> Vec<Results> {
    let Ok(folders) = fs::read_dir(bundle.join("results")) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
        .iter()
        .map(|folder| ResultsFolder::at(folder).read().unwrap())
        .collect()
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .concat()
}

/// Whether a program asks for the dynamic loader: a program header of the kind `PT_INTERP`.
///
/// Source: System V ABI, "ELF Header" and "Program Header".
fn is_dynamic(program: &Path) -> bool {
    let bytes = fs::read(program).unwrap();
    let half = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let (table, size, count) = (half(0x20), half(0x36), half(0x38));
    (0..count).any(|index| half(table + index * size) == 3)
}

#[test]
fn a_bundle_runs_where_nothing_is_installed() {
    let parts = Parts::pack(&[]);
    let packed: Vec<PathBuf> = unbundler::beside(&parts.part(0)).unwrap();
    assert!(packed.len() > 2, "{packed:?}");
    for part in &packed {
        assert!(fs::metadata(part).unwrap().len() <= SPLIT, "{part:?}");
    }
    assert!(!is_dynamic(&parts.part(0)) && is_dynamic(Path::new(env!("CARGO_BIN_EXE_harness"))));

    let (output, bundle) = parts.unpack("bundle");
    assert!(output.status.success(), "{}", text(&output));
    let output = run(&bundle, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let whole = results(&bundle).pop().unwrap();
    assert_eq!(whole.cases.len(), 6, "{}", text(&output));
    assert!(whole.cases.iter().all(|case| case.verdict == Verdict::Pass));
    // Where there is a GPU, kernels are not measured on the CPU.
    let measured = if suites::has_gpu() { 0 } else { 1 };
    assert_eq!(whole.measurements.len(), measured, "{}", text(&output));
    assert!(whole.run.problems.is_empty(), "{:?}", whole.run.problems);
    assert_eq!(
        whole.run.command_line,
        ["./harness", "run", "--bundle", "."]
    );
    assert!(whole.run.commit.is_some() || harness_has_no_commit());

    // Everything was found in the bundle and nothing was added to it.
    let server = bundle.join("cache/runtimes").join(RUNTIME);
    assert!(whole.runtimes[0].path.starts_with(server.to_str().unwrap()));
    let mut cache: Vec<_> = fs::read_dir(bundle.join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    cache.sort();
    assert_eq!(cache, ["op-libraries", "prebuilt.toml", "runtimes"]);

    // It was made for no plan, and without a GPU none is built for another one either.
    let build_plans = |line: &[&str]| {
        let mut command = bare(&bundle.join("harness"), &bundle);
        let output = command
            .args(["build-plans", "--bundle", "."])
            .args(line)
            .output()
            .unwrap();
        (output.status.code(), text(&output))
    };
    let (code, told) = build_plans(&[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("run no plan"), "{told}");
    let (code, told) = build_plans(&["--filter", "^rms_norm"]);
    assert_eq!(code, Some(3), "{told}");
    let reason = if suites::has_gpu() {
        "has no tensorrt-8.6.0"
    } else {
        "no NVIDIA GPU"
    };
    assert!(told.contains(reason), "{told}");

    // A case whose op library was not packed is an error that names it.
    let line = ["--filter", "load-time/onnxruntime/model-config/not-elf$"];
    let output = run(&bundle, &line);
    assert_ne!(output.status.code(), Some(0), "{}", text(&output));
    let case = &results(&bundle).pop().unwrap().cases[0];
    assert_eq!(case.verdict, Verdict::Error);
    let message = &case.message;
    assert!(
        message.contains("the bundle has no op library"),
        "{message}"
    );
    assert!(message.contains(RUNTIME), "{message}");

    // So is a runtime, before any case is run.
    let line = ["--framework", "tensorflow", "--filter", "^load-time"];
    let output = run(&bundle, &line);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(
        text(&output).contains("the bundle has no tensorflow-"),
        "{}",
        text(&output)
    );
}

/// Outside of a clone nobody knows the commit.
fn harness_has_no_commit() -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    !folder
        .ancestors()
        .any(|folder| folder.join(".git").exists())
}

#[test]
fn parts_that_are_damaged_missing_or_of_another_bundle_are_told() {
    let parts = Parts::pack(&[]);
    let whole = fs::read(parts.part(1)).unwrap();
    let refused = |expected: &str| {
        let (output, bundle) = parts.unpack("refused");
        assert_eq!(output.status.code(), Some(3), "{}", text(&output));
        assert!(text(&output).contains(expected), "{}", text(&output));
        assert!(!bundle.join("harness").exists());
    };
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(parts.part(1), damaged).unwrap();
    refused("part-001' is damaged: its content is not what was written");

    let mut other = whole.clone();
    other[16] ^= 1;
    fs::write(parts.part(1), other).unwrap();
    refused("part-001' is of another bundle");

    fs::remove_file(parts.part(1)).unwrap();
    refused("part-001 is missing");

    fs::write(parts.part(1), whole).unwrap();
    let out = parts.folder.path().join("by-harness");
    let output = bare(
        Path::new(env!("CARGO_BIN_EXE_harness")),
        parts.folder.path(),
    )
    .arg("unbundle")
    .args(unbundler::beside(&parts.part(0)).unwrap())
    .arg("--out")
    .arg(&out)
    .output()
    .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(out.join("bundle.json").is_file());
    assert!(text(&output).contains("--bundle ."), "{}", text(&output));
}

#[test]
fn a_runtime_that_was_left_out_is_used_where_the_machine_has_it() {
    let parts = Parts::pack(&["--without-runtime", RUNTIME]);
    let (output, bundle) = parts.unpack("bundle");
    assert!(output.status.success(), "{}", text(&output));
    assert!(!bundle.join("cache/runtimes").exists());
    let output = run(&bundle, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    for part in [RUNTIME, "left out", "--runtime-at onnxruntime=PATH"] {
        assert!(text(&output).contains(part), "{}", text(&output));
    }

    let name: RuntimeName = RUNTIME.parse().unwrap();
    let cache = Cache::locate(None).unwrap();
    let place = cache.find(&name).unwrap().package_dir;
    let place = format!("onnxruntime={}", place.display());
    let output = run(&bundle, &["--runtime-at", &place]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let ran = results(&bundle).pop().unwrap();
    assert_eq!((ran.summary.passed, ran.cases.len()), (6, 6));
}

#[test]
fn a_folder_without_a_bundle_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(["run", "--bundle"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output).contains("holds no whole bundle"),
        "{}",
        text(&output)
    );
}
