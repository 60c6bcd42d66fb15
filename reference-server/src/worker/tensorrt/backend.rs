//! The backend: models, their engines and their op libraries.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::diagnosis;
use super::engine::Engine;
use super::gpu::{Gpu, GpuError};
use super::instance::TensorRtInstance;
use super::op_library::{PluginLibraries, taken};
use super::plan::Header;
use super::runtime::Runtime;
use super::signature::{Signature, Tensor};
use crate::configuration::Device;
use crate::worker::backend::{
    Backend, Instance, LibraryDescription, LibraryReport, LoadError, LoadedModel,
    ModelSpecification, RuntimeSpecification, StillMapped,
};
use crate::worker::op_library::{LibraryId, refused_everywhere};
use crate::worker::recorder::{Recorder, SharedRecorder, Step};

/// TensorRT with the models that this worker serves.
///
/// A process can have one only: plugin libraries register with the one that they are linked to.
pub struct TensorRtBackend {
    // Dropped in this order: engines use plugins, which use the runtime.
    models: HashMap<u64, Model>,
    for_all: Vec<LibraryId>,
    libraries: PluginLibraries,
    runtime: Arc<Runtime>,
    recorder: SharedRecorder,
    /// Those that models have used. Held from then on: CUDA takes down what a process has on a GPU with
    /// the last holder, and engines and TensorRT itself outlive the instances.
    gpus: HashMap<u32, Gpu>,
}

/// What a model is once TensorRT has read its plan.
struct Prepared {
    signature: Arc<Signature>,
    instances: Vec<Box<dyn Instance>>,
}

/// What a model holds.
struct Model {
    file: PathBuf,
    /// Held here too, so that they end on the control thread.
    engines: Vec<Arc<Engine>>,
    libraries: Vec<LibraryId>,
}

impl TensorRtBackend {
    /// Maps the runtime, a `libnvinfer.so` or `libnvinfer_lean.so` of version 8.5 or newer. It
    /// needs no GPU.
    ///
    /// # Errors
    /// The library cannot be mapped, is no TensorRT, or has no bridge that fits.
    pub fn open(
        specification: &RuntimeSpecification,
        recorder: SharedRecorder,
    ) -> Result<Self, LoadError> {
        let runtime = Runtime::open(specification, (*recorder).as_ref())?;
        Ok(Self {
            models: HashMap::new(),
            for_all: Vec::new(),
            libraries: PluginLibraries::new(
                runtime.clone(),
                recorder.clone(),
                specification.python.clone(),
            ),
            runtime,
            recorder,
            gpus: HashMap::new(),
        })
    }

    /// The version that the runtime tells, such as `8.6.0`.
    pub fn version(&self) -> String {
        self.runtime.version.to_string()
    }

    fn recorder(&self) -> &Recorder {
        (*self.recorder).as_ref()
    }

    /// Loads op libraries into `held`, which has what was loaded also after an error.
    fn acquire_libraries(
        &mut self,
        paths: &[PathBuf],
        held: &mut Vec<LibraryId>,
    ) -> Result<(), LoadError> {
        for path in paths {
            let id = self.libraries.acquire(path)?;
            if held.contains(&id) {
                tracing::warn!(library = %path.display(), "an op library is listed twice");
                self.libraries.release(id);
                continue;
            }
            held.push(id);
            // The registry is the worker's: whoever had the name before, this library's plugin is
            // not the one that its models would get.
            if let Some(collision) = self.libraries.collisions(id).first() {
                let reason = taken(&collision.op, collision.first.as_deref());
                return Err(refused_everywhere(path, &reason));
            }
        }
        Ok(())
    }

    /// The GPU of that number, counted from 0.
    fn gpu(&mut self, number: u32) -> Result<Gpu, GpuError> {
        if let Some(gpu) = self.gpus.get(&number) {
            return Ok(gpu.clone());
        }
        let gpu = Gpu::find(number)?;
        self.gpus.insert(number, gpu.clone());
        Ok(gpu)
    }

