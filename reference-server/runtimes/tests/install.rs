//! Installs small wheels made here, with the machine's pip and without a network.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use runtimes::{
    Cache, Catalog, CatalogEntry, Framework, InstallError, LocateError, Origin, Pip, PipError,
    Progress, Runtime, RuntimeArgument, RuntimeSet, SelectionError, Silent, Size, Step, install,
    install_package, install_tool, installed_tool,
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Longer than anything here takes; a test that waits in vain fails instead of hanging.
const DEADLINE: Duration = Duration::from_secs(60);

const CONTENT: &[u8] = b"\x7fELF..\0OrtGetApiBase\0..";

/// A cache, a folder with wheels, and the entries that describe them.
struct Bench {
    folder: TempDir,
    cache: Cache,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        fs::create_dir(folder.path().join("wheels")).expect("a folder");
        let cache = Cache::at(&folder.path().join("cache")).expect("an absolute path");
        Self { folder, cache }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pip(&self) -> Pip {
        Pip::find().expect("pip").from_folder(self.path("wheels"))
    }

    /// A pip that runs the shell script `prologue` first.
    fn pip_after(&self, prologue: &str) -> Pip {
        let script = self.path("pip.sh");
        fs::write(&script, format!("{prologue}\nexec python3 -m pip \"$@\"\n")).expect("a script");
        Pip::with_command("/bin/sh", [&script]).from_folder(self.path("wheels"))
    }

    /// Makes the wheel of an ONNX Runtime `version` and returns the entry that pins it.
    fn entry(&self, version: &str) -> CatalogEntry {
        let main = format!("onnxruntime/capi/libonnxruntime.so.{version}");
        let package = self.wheel(
            "onnxruntime",
            version,
            &[(&main, CONTENT), ("onnxruntime/capi/unused.so", &[0; 4096])],
        );
        let text = format!(
            "[[runtime]]\nframework = \"onnxruntime\"\nversion = \"{version}\"\nmain = \"{main}\"\n\
             {package}use = [\"{main}\"]\n"
        );
        Catalog::parse(&text).expect("a catalogue").entries()[0].clone()
    }

    /// Makes the wheels of a PyTorch that comes in two sizes and returns the entry that pins them.
    fn entry_in_two_sizes(&self) -> CatalogEntry {
        let torch = self.wheel(
            "torch",
            "2.30.0",
            &[
                ("torch/lib/libtorch_cpu.so", CONTENT),
                ("torch/lib/libtorch_cuda.so", CONTENT),
                ("torch/include/torch/library.h", b"// a header"),
                ("torch/include/c10/util/Exception.h", b"// another"),
                ("torch/nn/functional.py", b"pass"),
            ],
        );
        let cublas = self.wheel(
            "nvidia_cublas",
            "13.1",
            &[("nvidia/cu13/lib/libcublas.so.13", CONTENT)],
        );
        let text = format!(
            "[[runtime]]\nframework = \"pytorch\"\nversion = \"2.30.0\"\npython = \"cp313\"\n\
             main = \"torch/lib/libtorch_cpu.so\"\n\
             [[runtime.link]]\npath = \"torch/lib/libtorch.so\"\ntarget = \"libtorch_cpu.so\"\n\
             {torch}use = [\"torch/lib/libtorch_cpu.so\", \"torch/include\"]\n\
             full = [\"torch/lib/lib*_cuda.so\"]\n\
             {cublas}full = [\"nvidia/cu13/lib/*.so.13\"]\n"
        );
        Catalog::parse(&text).expect("a catalogue").entries()[0].clone()
    }

