//! What every test needs: a process of its own for each runtime, a backend, libraries and plans.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use reference_server::configuration::Device;
use reference_server::worker::backend::{
    Backend, LoadError, ModelSpecification, RuntimeSpecification,
};
use reference_server::worker::recorder::Recorder;
use reference_server::worker::tensorrt::TensorRtBackend;
use runtimes::{Cache, Catalog, Framework, Pip, Runtime, Silent, Size};
use test_ops::{Builder, Library};

/// Tells a child process which runtime it is to open.
const RUNTIME_VARIABLE: &str = "TENSORRT_BACKEND_TEST_RUNTIME";

/// Runs `check` with every runtime of the catalogue. A process can map one TensorRT only, so each
/// runs in a child process: this executable, told to run the one test named `name`.
pub fn with_every_runtime(name: &str, check: fn(&mut Fixture)) {
    if run_as_child(check) {
        return;
    }
    for runtime in installed() {
        run_child(&mut child(name, &runtime), &runtime);
    }
}

/// As [`with_every_runtime`], with the libraries that `preload` makes in LD_PRELOAD.
pub fn with_every_runtime_and_preload(
    name: &str,
    preload: fn(&Runtime) -> Vec<PathBuf>,
    check: fn(&mut Fixture),
) {
    if run_as_child(check) {
        return;
    }
    for runtime in installed() {
        let list = std::env::join_paths(preload(&runtime)).unwrap();
        let mut child = child(name, &runtime);
        child.env("LD_PRELOAD", list);
        child.env(
            "LD_LIBRARY_PATH",
            std::env::join_paths(&runtime.library_dirs).unwrap(),
        );
        run_child(&mut child, &runtime);
    }
}

/// Runs `check` with the runtime that builds plans, in its full size, where there is a GPU.
pub fn with_a_gpu(name: &str, check: fn(&mut Fixture)) {
    if run_as_child(check) {
        return;
    }
    if !Path::new("/dev/nvidiactl").exists() {
        eprintln!("{name}: skipped, because the machine has no NVIDIA GPU");
        return;
    }
    let entry = Catalog::builtin().of(Framework::TensorRt).next().unwrap();
    let (cache, pip) = (Cache::locate(None).unwrap(), Pip::find().unwrap());
    let runtime = runtimes::install(&cache, entry, Size::Full, &pip, &Silent).unwrap();
    run_child(&mut child(name, &runtime), &runtime);
}

fn run_as_child(check: fn(&mut Fixture)) -> bool {
    let Some(name) = std::env::var_os(RUNTIME_VARIABLE) else {
        return false;
    };
    let name = name.to_str().unwrap().parse().unwrap();
    let runtime = Cache::locate(None).unwrap().find(&name).unwrap();
    check(&mut Fixture::open(runtime));
    true
}

fn child(name: &str, runtime: &Runtime) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]);
    command.env(RUNTIME_VARIABLE, runtime.name.to_string());
    command
}

fn run_child(child: &mut Command, runtime: &Runtime) {
    let output = child.output().unwrap();
    assert!(
        output.status.success(),
        "with {}: {}\n{}{}",
        runtime.name,
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn installed() -> impl Iterator<Item = Runtime> {
    let cache = Cache::locate(None).unwrap();
    let pip = Pip::find().unwrap();
    Catalog::builtin()
        .of(Framework::TensorRt)
        .map(move |entry| runtimes::install(&cache, entry, Size::Small, &pip, &Silent).unwrap())
        .collect::<Vec<_>>()
        .into_iter()
}

/// An op library, built for the runtime.
pub fn library(runtime: &Runtime, library: impl Into<test_ops::Content>) -> PathBuf {
    Builder::in_cache(&Cache::locate(None).unwrap())
        .build(&Library::new(Framework::TensorRt, library), runtime)
        .unwrap()
}

/// A backend with a folder for its models.
pub struct Fixture {
    pub backend: TensorRtBackend,
    pub runtime: Runtime,
    pub folder: tempfile::TempDir,
    next_key: u64,
}

impl Fixture {
    fn open(runtime: Runtime) -> Self {
        // SAFETY: all-zero memory is an empty recorder.
        let recorder: Arc<Recorder> = Arc::new(unsafe { std::mem::zeroed() });
        let bridge = bridges::build(&runtime, &Cache::locate(None).unwrap()).unwrap();
        let specification = RuntimeSpecification {
            framework: Framework::TensorRt,
            runtime: runtime.name.to_string(),
            main_library: runtime.main_library.clone(),
            library_dirs: runtime.library_dirs.clone(),
            bridge,
            preloaded: Vec::new(),
            python: None,
        };
        Self {
            backend: TensorRtBackend::open(&specification, recorder).unwrap(),
            runtime,
            folder: tempfile::tempdir().unwrap(),
            next_key: 1,
        }
    }

    /// An op library, built for the runtime.
    pub fn library(&self, content: impl Into<test_ops::Content>) -> PathBuf {
        library(&self.runtime, content)
    }

    /// A plan of `bytes` and op libraries, as a model.
    pub fn model(&mut self, plan: &[u8], op_libraries: &[&Path]) -> ModelSpecification {
        let key = self.next_key;
        self.next_key += 1;
        let file = self.folder.path().join(format!("{key}/1/model.plan"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, plan).unwrap();
        ModelSpecification {
            key,
            name: "test".to_owned(),
            version: 1,
            file,
            declared_inputs: Vec::new(),
            declared_outputs: Vec::new(),
            op_libraries: op_libraries.iter().map(|path| path.to_path_buf()).collect(),
            instances: vec![Device::Cpu],
            parameters: Default::default(),
        }
    }

    /// A plan whose header is right for the runtime, with nothing behind it.
    pub fn plan(&self) -> Vec<u8> {
        let version = self.runtime.name.version;
        if (version.major(), version.minor()) == (8, 5) {
            return old_plan(232);
        }
        plan([version.major(), version.minor(), version.patch()])
    }

    /// The error of a model that must not load.
    pub fn refusal(&mut self, plan: &[u8], op_libraries: &[&Path]) -> LoadError {
        let specification = self.model(plan, op_libraries);
        match self.backend.load_model(&specification) {
            Ok(_) => panic!("the model was loaded"),
            Err(error) => error,
        }
    }
}

/// A plan of TensorRT 8.6 or newer: a header and no sections.
pub fn plan(version: [u32; 3]) -> Vec<u8> {
    let mut bytes = b"ftrt\0\0\0\0".to_vec();
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(36_u64.to_le_bytes());
    bytes.extend(version.map(|number| number as u8));
    bytes.extend([0; 5]);
    bytes.extend(0x8b8d_8b99_u32.to_le_bytes());
    bytes
}

/// A plan of a version before 8.6: a header and no content.
pub fn old_plan(tag: u32) -> Vec<u8> {
    let mut bytes = b"ptrt\0\0\0\0".to_vec();
    bytes.extend(tag.to_le_bytes());
    bytes.extend([0; 12]);
    bytes
}