    fn load(
        &mut self,
        specification: &ModelSpecification,
        model: &mut Model,
    ) -> Result<LoadedModel, LoadError> {
        let file = &specification.file;
        Header::read(file)
            .and_then(|header| header.check(self.runtime.reader()))
            .map_err(|error| diagnosis::unfit(file, &error))?;
        self.acquire_libraries(&specification.op_libraries, &mut model.libraries)?;
        // Plans run on nothing else: an instance that names no GPU is on the first one.
        let numbers = specification.instances.iter().map(|device| match device {
            Device::Gpu(number) => *number,
            Device::Cpu | Device::OfModel | Device::Auto => 0,
        });
        let gpus = numbers
            .map(|number| Ok((number, self.gpu(number)?)))
            .collect::<Result<Vec<_>, GpuError>>()
            .map_err(|error| diagnosis::no_gpu(file, &error))?;
        self.recorder().enter(Step::CreateSession, file);
        let prepared = self.prepare(specification, model, &gpus);
        self.recorder().idle();
        let Prepared {
            signature,
            instances,
        } = prepared.map_err(|failure| {
            let capabilities: Vec<String> = gpus
                .iter()
                .filter_map(|(_, gpu)| gpu.compute_capability())
                .collect();
            diagnosis::refused(
                &self.runtime,
                file,
                &failure,
                &self.libraries.reports(),
                &capabilities,
            )
        })?;
        Ok(LoadedModel {
            inputs: signature.inputs.iter().map(Tensor::to_protocol).collect(),
            outputs: signature.outputs.iter().map(Tensor::to_protocol).collect(),
            instances,
            libraries: model
                .libraries
                .iter()
                .map(|&id| self.libraries.report(id))
                .collect(),
        })
    }

    /// Lets TensorRT read the plan, and makes an instance on each of `gpus`, which stand with their
    /// numbers.
    fn prepare(
        &self,
        specification: &ModelSpecification,
        model: &mut Model,
        gpus: &[(u32, Gpu)],
    ) -> Result<Prepared, String> {
        let plan = File::open(&specification.file).map_err(|error| error.to_string())?;
        // SAFETY: who changes the file while it is read gets what TensorRT makes of it.
        let plan = unsafe { memmap2::Mmap::map(&plan) }.map_err(|error| error.to_string())?;
        let mut signature: Option<Arc<Signature>> = None;
        let mut of_gpu: HashMap<u32, Arc<Engine>> = HashMap::new();
        let mut instances: Vec<Box<dyn Instance>> = Vec::new();
        for (number, gpu) in gpus {
            gpu.bind()?;
            // Before 10 only an engine's first context has a profile of shapes.
            let is_shared = self.runtime.version.major >= 10
                || signature
                    .as_ref()
                    .is_some_and(|known| !known.has_open_inputs());
            let known = of_gpu.get(number).filter(|_| is_shared);
            let engine = match known {
                Some(engine) => engine.clone(),
                None => {
                    let engine = Arc::new(Engine::new(&self.runtime, &plan)?);
                    model.engines.push(engine.clone());
                    of_gpu.insert(*number, engine.clone());
                    engine
                }
            };
            let signature = match &signature {
                Some(signature) => signature.clone(),
                None => signature.insert(Arc::new(Signature::of(&engine)?)).clone(),
            };
            let context = engine.context()?;
            let instance = TensorRtInstance::new(context, signature, gpu.clone())?;
            instances.push(Box::new(instance));
        }
        let signature = signature.ok_or("the model has no instance")?;
        Ok(Prepared {
            signature,
            instances,
        })
    }

    /// Ends the engines, then gives up the libraries.
    fn release(&mut self, mut model: Model) -> Vec<StillMapped> {
        let mut engines = model.engines.iter();
        let in_use = engines.any(|engine| Arc::strong_count(engine) > 1);
        if !model.engines.is_empty() {
            self.recorder().enter(Step::CloseSession, &model.file);
            model.engines.clear();
            self.recorder().idle();
        }
        // In the reverse order of loading, as the dynamic loader itself does at exit.
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

impl Backend for TensorRtBackend {
    fn load_libraries(&mut self, paths: &[PathBuf]) -> Result<Vec<LibraryReport>, LoadError> {
        let mut held = std::mem::take(&mut self.for_all);
        let known = held.len();
        let acquired = self.acquire_libraries(paths, &mut held);
        self.for_all = held;
        acquired?;
        let added = self.for_all[known..].iter();
        Ok(added.map(|&id| self.libraries.report(id)).collect())
    }

    fn describe(&self) -> Vec<LibraryDescription> {
        let ids = self.for_all.iter();
        ids.map(|&id| self.libraries.describe(id)).collect()
    }

    fn load_model(&mut self, specification: &ModelSpecification) -> Result<LoadedModel, LoadError> {
        let mut model = Model {
            file: specification.file.clone(),
            engines: Vec::new(),
            libraries: Vec::new(),
        };
        match self.load(specification, &mut model) {
            Ok(loaded) => {
                self.models.insert(specification.key, model);
                Ok(loaded)
            }
            Err(error) => {
                for remaining in self.release(model) {
                    tracing::warn!(
                        library = %remaining.path.display(),
                        reason = remaining.reason,
                        "an op library of a model that did not load is still mapped"
                    );
                }
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