    /// Makes a wheel and returns the part of a catalogue that pins it, up to what is used of it.
    fn wheel(&self, name: &str, version: &str, members: &[(&str, &[u8])]) -> String {
        let file = format!("{name}-{version}-cp313-cp313-manylinux_2_28_x86_64.whl");
        let information = format!("{name}-{version}.dist-info");
        let path = self.path("wheels").join(&file);
        let mut wheel = zip::ZipWriter::new(File::create(&path).expect("a file"));
        let options = zip::write::SimpleFileOptions::default();
        let members = members.iter();
        let members = members.map(|(name, content)| ((*name).to_owned(), content.to_vec()));
        for (name, content) in members.chain([
            (
                format!("{information}/METADATA"),
                format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n").into(),
            ),
            (
                format!("{information}/WHEEL"),
                b"Wheel-Version: 1.0\nTag: cp313-cp313-manylinux_2_28_x86_64\n".to_vec(),
            ),
            (format!("{information}/RECORD"), Vec::new()),
        ]) {
            let mode = if content.starts_with(b"#!") {
                0o744
            } else {
                0o644
            };
            wheel
                .start_file(name, options.unix_permissions(mode))
                .expect("a member");
            wheel.write_all(&content).expect("a member");
        }
        wheel.finish().expect("a wheel");
        let content = fs::read(&path).expect("readable");
        let sha256: String = Sha256::digest(&content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let size = content.len();
        format!(
            "[[runtime.package]]\nname = \"{name}\"\nversion = \"{version}\"\nfile = \"{file}\"\n\
             size = {size}\nsha256 = \"{sha256}\"\n"
        )
    }

    /// What stands in the cache beside lock files, hidden scratch folders included.
    fn content(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.cache.root().join("runtimes"))
            .into_iter()
            .flatten()
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| !name.ends_with(".lock"))
            .collect();
        names.sort();
        names
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_installed_runtime_is_found_and_holds_the_used_files_alone() {
    let bench = Bench::new();
    let entry = bench.entry("1.30.0");
    assert_eq!(bench.cache.find(&entry.name()), None);
    let runtime =
        install(&bench.cache, &entry, Size::Small, &bench.pip(), &Silent).expect("installed");
    assert_eq!(runtime.name, entry.name());
    assert_eq!(runtime.origin, Origin::Cache);
    assert_eq!(fs::read(&runtime.main_library).expect("readable"), CONTENT);
    assert_eq!(runtime.library_dirs, [runtime.package_dir.join("capi")]);
    assert!(!runtime.package_dir.join("capi/unused.so").exists());
    assert_eq!(bench.cache.installed(), [runtime]);
    assert_eq!(bench.content(), ["onnxruntime-1.30.0"]);
}

#[test]
fn folders_are_installed_whole_and_links_are_made() {
    let bench = Bench::new();
    let entry = bench.entry_in_two_sizes();
    let runtime =
        install(&bench.cache, &entry, Size::Small, &bench.pip(), &Silent).expect("installed");
    assert_eq!(runtime.size, Size::Small);
    assert_eq!(runtime.python.as_deref(), Some("cp313"));
    let package = &runtime.package_dir;
    assert!(package.join("include/c10/util/Exception.h").is_file());
    assert!(!package.join("nn").exists());
    assert_eq!(runtime.include_dirs, [package.join("include")]);
    assert_eq!(runtime.library_dirs, [package.join("lib")]);
    let link = package.join("lib/libtorch.so");
    assert_eq!(
        fs::read_link(&link).expect("a link"),
        Path::new("libtorch_cpu.so")
    );
    assert_eq!(fs::read(link).expect("readable"), CONTENT);

    fs::remove_dir_all(package.join("include")).expect("tidied up");
    assert_eq!(bench.cache.find(&entry.name()), None);
}

#[test]
fn a_small_runtime_becomes_a_full_one_and_never_the_other_way_round() {
    let bench = Bench::new();
    let entry = bench.entry_in_two_sizes();
    let pip = bench.pip();
    let install = |size, pip: &Pip| install(&bench.cache, &entry, size, pip, &Silent);
    let small = install(Size::Small, &pip).expect("installed");
    let library = |runtime: &Runtime, name: &str| runtime.library_dirs[0].join(name);
    assert!(!library(&small, "libtorch_cuda.so").exists());
    let open = File::open(&small.main_library).expect("readable");

    // An upgrade that fails changes nothing.
    let broken = Pip::with_command("/nowhere", ["never started"]);
    install(Size::Full, &broken).unwrap_err();
    assert_eq!(bench.cache.installed(), std::slice::from_ref(&small));

    let full = install(Size::Full, &pip).expect("installed");
    assert_eq!(full.size, Size::Full);
    assert_eq!(full.main_library, small.main_library);
    assert!(library(&full, "libtorch_cuda.so").is_file());
    let cublas = full.package_dir.with_file_name("nvidia").join("cu13/lib");
    assert_eq!(full.library_dirs[1..], [cublas]);
    assert_eq!(
        bench.content(),
        ["pytorch-2.30.0"],
        "nothing is left of the small one"
    );
    // Whoever has it open keeps it.
    assert_eq!(open.metadata().expect("open").len(), CONTENT.len() as u64);

    let again = install(Size::Small, &broken).expect("the full one will do");
    assert_eq!(again, full);
}

#[test]
fn a_record_of_before_there_were_sizes_is_read() {
    let bench = Bench::new();
    let entry = bench.entry("1.30.0");
    let installed =
        install(&bench.cache, &entry, Size::Small, &bench.pip(), &Silent).expect("installed");
    let record = bench
        .cache
        .root()
        .join("runtimes/onnxruntime-1.30.0/installed.toml");
    let text = fs::read_to_string(&record).expect("readable");
    let old = text.replace("size = \"small\"\n", "");
    assert_ne!(old, text);
    fs::write(&record, old).expect("written");
    assert_eq!(bench.cache.installed(), [installed]);
}

#[test]
fn progress_covers_every_step_and_ends_at_the_total() {
    struct Recorder(std::cell::RefCell<Vec<(Step, u64, u64)>>);
    impl Progress for Recorder {
        fn update(&self, step: Step, done: u64, total: u64) {
            self.0.borrow_mut().push((step, done, total));
        }
    }
    let bench = Bench::new();
    let entry = bench.entry("1.30.0");
    let recorder = Recorder(Vec::new().into());
    install(&bench.cache, &entry, Size::Small, &bench.pip(), &recorder).expect("installed");
    let updates = recorder.0.into_inner();
    let total = entry.download_size(Size::Small);
    for step in [Step::Downloading, Step::Verifying] {
        let last = updates.iter().rfind(|update| update.0 == step);
        assert_eq!(last, Some(&(step, total, total)));
    }
    assert!(
        updates
            .iter()
            .all(|(_, done, total)| *total == 0 || done <= total)
    );
    assert_eq!(
        updates.last(),
        Some(&(Step::Unpacking, CONTENT.len() as u64, CONTENT.len() as u64))
    );
}

#[test]
fn a_hash_mismatch_names_both_hashes_and_installs_nothing() {
    let bench = Bench::new();
    let mut entry = bench.entry("1.30.0");
    let actual = std::mem::replace(&mut entry.packages[0].sha256, "0".repeat(64));
    // pip compares first; a pip that did not would be caught behind it.
    let file = bench.path("wheels").join(&entry.packages[0].file);
    let careless = bench.path("careless.sh");
    let script = format!(
        "while [ \"$1\" != --dest ]; do shift; done\ncp '{}' \"$2\"\n",
        file.display()
    );
    fs::write(&careless, script).expect("a script");
    for pip in [bench.pip(), Pip::with_command("/bin/sh", [careless])] {
        let error = install(&bench.cache, &entry, Size::Small, &pip, &Silent).unwrap_err();
        assert!(
            matches!(
                &error,
                InstallError::Download {
                    source: PipError::HashMismatch { .. },
                    ..
                }
            ),
            "{error}"
        );
        let message = error.to_string();
        for part in [&entry.packages[0].file, &"0".repeat(64), &actual] {
            assert!(message.contains(part.as_str()), "{message}");
        }
        assert_eq!(bench.cache.installed(), []);
        assert_eq!(bench.content(), [""; 0]);
    }
}

#[test]
fn a_package_that_the_index_lacks_or_that_lacks_a_file_is_named() {
    let bench = Bench::new();
    let entry = bench.entry("1.30.0");
    let mut other = entry.clone();
    other.packages[0].name = "onnxruntime-absent".to_owned();
    let message = install(&bench.cache, &other, Size::Small, &bench.pip(), &Silent)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("onnxruntime-absent 1.30.0: pip finds no such wheel"),
        "{message}"
    );

