//! What every test needs: a process of its own for each runtime, a backend, and models on disk.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use reference_server::configuration::Device;
use reference_server::protocol::DataType;
use reference_server::worker::backend::{
    Backend, LoadError, LoadedModel, ModelSpecification, RuntimeSpecification, TensorSignature,
};
use reference_server::worker::pytorch::PyTorchBackend;
use reference_server::worker::recorder::Recorder;
use runtimes::{Cache, Catalog, Framework, Pip, Runtime, Silent, Size};
use test_ops::{Builder, Library};

/// Tells a child process which runtime it is to open.
const RUNTIME_VARIABLE: &str = "PYTORCH_BACKEND_TEST_RUNTIME";

/// Runs `check` with every runtime of the catalogue. A process can map one PyTorch only, so each
/// runs in a child process: this executable, told to run the one test named `name`.
pub fn with_every_runtime(name: &str, check: fn(&mut Fixture)) {
    if run_as_child(check) {
        return;
    }
    for runtime in installed() {
        let output = child(name, &runtime);
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

/// Runs `check` in a child process with the default runtime, and returns how that ended.
pub fn in_a_process(name: &str, check: fn(&mut Fixture)) -> Option<Output> {
    if run_as_child(check) {
        return None;
    }
    let runtime = installed().next().unwrap();
    Some(child(name, &runtime))
}

fn run_as_child(check: fn(&mut Fixture)) -> bool {
    let Some(runtime) = std::env::var_os(RUNTIME_VARIABLE) else {
        return false;
    };
    let name = runtime.to_str().unwrap().parse().unwrap();
    let runtime = Cache::locate(None).unwrap().find(&name).unwrap();
    check(&mut Fixture::open(runtime));
    true
}

fn child(name: &str, runtime: &Runtime) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(RUNTIME_VARIABLE, runtime.name.to_string())
        .output()
        .unwrap()
}

fn installed() -> impl Iterator<Item = Runtime> {
    let cache = Cache::locate(None).unwrap();
    let pip = Pip::find().unwrap();
    Catalog::builtin()
        .of(Framework::PyTorch)
        .map(move |entry| runtimes::install(&cache, entry, Size::Small, &pip, &Silent).unwrap())
        .collect::<Vec<_>>()
        .into_iter()
}

/// A backend with a folder for its models.
pub struct Fixture {
    pub backend: PyTorchBackend,
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
            framework: Framework::PyTorch,
            runtime: runtime.name.to_string(),
            main_library: runtime.main_library.clone(),
            library_dirs: runtime.library_dirs.clone(),
            bridge,
            preloaded: Vec::new(),
            python: runtime.python.clone(),
        };
        Self {
            backend: PyTorchBackend::open(&specification, recorder).unwrap(),
            runtime,
            folder: tempfile::tempdir().unwrap(),
            next_key: 1,
        }
    }

    /// An op library, built for the runtime.
    pub fn library(&self, library: impl Into<test_ops::Content>) -> PathBuf {
        Builder::in_cache(&Cache::locate(None).unwrap())
            .build(&Library::new(Framework::PyTorch, library), &self.runtime)
            .unwrap()
    }

    /// Writes a model file and describes it.
    pub fn specification(
        &mut self,
        model: &[u8],
        inputs: &[TensorSignature],
        outputs: &[TensorSignature],
    ) -> ModelSpecification {
        let key = self.next_key;
        self.next_key += 1;
        let file = self.folder.path().join(format!("{key}/1/model.pt"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, model).unwrap();
        ModelSpecification {
            key,
            name: "test".to_owned(),
            version: 1,
            file,
            declared_inputs: inputs.to_vec(),
            declared_outputs: outputs.to_vec(),
            op_libraries: Vec::new(),
            instances: vec![Device::Cpu],
            parameters: Default::default(),
        }
    }

    /// Loads a model of TorchScript source.
    pub fn load(
        &mut self,
        methods: &str,
        inputs: &[TensorSignature],
        outputs: &[TensorSignature],
    ) -> LoadedModel {
        self.load_with_buffers(methods, &[], inputs, outputs)
    }

    /// Loads a model of TorchScript source with buffers.
    pub fn load_with_buffers(
        &mut self,
        methods: &str,
        buffers: &[(&str, test_ops::Tensor)],
        inputs: &[TensorSignature],
        outputs: &[TensorSignature],
    ) -> LoadedModel {
        let model = test_ops::torch_script_with_buffers(methods, buffers);
        let specification = self.specification(&model, inputs, outputs);
        self.backend.load_model(&specification).unwrap()
    }

    /// Loads one of the models of the sample ops.
    pub fn load_sample(
        &mut self,
        model: &test_ops::Model,
        libraries: &[PathBuf],
    ) -> Result<(u64, LoadedModel), LoadError> {
        let file = &model.files().unwrap()[0];
        let mut specification = self.specification(
            &file.content,
            &declared(model.inputs()),
            &declared(model.outputs()),
        );
        specification.op_libraries = libraries.to_vec();
        let loaded = self.backend.load_model(&specification)?;
        Ok((specification.key, loaded))
    }

    /// The error of a model that must not load.
    pub fn refusal(&mut self, specification: &ModelSpecification) -> LoadError {
        match self.backend.load_model(specification) {
            Ok(_) => panic!("the model was loaded"),
            Err(error) => error,
        }
    }
}

/// A tensor as a model configuration declares it.
pub fn tensor(name: &str, data_type: DataType, dims: &[i64]) -> TensorSignature {
    TensorSignature {
        name: name.to_owned(),
        data_type,
        dims: dims.to_vec(),
    }
}

fn declared(tensors: Vec<test_ops::TensorSpec>) -> Vec<TensorSignature> {
    tensors
        .into_iter()
        .map(|spec| TensorSignature {
            data_type: spec.data_type.protocol_name().parse().unwrap(),
            name: spec.name,
            dims: spec.dims,
        })
        .collect()
}
