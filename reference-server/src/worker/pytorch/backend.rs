//! The backend: models, their modules and their op libraries.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bridge::Failure;
use super::diagnosis;
use super::instance::PyTorchInstance;
use super::module::Module;
use super::op_library::Registrar;
use super::parameters::Parameters;
use super::runtime::Runtime;
use super::signature::Signature;
use crate::configuration::Device;
use crate::worker::backend::{
    Backend, Instance, LibraryDescription, LibraryReport, LoadError, LoadedModel,
    ModelSpecification, RuntimeSpecification, StillMapped,
};
use crate::worker::op_library::{LibraryId, warn_of};
use crate::worker::recorder::{Recorder, SharedRecorder, Step};

/// PyTorch with the models that this worker serves.
///
/// A process can have one only: there is one dispatcher a process, and PyTorch's libraries cannot
/// be unmapped.
pub struct PyTorchBackend {
    // Dropped in this order: modules use kernels in op libraries, which use the runtime.
    models: HashMap<u64, Model>,
    /// Opened for all models.
    for_all: Vec<LibraryId>,
    registrar: Registrar,
    /// Threads for independent parts of a graph, once they have been set.
    inter_op_threads: Option<i32>,
    runtime: Arc<Runtime>,
    recorder: SharedRecorder,
}

/// What a model holds.
struct Model {
    file: PathBuf,
    /// Held here too, so that a module ends on the control thread.
    modules: Vec<Arc<Module>>,
    libraries: Vec<LibraryId>,
}

impl PyTorchBackend {
    /// Maps the runtime and its bridge.
    ///
    /// # Errors
    /// The runtime or its bridge cannot be mapped, or they do not belong together.
    pub fn open(
        specification: &RuntimeSpecification,
        recorder: SharedRecorder,
    ) -> Result<Self, LoadError> {
        let runtime = Runtime::open(specification, (*recorder).as_ref())?;
        Ok(Self {
            models: HashMap::new(),
            for_all: Vec::new(),
            registrar: Registrar::new(
                runtime.clone(),
                recorder.clone(),
                specification.preloaded.clone(),
            ),
            inter_op_threads: None,
            runtime,
            recorder,
        })
    }

    fn recorder(&self) -> &Recorder {
        (*self.recorder).as_ref()
    }

    /// Opens op libraries into `held`, which has what was opened also after an error.
    fn acquire_libraries(
        &mut self,
        paths: &[PathBuf],
        held: &mut Vec<LibraryId>,
    ) -> Result<(), LoadError> {
        for path in paths {
            let id = self.registrar.acquire(path)?;
            if held.contains(&id) {
                self.registrar.release(id);
            } else {
                held.push(id);
            }
        }
        Ok(())
    }

    fn reports(&self, libraries: &[LibraryId]) -> Vec<LibraryReport> {
        libraries
            .iter()
            .filter_map(|id| self.registrar.report(*id).cloned())
            .collect()
    }

    fn load_module(&self, file: &Path, device: Device) -> Result<Arc<Module>, LoadError> {
        self.recorder().enter(Step::CreateSession, file);
        let module = Module::load(&self.runtime.bridge, file, device);
        self.recorder().idle();
        module.map(Arc::new).map_err(|failure| {
            diagnosis::load_failure(&self.runtime, file, self.registrar.reports(), &failure)
        })
    }

    /// PyTorch takes this number once a process: the first model that has one decides.
    fn set_inter_op_threads(&mut self, count: i32) {
        if count == 0 || self.inter_op_threads == Some(count) {
            return;
        }
        let bridge = &self.runtime.bridge;
        // SAFETY: the function takes a number.
        let set = unsafe { bridge.check((bridge.functions().set_inter_op_threads)(count)) };
        match set {
            Ok(()) => self.inter_op_threads = Some(count),
            Err(failure) => tracing::warn!(
                count,
                "INTER_OP_THREAD_COUNT has no effect: another model of this worker has set it, or \
                 executions have begun: {failure}"
            ),
        }
    }

    fn load(
        &mut self,
        specification: &ModelSpecification,
        model: &mut Model,
    ) -> Result<LoadedModel, LoadError> {
        let parameters = Parameters::read(&specification.parameters)?;
        let devices = specification.devices(|| &self.runtime.gpus, &self.runtime.name)?;
        self.set_inter_op_threads(parameters.inter_op_threads);
        self.acquire_libraries(&specification.op_libraries, &mut model.libraries)?;
        let mut signature: Option<Arc<Signature>> = None;
        let mut loaded: HashMap<Device, Arc<Module>> = HashMap::new();
        let mut instances: Vec<Box<dyn Instance>> = Vec::new();
        for device in devices {
            let known = loaded.get(&device).filter(|_| parameters.weight_sharing);
            let module = match known {
                Some(module) => module.clone(),
                None => {
                    let module = self.load_module(&specification.file, device)?;
                    model.modules.push(module.clone());
                    loaded.insert(device, module.clone());
                    module
                }
            };
            let signature = match &signature {
                Some(signature) => signature.clone(),
                None => {
                    let of_first = Arc::new(Signature::of(specification, &module.arguments())?);
                    signature.insert(of_first).clone()
                }
            };
            let execution = module.execution(parameters.execution_options());
            let execution = execution.map_err(|Failure(reason)| {
                LoadError::new(format!(
                    "the model file '{}' cannot be prepared for execution: {reason}",
                    specification.file.display()
                ))
            })?;
            instances.push(Box::new(PyTorchInstance::new(execution, signature, device)));
        }
        let signature = signature.expect("a model has at least one instance");
        Ok(LoadedModel {
            inputs: signature.inputs.clone(),
            outputs: signature.outputs.clone(),
            instances,
            libraries: self.reports(&model.libraries),
        })
    }

    /// Ends the modules, then lets go of the libraries.
    fn release(&mut self, mut model: Model) -> Vec<StillMapped> {
        let in_use = model
            .modules
            .iter()
            .any(|module| Arc::strong_count(module) > 1);
        if !model.modules.is_empty() {
            self.recorder().enter(Step::CloseSession, &model.file);
            model.modules.clear();
            self.recorder().idle();
        }
        // In the reverse order of opening, as the dynamic loader itself does at exit.
        let libraries = model.libraries.drain(..).rev();
        if in_use {
            libraries
                .filter_map(|id| self.registrar.abandon(id))
                .collect()
        } else {
            libraries
                .filter_map(|id| self.registrar.release(id))
                .collect()
        }
    }
}

impl Backend for PyTorchBackend {
    fn load_libraries(&mut self, paths: &[PathBuf]) -> Result<Vec<LibraryReport>, LoadError> {
        let mut held = std::mem::take(&mut self.for_all);
        let known = held.len();
        let acquired = self.acquire_libraries(paths, &mut held);
        self.for_all = held;
        acquired?;
        Ok(self.reports(&self.for_all[known..]))
    }

    fn describe(&self) -> Vec<LibraryDescription> {
        self.registrar.describe(&self.for_all)
    }

    fn load_model(&mut self, specification: &ModelSpecification) -> Result<LoadedModel, LoadError> {
        let mut model = Model {
            file: specification.file.clone(),
            modules: Vec::new(),
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