    let mut other = entry.clone();
    other.packages[0]
        .files
        .push("onnxruntime/absent.so".parse().expect("a pattern"));
    let message = install(&bench.cache, &other, Size::Small, &bench.pip(), &Silent)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("has no member 'onnxruntime/absent.so'"),
        "{message}"
    );
    assert_eq!(bench.content(), [""; 0]);
}

#[test]
fn an_index_that_cannot_be_reached_is_told_from_one_that_lacks_the_package() {
    let bench = Bench::new();
    let entry = bench.entry("1.30.0");
    bench.pip_after(
        "unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_NO_INDEX
         export PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:9/simple PIP_RETRIES=1",
    );
    let pip = Pip::with_command("/bin/sh", [bench.path("pip.sh")]);
    let error = install(&bench.cache, &entry, Size::Small, &pip, &Silent).unwrap_err();
    assert!(
        matches!(
            &error,
            InstallError::Download {
                source: PipError::NoNetwork { .. },
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(bench.content(), [""; 0]);
}

#[test]
fn an_installation_that_cannot_fit_is_refused_before_it_starts() {
    let bench = Bench::new();
    let mut entry = bench.entry("1.30.0");
    entry.packages[0].size = u64::MAX / 8;
    let pip = Pip::with_command("/nowhere", ["never started"]);
    let error = install(&bench.cache, &entry, Size::Small, &pip, &Silent).unwrap_err();
    assert!(matches!(error, InstallError::NoSpace { .. }), "{error}");
}

#[test]
fn a_runtime_with_a_file_missing_is_not_installed_and_is_installed_anew() {
    let bench = Bench::new();
    let entry = bench.entry("1.30.0");
    let runtime =
        install(&bench.cache, &entry, Size::Small, &bench.pip(), &Silent).expect("installed");
    File::create(&runtime.main_library).expect("emptied");
    assert_eq!(bench.cache.installed(), []);
    let again =
        install(&bench.cache, &entry, Size::Small, &bench.pip(), &Silent).expect("installed");
    assert_eq!(fs::read(again.main_library).expect("readable"), CONTENT);
    assert_eq!(bench.content(), ["onnxruntime-1.30.0"]);
}

/// Not a test of its own: what the other process of the tests below does.
#[test]
fn child_process() {
    if std::env::var_os("TEST_CACHE").is_none() {
        return;
    }
    let value = |name: &str| std::env::var(name).expect("set by the parent");
    let cache = Cache::at(Path::new(&value("TEST_CACHE"))).expect("a cache");
    let catalog = Catalog::parse(&value("TEST_CATALOG")).expect("a catalogue");
    let pip = Pip::with_command("/bin/sh", [value("TEST_PIP")]).from_folder(value("TEST_WHEELS"));
    install(&cache, &catalog.entries()[0], Size::Small, &pip, &Silent).expect("installed");
}

fn start_child(bench: &Bench, entry: &CatalogEntry) -> Child {
    #[derive(serde::Serialize)]
    struct Entries<'a> {
        runtime: [&'a CatalogEntry; 1],
    }
    let catalog = toml::to_string(&Entries { runtime: [entry] }).expect("plain data");
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child_process", "--nocapture"])
        .env("TEST_CACHE", bench.cache.root())
        .env("TEST_CATALOG", catalog)
        .env("TEST_PIP", bench.path("pip.sh"))
        .env("TEST_WHEELS", bench.path("wheels"))
        .spawn()
        .expect("this program runs")
}

#[test]
fn an_interrupted_installation_is_never_seen_and_leaves_nothing_for_ever() {
    let bench = Bench::new();
    let entry = bench.entry("1.30.0");
    // Half a download, and then nothing more; it ends when the next installation cleans up.
    let started = bench.path("started");
    bench.pip_after(&format!(
        "echo half > \"$TMPDIR/half.whl\"; touch '{}'; while [ -d \"$TMPDIR\" ]; do sleep 0.05; done; exit 1",
        started.display()
    ));
    let mut child = start_child(&bench, &entry);
    wait_until("the download has begun", || started.exists());
    assert_eq!(bench.cache.installed(), []);
    child.kill().expect("killed");
    child.wait().expect("ended");

    assert_eq!(bench.cache.installed(), []);
    assert_eq!(
        bench.content().len(),
        1,
        "the scratch folder of the dead process"
    );
    assert!(bench.content()[0].starts_with(".installing-onnxruntime-1.30.0-"));

    let other = bench.entry("1.31.0");
    install(&bench.cache, &other, Size::Small, &bench.pip(), &Silent).expect("installed");
    assert_eq!(
        bench.content(),
        ["onnxruntime-1.31.0"],
        "any installation cleans up"
    );
    install(&bench.cache, &entry, Size::Small, &bench.pip(), &Silent).expect("installed");
    assert_eq!(
        bench.content(),
        ["onnxruntime-1.30.0", "onnxruntime-1.31.0"]
    );
}

#[test]
fn a_concurrent_installation_waits_and_finds_it_installed() {
    struct Waiting(mpsc::Sender<Step>);
    impl Progress for Waiting {
        fn update(&self, step: Step, _: u64, _: u64) {
            // The receiver hears the first step and then leaves.
            let _ = self.0.send(step);
        }
    }
    let bench = Bench::new();
    let entry = bench.entry("1.30.0");
    let (runs, go) = (bench.path("runs"), bench.path("go"));
    let pip = bench.pip_after(&format!(
        "echo run >> '{}'; while [ ! -e '{}' ] && [ -d \"$TMPDIR\" ]; do sleep 0.02; done",
        runs.display(),
        go.display()
    ));
    let mut child = start_child(&bench, &entry);
    wait_until("the other process downloads", || runs.exists());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (sender, receiver) = mpsc::channel();
                let (bench, entry, pip) = (&bench, &entry, &pip);
                let thread = scope.spawn(move || {
                    install(&bench.cache, entry, Size::Small, pip, &Waiting(sender))
                });
                assert_eq!(receiver.recv_timeout(DEADLINE), Ok(Step::Waiting));
                thread
            })
            .collect();
        fs::write(&go, "").expect("a file");
        for thread in threads {
            thread.join().expect("no panic").expect("installed");
        }
    });
    assert!(child.wait().expect("ended").success());
    assert_eq!(
        fs::read_to_string(runs).expect("readable"),
        "run\n",
        "one download"
    );
    assert_eq!(bench.content(), ["onnxruntime-1.30.0"]);
}

