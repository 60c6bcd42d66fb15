//! What every test needs: a process of its own for each runtime, a backend, and models on disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use reference_server::configuration::Device;
use reference_server::worker::backend::{
    Backend, LoadError, LoadedModel, ModelSpecification, RuntimeSpecification,
};
use reference_server::worker::onnxruntime::OnnxRuntimeBackend;
use reference_server::worker::recorder::Recorder;
use runtimes::{Cache, Catalog, Framework, Pip, Silent, Size};

/// Tells a child process which library it is to open.
const LIBRARY_VARIABLE: &str = "ONNXRUNTIME_BACKEND_TEST_LIBRARY";

/// Runs `check` with every runtime of the catalogue. A process can map one ONNX Runtime only, so
/// each runs in a child process: this executable, told to run the one test named `name`.
pub fn with_every_runtime(name: &str, check: fn(&mut Fixture)) {
    if let Some(library) = std::env::var_os(LIBRARY_VARIABLE) {
        check(&mut Fixture::open(Path::new(&library)));
        return;
    }
    let cache = Cache::locate(None).unwrap();
    let pip = Pip::find().unwrap();
    for entry in Catalog::builtin().of(Framework::OnnxRuntime) {
        let runtime = runtimes::install(&cache, entry, Size::Small, &pip, &Silent).unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(LIBRARY_VARIABLE, &runtime.main_library)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "with {}: {}\n{}{}",
            runtime.name,
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// A backend with a folder for its models.
pub struct Fixture {
    pub backend: OnnxRuntimeBackend,
    pub recorder: Arc<Recorder>,
    pub folder: tempfile::TempDir,
    next_key: u64,
}

impl Fixture {
    fn open(library: &Path) -> Self {
        // SAFETY: all-zero memory is an empty recorder.
        let recorder: Arc<Recorder> = Arc::new(unsafe { std::mem::zeroed() });
        let specification = RuntimeSpecification {
            framework: runtimes::Framework::OnnxRuntime,
            runtime: "onnxruntime".to_owned(),
            main_library: library.to_owned(),
            library_dirs: Vec::new(),
            bridge: None,
            preloaded: Vec::new(),
            python: None,
        };
        Self {
            backend: OnnxRuntimeBackend::open(&specification, recorder.clone()).unwrap(),
            recorder,
            folder: tempfile::tempdir().unwrap(),
            next_key: 1,
        }
    }

    /// The highest API level of the runtime.
    pub fn api_level(&self) -> u32 {
        let minor = self.backend.version().split('.').nth(1).unwrap();
        minor.parse().unwrap()
    }

    /// Writes a model file and describes it.
    pub fn specification(&mut self, model: &[u8], libraries: &[PathBuf]) -> ModelSpecification {
        let key = self.next_key;
        self.next_key += 1;
        let file = self.folder.path().join(format!("model-{key}.onnx"));
        std::fs::write(&file, model).unwrap();
        ModelSpecification {
            key,
            name: "test".to_owned(),
            version: 1,
            file,
            declared_inputs: Vec::new(),
            declared_outputs: Vec::new(),
            op_libraries: libraries.to_vec(),
            instances: vec![Device::Cpu],
            parameters: Default::default(),
        }
    }

    /// Loads a model; its key comes along.
    pub fn load(
        &mut self,
        model: &[u8],
        libraries: &[PathBuf],
    ) -> Result<(u64, LoadedModel), LoadError> {
        let specification = self.specification(model, libraries);
        let loaded = self.backend.load_model(&specification)?;
        Ok((specification.key, loaded))
    }

    /// The error of a model that must not load.
    pub fn refusal(&mut self, model: &[u8], libraries: &[PathBuf]) -> LoadError {
        match self.load(model, libraries) {
            Ok(_) => panic!("the model was loaded"),
            Err(error) => error,
        }
    }
}
