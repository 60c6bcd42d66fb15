//! `harness check` from outside, with real runtimes and the real server: sample op libraries and
//! models stand for those that a user brings.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::results::{Check, CheckedModel, Meeting, Results, ResultsFolder};
use runtimes::{Cache, Catalog, Framework, Pip, Runtime, Silent, Size};
use suites::{CaseResult, Outcome, Verdict};
use test_ops::{
    Broken, Builder, Configuration, Content, DataType, Fault, Library, Model, ModelRepository, Op,
    ParameterSource, Sample,
};

/// A folder with what a user brings, and the runtime that it is built for.
struct Brought {
    folder: tempfile::TempDir,
    cache: Cache,
    runtime: Runtime,
}

impl Brought {
    fn new(framework: Framework) -> Self {
        let cache = Cache::locate(None).expect("a place for runtimes");
        let entry = Catalog::builtin().default_of(framework).expect("a runtime");
        let pip = || Pip::find().expect("pip");
        let runtime = cache.find(&entry.name()).unwrap_or_else(|| {
            runtimes::install(&cache, entry, Size::Small, &pip(), &Silent).expect("it is installed")
        });
        Self {
            folder: tempfile::tempdir().expect("a scratch folder"),
            cache,
            runtime,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An op library of that file name.
    fn library(&self, name: &str, content: impl Into<Content>) -> PathBuf {
        let path = self.path(name);
        let library = Library::new(self.runtime.name.framework, content);
        Builder::in_cache(&self.cache)
            .build_to(&library, &self.runtime, &path)
            .expect("it is built");
        path
    }

    /// Checks with this runtime.
    fn check(&self, line: &[&str]) -> (Output, Option<Results>) {
        let server = suites::server_binary(None, |line| eprintln!("{line}")).expect("a server");
        let results = self.path("results");
        let output = Command::new(env!("CARGO_BIN_EXE_harness"))
            .arg("check")
            .args(line)
            .args(["--runtime", &self.runtime.name.to_string()])
            .arg("--server-bin")
            .arg(server)
            .arg("--results-dir")
            .arg(&results)
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let report = text.lines().last().map(Path::new);
        let folder = report
            .filter(|report| report.is_file())
            .and_then(Path::parent);
        let results = folder.map(|folder| ResultsFolder::at(folder).read().expect("a record"));
        (output, results)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn case<'a>(results: &'a Results, name: &str) -> &'a CaseResult {
    let mut cases = results.cases.iter();
    let found = cases.find(|case| case.id.ends_with(&format!("/{name}")));
    found.unwrap_or_else(|| panic!("no case {name} in {:#?}", results.cases))
}

fn check(results: &Results) -> &Check {
    results.check.as_ref().expect("what was brought")
}

#[test]
fn libraries_are_judged_tried_and_opened_together() {
    let brought = Brought::new(Framework::OnnxRuntime);
    let good = brought.library("libgood.so", Sample::default());
    let vendor = brought.library("libvendor.so", Sample::default().with_domain("vendor.ops"));
    let broken = brought.library("libbroken.so", Broken::UndefinedSymbol);
    let crashing = brought.library("libcrashing.so", Broken::InitializerCrashes);
    let files = [&good, &vendor, &broken, &crashing];
    let line: Vec<&str> = files
        .into_iter()
        .flat_map(|file| ["--library", text(file)])
        .collect();
    let (output, results) = brought.check(&line);
    let results = results.unwrap_or_else(|| panic!("{output:?}"));
    assert_eq!(
        output.status.code(),
        Some(1),
        "two libraries can be used by nobody"
    );

    let unusable: Vec<&str> = check(&results)
        .unusable()
        .map(|library| library.label.as_str())
        .collect();
    assert_eq!(unusable, ["libbroken.so", "libcrashing.so"]);
    let runtime = &brought.runtime.name;
    let tried = |library: &str| case(&results, &format!("{library}@{runtime}"));
    assert_eq!(tried("libgood.so").outcome, Some(Outcome::Served));
    let broken = tried("libbroken.so");
    assert_eq!(
        broken.verdict,
        Verdict::Pass,
        "it was foretold: {broken:#?}"
    );
    assert!(
        broken.message.contains("vendor::Tensor::resize"),
        "{}",
        broken.message
    );
    let crashing = tried("libcrashing.so");
    assert_eq!(crashing.outcome, Some(Outcome::WorkerCrashed));

    let met: BTreeMap<(&str, Option<&str>), Option<Meeting>> = check(&results)
        .pairs
        .iter()
        .map(|pair| ((pair.first.as_str(), pair.second.as_deref()), pair.observed))
        .collect();
    let expected = BTreeMap::from([
        (("libgood.so", None), Some(Meeting::Refused)),
        (("libvendor.so", None), Some(Meeting::Refused)),
        (
            ("libgood.so", Some("libvendor.so")),
            Some(Meeting::Together),
        ),
    ]);
    assert_eq!(met, expected);
    for pair in &check(&results).pairs {
        assert_eq!(Some(pair.predicted), pair.observed, "{pair:#?}");
    }
}

#[test]
fn a_library_that_works_and_models_that_are_served_are_status_0() {
    let brought = Brought::new(Framework::OnnxRuntime);
    let library = brought.library("libops.so", Sample::default());
    let repository = ModelRepository::create(brought.path("models")).expect("a repository");
    let model = Model::new(
        Op::BiasGelu,
        DataType::Fp16,
        &[-1, 64],
        ParameterSource::Input,
    );
    let named = Configuration::with_op_libraries([text(&library)]);
    repository
        .add(&model.with_name("gelu"), &named)
        .expect("a model");
    let model = Model::new(
        Op::Modulo,
        DataType::Int64,
        &[2, -1],
        ParameterSource::Constant,
    );
    repository
        .add(&model.with_name("modulo"), &named)
        .expect("a model");
    // Whoever checks must not be able to write there, let alone do so.
    let before = contents(repository.root());
    set_writable(repository.root(), false);
    let (output, results) = brought.check(&[
        "--library",
        text(&library),
        "--model-repository",
        text(repository.root()),
    ]);
    set_writable(repository.root(), true);
    let results = results.unwrap_or_else(|| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(contents(repository.root()), before);
    let models = &check(&results).models;
    assert_eq!(models.len(), 2);
    for CheckedModel {
        name,
        runtime,
        mapped,
        cases,
        ..
    } in models
    {
        assert_eq!(
            runtime.as_deref(),
            Some(brought.runtime.name.to_string().as_str())
        );
        assert_eq!(mapped, std::slice::from_ref(&library), "{name}");
        assert_eq!(cases.len(), 3, "{name}");
    }
    let run = case(&results, "gelu@first-run");
    assert!(run.message.contains("y FP16 [1, 64]"), "{}", run.message);
    let unload = case(&results, "gelu@unload");
    assert_eq!(unload.evidence.mapped_before_unload, [library]);
    assert_eq!(
        unload.evidence.mapped_after_unload.as_deref(),
        Some(&[][..])
    );
}

#[test]
fn models_that_are_not_served_are_status_1_with_the_reason() {
    let brought = Brought::new(Framework::OnnxRuntime);
    let good = brought.library("libops.so", Sample::default());
    let faulty = Sample::default().with_fault(Fault::KernelCrashes);
    let faulty = brought.library("libfaulty.so", faulty);
    let repository = ModelRepository::create(brought.path("models")).expect("a repository");
    let add = |name: &str, domain: Option<&str>, libraries: &[&str]| {
        let model = Model::new(
            Op::BiasGelu,
            DataType::Fp32,
            &[-1, 8],
            ParameterSource::Input,
        );
        let model = match domain {
            Some(domain) => model.with_domains(&[domain]),
            None => model,
        };
        let configuration = Configuration::with_op_libraries(libraries.iter().copied());
        repository
            .add(&model.with_name(name), &configuration)
            .expect("a model");
    };
    add("works", None, &[text(&good)]);
    add("needs-another-op", Some("nobodys.ops"), &[text(&good)]);
    add("names-no-file", None, &["libabsent.so"]);
    add("names-nothing", None, &[]);
    add("crashes", None, &[text(&faulty)]);
    let foreign = repository.root().join("foreign");
    fs::create_dir_all(foreign.join("1")).expect("a folder");
    fs::write(foreign.join("config.pbtxt"), "backend: \"python\"").expect("a configuration");

    let (output, results) = brought.check(&[
        "--library",
        text(&good),
        "--library",
        text(&faulty),
        "--model-repository",
        text(repository.root()),
    ]);
    let results = results.unwrap_or_else(|| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let unserved: Vec<&str> = check(&results)
        .unserved()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(
        unserved,
        ["names-no-file", "names-nothing", "needs-another-op"]
    );
    let unnamed = &case(&results, "names-nothing@load").message;
    let provider = "libops.so, libfaulty.so registers it";
    assert!(unnamed.contains(provider), "{unnamed}");
    let missing = case(&results, "needs-another-op@load");
    let nobody = "none of the libraries that were given registers it";
    assert!(missing.message.contains(nobody), "{}", missing.message);
    assert!(
        missing.message.contains("nobodys.ops"),
        "{}",
        missing.message
    );
    assert_eq!(
        case(&results, "needs-another-op@first-run").verdict,
        Verdict::Skip
    );
    let crash = case(&results, "crashes@first-run");
    assert_eq!(
        (crash.verdict, crash.outcome),
        (Verdict::Fail, Some(Outcome::WorkerCrashed))
    );
    assert!(!crash.evidence.log_tail.is_empty());
    assert_eq!(case(&results, "works@unload").verdict, Verdict::Pass);
    let notices = results.run.notices.join("\n");
    assert!(
        notices.contains("model 'foreign' was left out"),
        "{notices}"
    );
    let headline = results.headline();
    assert_eq!(
        headline,
        "3 of 5 models cannot be served, 1 of 5 models cannot be run and unloaded; 1 of 6 models was \
         not checked"
    );
}

#[test]
fn libraries_from_elsewhere_are_allowed_where_that_is_asked_for() {
    let brought = Brought::new(Framework::OnnxRuntime);
    let library = brought.library("libops.so", Sample::default());
    let repository = ModelRepository::create(brought.path("models")).expect("a repository");
    let model = Model::new(
        Op::BiasGelu,
        DataType::Fp32,
        &[-1, 8],
        ParameterSource::Input,
    );
    let named = Configuration::with_op_libraries([text(&library)]);
    let model = model.with_name("gelu");
    repository.add(&model, &named).expect("a model");
    let line = ["--model-repository", text(repository.root())];
    let (output, results) = brought.check(&line);
    let results = results.unwrap_or_else(|| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("this check, with --op-library-root"),
        "{said}"
    );
    assert!(!said.contains("UNAVAILABLE"), "{said}");
    let kept = &case(&results, "gelu@load").message;
    assert!(kept.contains("UNAVAILABLE"), "{kept}");

    let root = ["--op-library-root", text(brought.folder.path())];
    let line: Vec<&str> = line.into_iter().chain(root).collect();
    let (output, results) = brought.check(&line);
    let results = results.unwrap_or_else(|| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let again = &case(&results, "gelu@load").evidence.reproduce;
    assert!(again.contains("--op-library-root"), "{again}");
}

#[test]
fn what_cannot_be_checked_at_all_is_told_before_any_work() {
    let brought = Brought::new(Framework::OnnxRuntime);
    let absent = brought.path("libabsent.so");
    let (output, _) = brought.check(&["--library", text(&absent)]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("libabsent.so"), "{said}");
    let (output, _) = brought.check(&["--model-repository", text(&absent)]);
    assert_eq!(output.status.code(), Some(2));
    let empty = brought.path("empty");
    fs::create_dir(&empty).expect("a folder");
    let (output, _) = brought.check(&["--model-repository", text(&empty)]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("there is no model in"), "{said}");
    assert!(!brought.path("results").exists());
}

/// Every file below `folder` with its content.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            let content = fs::read(&path).expect("a file");
            files.insert(path, content);
        }
    }
    files
}

fn set_writable(folder: &Path, writable: bool) {
    let mode = if writable { 0o755 } else { 0o555 };
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            set_writable(&entry.path(), writable);
        }
    }
    fs::set_permissions(folder, Permissions::from_mode(mode)).expect("permissions");
}