#[test]
fn a_set_puts_arguments_first_then_the_catalogue_then_newer_before_older() {
    let bench = Bench::new();
    let pip = bench.pip();
    for version in ["1.20.1", "1.27.0", "1.28.0", "1.40.0", "1.26.0"] {
        install(
            &bench.cache,
            &bench.entry(version),
            Size::Small,
            &pip,
            &Silent,
        )
        .expect("installed");
    }
    let in_place = bench.path("sdk/lib/libonnxruntime.so.1.31.1");
    fs::create_dir_all(in_place.parent().expect("a folder")).expect("folders");
    fs::write(&in_place, CONTENT).expect("a file");
    let assemble = |arguments: &[String]| {
        let arguments: Vec<RuntimeArgument> = arguments
            .iter()
            .map(|text| text.parse().expect("an argument"))
            .collect();
        RuntimeSet::assemble(Catalog::builtin(), &bench.cache, &arguments)
    };
    let names = |set: &RuntimeSet| -> Vec<String> {
        set.of(Framework::OnnxRuntime)
            .map(|runtime| runtime.name.version.to_string())
            .collect()
    };

    let set = assemble(&[]).expect("a set");
    assert_eq!(
        names(&set),
        ["1.27.0", "1.20.1", "1.40.0", "1.28.0", "1.26.0"]
    );
    assert_eq!(set.default_of(Framework::PyTorch), None);

    let path = format!("onnxruntime={}", bench.path("sdk").display());
    let set = assemble(&["onnxruntime=1.26.0".into(), path.clone(), path]).expect("a set");
    assert_eq!(
        names(&set),
        ["1.26.0", "1.31.1", "1.27.0", "1.20.1", "1.40.0", "1.28.0"]
    );
    assert_eq!(set.all()[1].origin, Origin::InPlace);

    let twin = bench.path("twin/libonnxruntime.so.1.26.0");
    fs::create_dir_all(twin.parent().expect("a folder")).expect("folders");
    fs::write(&twin, CONTENT).expect("a file");
    let twin = format!("onnxruntime={}", twin.display());
    // In place of the installed one of that name.
    let set = assemble(std::slice::from_ref(&twin)).expect("a set");
    assert_eq!(set.all()[0].origin, Origin::InPlace);
    assert_eq!(set.all().len(), 5);
    let error = assemble(&["onnxruntime=onnxruntime-1.26.0".into(), twin]).unwrap_err();
    assert!(
        matches!(error, SelectionError::TwoOfOneName { .. }),
        "{error}"
    );

    let error = assemble(&["onnxruntime=onnxruntime-1.32.0".into()])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`cargo harness setup`") && error.contains("onnxruntime-1.40.0"),
        "{error}"
    );

    let error = assemble(&["onnxruntime=/nowhere".into()]).unwrap_err();
    assert!(
        matches!(
            error,
            SelectionError::Locate(LocateError::Unreadable { .. })
        ),
        "{error}"
    );
}

