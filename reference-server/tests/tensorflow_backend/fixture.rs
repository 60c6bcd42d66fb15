//! What every test needs: a process of its own for each runtime, a backend, and models on disk.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

use prost::Message;
use reference_server::configuration::Device;
use reference_server::worker::backend::{
    Backend, LoadError, LoadedModel, ModelSpecification, RuntimeSpecification,
};
use reference_server::worker::recorder::Recorder;
use reference_server::worker::tensorflow::{TensorFlowBackend, log_level};
use runtimes::{Cache, Catalog, Framework, Pip, Runtime, Silent, Size};
use test_ops::{Builder, Content, Library};

use crate::graph::Graph;

/// Tells a child process which runtime it is to open.
const RUNTIME_VARIABLE: &str = "TENSORFLOW_BACKEND_TEST_RUNTIME";

/// Runs `check` with every runtime of the catalogue. A process can map one TensorFlow only, so
/// each runs in a child process: this executable, told to run the one test named `name`.
pub fn with_every_runtime(name: &str, check: fn(&mut Fixture)) {
    run(
        name,
        check,
        |_| None,
        |runtime, output| {
            assert!(
                output.status.success(),
                "with {}: {}",
                runtime.name,
                described(output)
            );
        },
    );
}

/// As [`with_every_runtime`], with libraries in `LD_PRELOAD`.
pub fn preloading(name: &str, libraries: fn(&Runtime) -> Vec<PathBuf>, check: fn(&mut Fixture)) {
    let preload = |runtime: &Runtime| Some(join(&libraries(runtime)));
    run(name, check, preload, |runtime, output| {
        assert!(
            output.status.success(),
            "with {}: {}",
            runtime.name,
            described(output)
        );
    });
}

/// As [`with_every_runtime`] for a `check` that ends its process with SIGABRT, after `text` was
/// written.
pub fn aborting(name: &str, check: fn(&mut Fixture), text: &str) {
    run(
        name,
        check,
        |_| None,
        |runtime, output| {
            let described = described(output);
            assert_eq!(
                output.status.signal(),
                Some(libc::SIGABRT),
                "{}: {described}",
                runtime.name
            );
            assert!(described.contains(text), "{}: {described}", runtime.name);
        },
    );
}

fn run(
    name: &str,
    check: fn(&mut Fixture),
    preload: impl Fn(&Runtime) -> Option<OsString>,
    judge: impl Fn(&Runtime, &Output),
) {
    let cache = Cache::locate(None).unwrap();
    if let Some(wanted) = std::env::var_os(RUNTIME_VARIABLE) {
        let installed = cache.installed();
        let runtime = installed
            .into_iter()
            .find(|runtime| *wanted == *runtime.name.to_string())
            .unwrap();
        check(&mut Fixture::open(runtime));
        return;
    }
    let pip = Pip::find().unwrap();
    for entry in Catalog::builtin().of(Framework::TensorFlow) {
        let runtime = runtimes::install(&cache, entry, Size::Small, &pip, &Silent).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", name, "--nocapture"])
            .env(RUNTIME_VARIABLE, runtime.name.to_string())
            .envs(log_level())
            .env("LD_LIBRARY_PATH", join(&runtime.library_dirs));
        if let Some(preload) = preload(&runtime) {
            command.env("LD_PRELOAD", preload);
        }
        judge(&runtime, &command.output().unwrap());
    }
}

fn join(paths: &[PathBuf]) -> OsString {
    std::env::join_paths(paths).unwrap()
}

fn described(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn builder() -> &'static Builder {
    static BUILDER: OnceLock<Builder> = OnceLock::new();
    BUILDER.get_or_init(|| Builder::in_cache(&Cache::locate(None).unwrap()))
}

/// A sample library for a runtime.
pub fn build(content: impl Into<Content>, runtime: &Runtime) -> PathBuf {
    let library = Library::new(Framework::TensorFlow, content);
    builder().build(&library, runtime).unwrap()
}

/// A sample library for a runtime, at `path`.
pub fn build_to(content: impl Into<Content>, runtime: &Runtime, path: &Path) {
    let library = Library::new(Framework::TensorFlow, content);
    builder().build_to(&library, runtime, path).unwrap();
}

/// A backend with a folder for its models.
pub struct Fixture {
    pub backend: TensorFlowBackend,
    pub recorder: Arc<Recorder>,
    pub runtime: Runtime,
    pub folder: tempfile::TempDir,
    next_key: u64,
}

impl Fixture {
    fn open(runtime: Runtime) -> Self {
        // SAFETY: all-zero memory is an empty recorder.
        let recorder: Arc<Recorder> = Arc::new(unsafe { std::mem::zeroed() });
        let preloaded = std::env::var_os("LD_PRELOAD");
        let preloaded = preloaded.iter().flat_map(std::env::split_paths).collect();
        let specification = RuntimeSpecification {
            framework: Framework::TensorFlow,
            runtime: runtime.name.to_string(),
            main_library: runtime.main_library.clone(),
            library_dirs: runtime.library_dirs.clone(),
            bridge: None,
            preloaded,
            python: None,
        };
        let backend = TensorFlowBackend::open(&specification, recorder.clone()).unwrap();
        assert_eq!(backend.version(), runtime.name.version.to_string());
        Self {
            backend,
            recorder,
            runtime,
            folder: tempfile::tempdir().unwrap(),
            next_key: 1,
        }
    }

    /// A sample library for the runtime.
    pub fn build(&self, content: impl Into<Content>) -> PathBuf {
        build(content, &self.runtime)
    }

    /// Describes the model in `file`.
    pub fn specification(&mut self, file: PathBuf, libraries: &[PathBuf]) -> ModelSpecification {
        let key = self.next_key;
        self.next_key += 1;
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

    /// Writes a frozen graph.
    pub fn write_graph(&self, graph: &Graph) -> PathBuf {
        let file = self
            .folder
            .path()
            .join(format!("{}.graphdef", self.next_key));
        std::fs::write(&file, graph.encode_to_vec()).unwrap();
        file
    }

    /// Writes a SavedModel.
    pub fn write_saved_model(&self, content: &[u8]) -> PathBuf {
        let folder = self
            .folder
            .path()
            .join(format!("{}.savedmodel", self.next_key));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("saved_model.pb"), content).unwrap();
        folder
    }

    /// Writes a model of a sample op.
    pub fn write(&self, model: &test_ops::Model) -> PathBuf {
        let folder = self.folder.path().join(self.next_key.to_string());
        model.write(&folder).unwrap();
        folder.join(model.format.file_name())
    }

    /// Loads the model in `file`; its key comes along.
    pub fn load(
        &mut self,
        file: PathBuf,
        libraries: &[PathBuf],
    ) -> Result<(u64, LoadedModel), LoadError> {
        let specification = self.specification(file, libraries);
        let loaded = self.backend.load_model(&specification)?;
        Ok((specification.key, loaded))
    }

    /// Loads a frozen graph.
    pub fn load_graph(&mut self, graph: &Graph) -> LoadedModel {
        let file = self.write_graph(graph);
        self.load(file, &[]).unwrap().1
    }

    /// The error of a model that must not load.
    pub fn refusal(&mut self, file: PathBuf, libraries: &[PathBuf]) -> LoadError {
        match self.load(file, libraries) {
            Ok(_) => panic!("the model was loaded"),
            Err(error) => error,
        }
    }
}
