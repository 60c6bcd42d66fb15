//! The backend: models, their sessions and their op libraries.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnosis::{self, Registered};
use super::instance::OnnxRuntimeInstance;
use super::model_file::ModelFile;
use super::op_library::Registrar;
use super::runtime::Runtime;
use super::session::{Options, Session};
use super::signature::{Dim, Signature};
use super::threads::Threads;
use crate::configuration::Device;
use crate::worker::backend::{
    Backend, Instance, LibraryDescription, LibraryReport, LoadError, LoadedModel,
    ModelSpecification, RuntimeSpecification, StillMapped,
};
use crate::worker::op_library::{LibraryId, OpLibraries, warn_of};
use crate::worker::recorder::{Recorder, SharedRecorder, Step};

/// ONNX Runtime with the models that this worker serves.
///
/// A process can have one only: ONNX Runtime keeps one environment a process, and its library
/// cannot be unmapped.
pub struct OnnxRuntimeBackend {
    // Dropped in this order: sessions use kernels in op libraries, which use the runtime.
    models: HashMap<u64, Model>,
    /// Registered with every session, in this order.
    for_all: Vec<LibraryId>,
    libraries: OpLibraries,
    registrar: Registrar,
    runtime: Arc<Runtime>,
    recorder: SharedRecorder,
}

/// What a model holds.
struct Model {
    file: PathBuf,
    /// One for each instance. Held here too, so that a session ends on the control thread.
    sessions: Vec<Arc<Session>>,
    libraries: Vec<LibraryId>,
}

impl OnnxRuntimeBackend {
    /// Maps the runtime, a `libonnxruntime.so` of version 1.20 or newer.
    ///
    /// # Errors
    /// The library cannot be mapped, is no ONNX Runtime, or is too old.
    pub fn open(
        specification: &RuntimeSpecification,
        recorder: SharedRecorder,
    ) -> Result<Self, LoadError> {
        let runtime = Runtime::open(&specification.main_library, (*recorder).as_ref())?;
        Ok(Self {
            models: HashMap::new(),
            for_all: Vec::new(),
            libraries: OpLibraries::new(recorder.clone(), specification.python.clone()),
            registrar: Registrar::new(runtime.clone(), recorder.clone()),
            runtime,
            recorder,
        })
    }

    /// The version that the runtime tells, such as `1.32.0`.
    pub fn version(&self) -> &str {
        &self.runtime.version
    }

    fn recorder(&self) -> &Recorder {
        (*self.recorder).as_ref()
    }

    /// Opens the model's op libraries into `held`, which has what was opened also after an error.
    fn acquire_libraries(
        &mut self,
        paths: &[PathBuf],
        held: &mut Vec<LibraryId>,
    ) -> Result<(), LoadError> {
        for path in paths {
            let id = self.libraries.acquire(path)?;
            if held.contains(&id) || self.for_all.contains(&id) {
                // A session takes a domain once, so registering twice would be an error.
                tracing::warn!(library = %path.display(), "an op library is listed twice");
                self.libraries.release(id);
            } else {
                held.push(id);
            }
        }
        Ok(())
    }

    fn options(&self, threads: Threads) -> Result<Options, LoadError> {
        Options::new(&self.runtime, threads).map_err(|failure| {
            LoadError::new(format!(
                "ONNX Runtime refuses the session's options: {failure}"
            ))
        })
    }

    /// Options that no session uses, to learn what a library registers.
    fn trial_options(&self) -> Result<Options, LoadError> {
        self.options(Threads::from_parameters(&BTreeMap::new())?)
    }

    /// Creates one session, for which the libraries register their ops anew.
    fn create_session(
        &self,
        specification: &ModelSpecification,
        device: Device,
        threads: Threads,
        libraries: &[LibraryId],
    ) -> Result<(Session, Registered), LoadError> {
        let options = self.options(threads)?;
        if let Device::Gpu(number) = device {
            options.on_gpu(number).map_err(|failure| {
                LoadError::new(format!(
                    "ONNX Runtime {} cannot use GPU {number} for the model '{}': {failure}",
                    self.runtime.version, specification.name
                ))
            })?;
        }
        let mut registered = Registered::default();
        for &id in self.for_all.iter().chain(libraries) {
            let library = self
                .registrar
                .register(&self.libraries, id, options.pointer())?;
            registered
                .domains
                .push((self.libraries.path(id).to_owned(), library.domains));
            registered.libraries.push(library.report);
        }
        self.recorder()
            .enter(Step::CreateSession, &specification.file);
        let session = Session::create(&self.runtime, &specification.file, &options);
        self.recorder().idle();
        session
            .map_err(|failure| {
                diagnosis::session_failure(
                    &self.runtime,
                    &specification.file,
                    &registered,
                    &failure,
                )
            })
            .map(|session| (session, registered))
    }