/// Needs the package index: 13 MB.
#[test]
fn the_oldest_runtime_of_the_catalogue_is_what_its_pin_says() {
    let bench = Bench::new();
    let name = "onnxruntime-1.20.1".parse().expect("a name");
    let entry = Catalog::builtin().get(&name).expect("listed");
    let pip = Pip::find().expect("pip");
    let installed = install(&bench.cache, entry, Size::Small, &pip, &Silent).expect("installed");
    let in_place =
        Runtime::in_place(Framework::OnnxRuntime, &installed.package_dir).expect("found");
    assert_eq!(in_place.name, name);
    // The same file under a name that does not tell the version.
    let plain = bench.path("libonnxruntime.so");
    fs::copy(&installed.main_library, &plain).expect("copied");
    assert_eq!(
        Runtime::in_place(Framework::OnnxRuntime, &plain)
            .expect("found")
            .name,
        name
    );
}

#[test]
fn a_package_is_installed_for_itself() {
    let bench = Bench::new();
    let entry = bench.entry("1.30.0");
    let package = &entry.packages[0];
    let folder = install_package(&bench.cache, package, &bench.pip(), &Silent).expect("installed");
    assert_eq!(
        folder,
        bench.cache.packages_dir().join("onnxruntime-1.30.0")
    );
    let used = folder.join("onnxruntime/capi");
    assert!(used.join("libonnxruntime.so.1.30.0").is_file());
    assert!(!used.join("unused.so").exists());
    assert_eq!(bench.cache.installed(), [], "it is no runtime");

    let nobody = Pip::with_command("/nowhere", ["never started"]);
    let again = install_package(&bench.cache, package, &nobody, &Silent).expect("there already");
    assert_eq!(again, folder);

    let mut other = package.clone();
    other.version = "1.31.0".to_owned();
    let error = install_package(&bench.cache, &other, &bench.pip(), &Silent).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("failed to install onnxruntime-1.31.0"),
        "{error}"
    );
    let left: Vec<_> = fs::read_dir(bench.cache.packages_dir())
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| !name.to_string_lossy().ends_with(".lock"))
        .collect();
    assert_eq!(left, ["onnxruntime-1.30.0"]);
}

