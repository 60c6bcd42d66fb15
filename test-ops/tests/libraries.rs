//! Every library of the builder: what its file is, and what the dynamic loader makes of it.

use std::{
    env,
    ffi::{CStr, CString},
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use runtimes::{Cache, Catalog, Framework, Pip, Runtime, Silent, Size};
use test_ops::{Broken, Builder, Content, Fault, Library, Sample};

const LOADED_LIBRARY: &str = "TEST_OPS_LOADED_LIBRARY";

fn builder() -> Builder {
    Builder::in_cache(&Cache::locate(None).expect("a cache folder"))
}

/// The default ONNX Runtime.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let cache = Cache::locate(None).expect("a cache folder");
        let entry = Catalog::builtin()
            .default_of(Framework::OnnxRuntime)
            .expect("the catalogue has ONNX Runtime");
        let pip = Pip::find().expect("pip");
        runtimes::install(&cache, entry, Size::Small, &pip, &Silent)
            .unwrap_or_else(|error| panic!("{error}"))
    })
}

fn library(content: impl Into<Content>) -> Library {
    Library::new(Framework::OnnxRuntime, content)
}

fn build(content: impl Into<Content>) -> PathBuf {
    builder()
        .build(&library(content), runtime())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn is_mapped(path: &Path) -> bool {
    let path = path.to_string_lossy();
    fs::read_to_string("/proc/self/maps")
        .expect("the maps of this process")
        .contains(path.as_ref())
}

/// Opens and closes a library in a process of its own, because some of them end it.
#[test]
#[ignore = "runs in the children that the other tests start"]
fn child() {
    let path = env::var(LOADED_LIBRARY).expect("a library to load");
    let name = CString::new(path.as_str()).expect("a path");
    // SAFETY: all strings are terminated, and the handle is closed once.
    unsafe {
        let handle = libc::dlopen(name.as_ptr(), libc::RTLD_NOW);
        if handle.is_null() {
            println!(
                "refused: {}",
                CStr::from_ptr(libc::dlerror()).to_string_lossy()
            );
            return;
        }
        let symbol = libc::dlsym(handle, c"RegisterCustomOps".as_ptr());
        println!("entry point: {}", !symbol.is_null());
        libc::dlclose(handle);
    }
    println!("still mapped: {}", is_mapped(Path::new(&path)));
}

fn command(library: &Path) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(LOADED_LIBRARY, library);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn load(content: impl Into<Content>) -> (Output, String) {
    let output = command(&build(content)).output().expect("a child");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn samples_load_and_leave() {
    for fault in [None, Some(Fault::KernelHangs)] {
        let (_, text) = load(Sample {
            fault,
            ..Sample::default()
        });
        assert!(
            text.contains("entry point: true") && text.contains("still mapped: false"),
            "{text}"
        );
    }
}

#[test]
fn a_level_in_the_code_makes_another_library() {
    let compiled = Sample::default().compiled_for_level(27);
    let (_, text) = load(compiled.clone());
    assert!(
        text.contains("entry point: true") && text.contains("still mapped: false"),
        "{text}"
    );
    let configured = build(Sample::default().with_api_level(27));
    assert_ne!(
        fs::read(build(compiled)).expect("a library"),
        fs::read(configured).expect("a library")
    );
}

#[test]
fn a_pinned_library_stays() {
    let (_, text) = load(Sample::default().pinned());
    assert!(
        text.contains("entry point: true") && text.contains("still mapped: true"),
        "{text}"
    );
}

#[test]
fn the_loader_refuses_broken_files() {
    for (broken, reason) in [
        (Broken::MissingDependency, "libabsent_dependency.so"),
        (
            Broken::UndefinedSymbol,
            "undefined symbol: _ZN6vendor6Tensor6resizeEm",
        ),
        (Broken::NotElf, "invalid ELF header"),
        (Broken::OtherArchitecture, "libother_architecture.so"),
    ] {
        let (_, text) = load(broken);
        assert!(
            text.contains("refused: ") && text.contains(reason),
            "{broken:?}: {text}"
        );
    }
}

/// The loader maps segments that lie behind the end of the file without a look: to find out by
/// opening the library is to die of it.
#[test]
fn a_truncated_library_kills_who_opens_it() {
    let (output, text) = load(Broken::Truncated);
    assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{text}");
}

#[test]
fn entry_points_are_missing() {
    for broken in [Broken::NoEntryPoint, Broken::MangledEntryPoint] {
        let (_, text) = load(broken);
        assert!(
            text.contains("entry point: false") && text.contains("still mapped: false"),
            "{broken:?}: {text}"
        );
    }
}

#[test]
fn initializers_end_the_process() {
    for (broken, signal) in [
        (Broken::InitializerCrashes, libc::SIGSEGV),
        (Broken::InitializerAborts, libc::SIGABRT),
        (Broken::InitializerThrows, libc::SIGABRT),
    ] {
        let (output, text) = load(broken);
        assert_eq!(output.status.signal(), Some(signal), "{broken:?}: {text}");
    }
}

#[test]
fn a_hanging_initializer_hangs() {
    let mut child = command(&build(Broken::InitializerHangs))
        .spawn()
        .expect("a child");
    // It hangs when it sleeps in pause(2), which nothing else here does.
    let deadline = Instant::now() + Duration::from_secs(30);
    let tasks = PathBuf::from(format!("/proc/{}/task", child.id()));
    let pauses = || {
        fs::read_dir(&tasks)
            .into_iter()
            .flatten()
            .flatten()
            .any(|task| {
                fs::read_to_string(task.path().join("syscall"))
                    .is_ok_and(|call| call.starts_with(&format!("{} ", libc::SYS_pause)))
            })
    };
    while !pauses() {
        assert!(
            child.try_wait().expect("the child's state").is_none(),
            "the child has ended"
        );
        assert!(
            Instant::now() < deadline,
            "the child neither hangs nor ends"
        );
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("the child can be killed");
    child.wait().expect("the child's end");
}

#[test]
fn variants_differ_and_are_kept() {
    let good = build(Sample::default());
    assert_eq!(good, build(Sample::default()));
    let rebuilt = build(Sample::default().with_signature(3));
    assert_ne!(fs::read(&good).unwrap(), fs::read(&rebuilt).unwrap());
    assert_ne!(
        build_id(&good),
        build_id(&rebuilt),
        "a rebuilt library has its own build identifier"
    );
    assert_eq!(build_id(&good).len(), 20);
}

#[test]
fn a_copy_is_a_new_file() {
    use std::os::unix::fs::MetadataExt;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("deep/libcustom_ops.so");
    let inode = |signature| {
        builder()
            .build_to(
                &library(Sample::default().with_signature(signature)),
                runtime(),
                &path,
            )
            .unwrap();
        (
            fs::metadata(&path).unwrap().ino(),
            fs::File::open(&path).unwrap(),
        )
    };
    let (first, _held) = inode(1);
    let (second, _) = inode(2);
    assert_ne!(first, second);
    assert_eq!(
        fs::read(&path).unwrap(),
        fs::read(build(Sample::default().with_signature(2))).unwrap()
    );
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "no scratch files stay behind"
    );
}

#[test]
fn a_long_domain_is_refused() {
    let sample = Sample::default().with_domain(&"x".repeat(Sample::DOMAIN_CAPACITY + 1));
    let error = builder()
        .build(&library(sample), runtime())
        .unwrap_err()
        .to_string();
    assert!(error.contains("64 bytes"), "{error}");
}

fn build_id(path: &Path) -> Vec<u8> {
    use object::Object;
    let bytes = fs::read(path).unwrap();
    let file = object::File::parse(bytes.as_slice()).unwrap();
    file.build_id()
        .unwrap()
        .expect("a build identifier")
        .to_vec()
}