    fn load(
        &mut self,
        specification: &ModelSpecification,
        model: &mut Model,
    ) -> Result<LoadedModel, LoadError> {
        let threads = Threads::from_parameters(&specification.parameters)?;
        let devices = specification.devices(|| self.runtime.gpus(), &self.runtime.name())?;
        self.acquire_libraries(&specification.op_libraries, &mut model.libraries)?;
        let mut first: Option<(Arc<Signature>, Registered)> = None;
        let mut instances: Vec<Box<dyn Instance>> = Vec::new();
        for device in devices {
            let (session, registered) =
                self.create_session(specification, device, threads, &model.libraries)?;
            let session = Arc::new(session);
            model.sessions.push(session.clone());
            let (signature, _) = match &mut first {
                Some(first) => first,
                None => {
                    let signature = signature_of(&session, &specification.file)?;
                    first.insert((Arc::new(signature), registered))
                }
            };
            let instance = OnnxRuntimeInstance::new(session, signature.clone(), device);
            let instance = instance.map_err(|failure| {
                LoadError::new(format!(
                    "the model file '{}' cannot be prepared for execution: {failure}",
                    specification.file.display()
                ))
            })?;
            instances.push(Box::new(instance));
        }
        let (signature, registered) = first.expect("a model has at least one instance");
        Ok(LoadedModel {
            inputs: signature
                .inputs
                .iter()
                .map(super::signature::Tensor::to_protocol)
                .collect(),
            outputs: signature
                .outputs
                .iter()
                .map(super::signature::Tensor::to_protocol)
                .collect(),
            instances,
            libraries: registered.libraries,
        })
    }

    /// Ends the sessions, then closes the libraries that nobody else uses.
    fn release(&mut self, mut model: Model) -> Vec<StillMapped> {
        let in_use = model
            .sessions
            .iter()
            .any(|session| Arc::strong_count(session) > 1);
        if !model.sessions.is_empty() {
            self.recorder().enter(Step::CloseSession, &model.file);
            model.sessions.clear();
            self.recorder().idle();
        }
        // In the reverse order of opening, as the dynamic loader itself does at exit.
        let libraries = model.libraries.drain(..).rev();
        if in_use {
            libraries
                .filter_map(|id| self.libraries.abandon(id))
                .collect()
        } else {
            libraries
                .filter_map(|id| self.libraries.release(id))
                .collect()
        }
    }
}

impl Backend for OnnxRuntimeBackend {
    fn load_libraries(&mut self, paths: &[PathBuf]) -> Result<Vec<LibraryReport>, LoadError> {
        let options = self.trial_options()?;
        let mut reports = Vec::new();
        for path in paths {
            let mut held = Vec::new();
            self.acquire_libraries(std::slice::from_ref(path), &mut held)?;
            for id in held {
                let library = self
                    .registrar
                    .register(&self.libraries, id, options.pointer())?;
                reports.push(library.report);
                self.for_all.push(id);
            }
        }
        Ok(reports)
    }

    fn describe(&self) -> Vec<LibraryDescription> {
        let Ok(options) = self.trial_options() else {
            return Vec::new();
        };
        let described = |&id: &LibraryId| {
            let library = self
                .registrar
                .register(&self.libraries, id, options.pointer());
            // SAFETY: it is open and has just registered.
            library.ok().map(|library| unsafe { library.describe() })
        };
        self.for_all.iter().filter_map(described).collect()
    }

    fn load_model(&mut self, specification: &ModelSpecification) -> Result<LoadedModel, LoadError> {
        let mut model = Model {
            file: specification.file.clone(),
            sessions: Vec::new(),
            libraries: Vec::new(),
        };
        match self.load(specification, &mut model) {
            Ok(loaded) => {
                self.models.insert(specification.key, model);
                Ok(loaded)
            }
            Err(error) => {
                warn_of(&self.release(model));
                Err(error)
            }
        }
    }

    fn unload_model(&mut self, key: u64) -> Vec<StillMapped> {
        match self.models.remove(&key) {
            Some(model) => self.release(model),
            None => Vec::new(),
        }
    }
}

fn signature_of(session: &Session, file: &Path) -> Result<Signature, LoadError> {
    let mut signature = Signature::of(session).map_err(|error| {
        LoadError::new(format!(
            "the model file '{}' cannot be served: {error}",
            file.display()
        ))
    })?;
    // A tensor without dimensions is a scalar, or the model does not tell its rank. The file knows.
    let unclear = |tensor: &super::signature::Tensor| tensor.dims.is_empty();
    if signature.inputs.iter().any(unclear) || signature.outputs.iter().any(unclear) {
        let model = ModelFile::read(file);
        for tensor in signature.inputs.iter_mut().chain(&mut signature.outputs) {
            let name = tensor.name.to_string_lossy();
            if tensor.dims.is_empty()
                && model
                    .as_ref()
                    .is_some_and(|model| !model.declares_shape(&name))
            {
                tensor.dims.push(Dim::Open);
            }
        }
    }
    Ok(signature)
}