#[test]
fn a_tool_is_installed_with_a_program_that_starts() {
    let bench = Bench::new();
    let package = bench.wheel(
        "greeter",
        "1.0",
        &[
            ("greeter/bin/greet", b"#!/bin/sh\necho hello\n"),
            ("greeter/bin/unused", b"#!/bin/sh\n"),
            ("greeter/text", b"no program"),
        ],
    );
    let package = package.replace("[[runtime.package]]", "[[tool.package]]");
    let text = format!(
        "[[tool]]\nname = \"greeter\"\nversion = \"1.0\"\nprogram = \"greeter/bin/greet\"\n\
         disk = 4096\n{package}use = [\"greeter/bin/greet\", \"greeter/text\"]\n"
    );
    let catalog = Catalog::parse(&text).expect("a catalogue");
    assert_eq!(catalog.entries(), [], "it is no runtime");
    let tool = catalog.tool("greeter").expect("listed");
    assert_eq!(installed_tool(&bench.cache, tool), None);

    let program = install_tool(&bench.cache, tool, &bench.pip(), &Silent).expect("installed");
    assert_eq!(
        program,
        bench
            .cache
            .tools_dir()
            .join("greeter-1.0/greeter/bin/greet")
    );
    let output = Command::new(&program).output().expect("an executable file");
    assert_eq!(output.stdout, b"hello\n");
    let folder = bench.cache.tools_dir().join("greeter-1.0/greeter");
    assert!(!folder.join("bin/unused").exists());
    assert!(Command::new(folder.join("text")).output().is_err());
    assert_eq!(bench.cache.installed(), [], "it is no runtime");

    let nobody = Pip::with_command("/nowhere", ["never started"]);
    let again = install_tool(&bench.cache, tool, &nobody, &Silent).expect("there already");
    assert_eq!(again, program);
    fs::remove_file(&program).expect("a file");
    assert_eq!(installed_tool(&bench.cache, tool), None, "it is incomplete");
}
