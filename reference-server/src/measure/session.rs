//! One runtime in this process, with models and inputs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use measure_protocol::{
    Copy, Load, Loaded, Place, Ran, Reply, Request, Run, Sample, Tensor, Write,
};
use runtimes::Framework;

use super::clocks::{self, Clocks};
use super::cupti::record::What;
use super::cupti::{self, Tracer};
use super::error::MeasureError;
use super::gpu::Gpu;
use super::inputs::Inputs;
use super::outputs::Poisoned;
use super::timeline;
use crate::configuration::{Device, ModelConfiguration, SearchPlaces};
use crate::front::model_specification::specification;
use crate::ipc::arena::WorkerArena;
use crate::worker::backend::{
    Backend, Instance, LoadedModel, OutputSink, RuntimeSpecification, TensorSignature,
};
use crate::worker::opening;
use crate::worker::outputs::Outputs;
use crate::worker::pinned_memory::{PinnedMemory, PinnedMemoryUser, Pins};

/// A runtime with the models that were loaded into it.
pub(super) struct Session {
    // Dropped in this order: executions use op libraries, which the backend closes.
    models: BTreeMap<String, Model>,
    backend: Box<dyn Backend>,
    framework: Framework,
    inputs: BTreeMap<String, Inputs>,
    arena: Arc<WorkerArena>,
    pinned: Arc<PinnedMemory>,
    next_key: u64,
    /// The GPU, once a model was put there or something asked for it.
    gpu: Option<Gpu>,
    clocks: Option<Clocks>,
    tracer: Option<Tracer>,
    /// Where CUPTI may lie.
    cupti: Vec<PathBuf>,
}

struct Model {
    key: u64,
    // Dropped before the instance, whose state on the GPU it needs.
    pinned: PinnedMemoryUser,
    instance: Box<dyn Instance>,
    inputs: Vec<TensorSignature>,
    outputs: Vec<TensorSignature>,
}

impl Session {
    /// Maps the runtime of `specification`. CUPTI is looked for at `cupti` when it is first needed, or
    /// beside the runtime and on the system.
    ///
    /// # Errors
    /// The runtime cannot be mapped.
    pub(super) fn open(
        specification: &RuntimeSpecification,
        arena: Arc<WorkerArena>,
        cupti: Option<&Path>,
    ) -> Result<Self, MeasureError> {
        Ok(Self {
            models: BTreeMap::new(),
            backend: opening::open(specification, arena.clone())?,
            framework: specification.framework,
            inputs: BTreeMap::new(),
            pinned: PinnedMemory::new(arena.clone()),
            arena,
            next_key: 1,
            gpu: None,
            clocks: None,
            tracer: None,
            cupti: cupti::candidates(cupti, &specification.library_dirs),
        })
    }

    /// Does what is asked; what fails is told in the reply.
    pub(super) fn answer(&mut self, request: Request) -> Reply {
        let done = |()| Reply::Done;
        let answer = match request {
            Request::Load(load) => self.load(&load).map(Reply::Loaded),
            Request::Unload(name) => self.unload(&name).map(done),
            Request::SetInputs { name, tensors } => Inputs::read(&tensors, &self.arena)
                .map(|inputs| {
                    self.inputs.insert(name, inputs);
                })
                .map(done),
            Request::ForgetInputs(name) => self
                .inputs
                .remove(&name)
                .map(drop)
                .ok_or_else(|| unknown("set of inputs", &name))
                .map(done),
            Request::Run(run) => self.run(&run).map(Reply::Ran),
            Request::Write(write) => self.write(&write),
            Request::Copy(copy) => self.copy(copy).map(Reply::Copied),
            Request::DescribeDevice => self.describe_device(),
        };
        answer.unwrap_or_else(|error| match error {
            MeasureError::Load(error) if error.without_gpu => Reply::WithoutGpu(error.message),
            other => Reply::Failed(other.to_string()),
        })
    }

    fn load(&mut self, load: &Load) -> Result<Loaded, MeasureError> {
        let folder = &load.folder;
        let name = folder.file_name().map(OsStr::to_string_lossy);
        let mut configuration =
            ModelConfiguration::read(folder, name.as_deref().unwrap_or_default(), true)?;
        if configuration.framework != self.framework {
            return Err(MeasureError::OtherFramework {
                folder: folder.clone(),
                found: configuration.framework,
                expected: self.framework,
            });
        }
        configuration.instances = vec![match load.place {
            Place::Cpu => Device::Cpu,
            Place::Gpu(number) => Device::Gpu(number),
        }];
        let versions = configuration.select_versions(folder)?;
        let version = versions
            .last()
            .ok_or_else(|| unknown("version", &load.name))?;
        // Whoever asks chose the files himself: none is out of bounds.
        let everywhere = [PathBuf::from("/")];
        let places = SearchPlaces {
            version_folder: &version.path,
            model_folder: folder,
            working_directory: Path::new("."),
            allowed_roots: &everywhere,
            clients_files: None,
        };
        let op_libraries = configuration
            .op_libraries
            .iter()
            .map(|name| places.resolve(Path::new(name)))
            .collect::<Result<_, _>>()?;
        let key = self.next_key;
        self.next_key += 1;
        if self.models.contains_key(&load.name) {
            self.unload(&load.name)?;
        }
        let specification = specification(&configuration, version, key, op_libraries)?;
        if let Place::Gpu(number) = load.place {
            self.use_gpu(number)?;
        }
        let LoadedModel {
            inputs,
            outputs,
            instances,
            ..
        } = self.backend.load_model(&specification)?;
        let loaded = Loaded {
            inputs: inputs.iter().map(tensor).collect(),
            outputs: outputs.iter().map(tensor).collect(),
        };
        let instance = instances.into_iter().next().expect("one was asked for");
        let model = Model {
            key,
            pinned: self.pinned.user(instance.gpu_transfers()),
            instance,
            inputs,
            outputs,
        };
        self.models.insert(load.name.clone(), model);
        Ok(loaded)
    }

    fn unload(&mut self, name: &str) -> Result<(), MeasureError> {
        let model = self
            .models
            .remove(name)
            .ok_or_else(|| unknown("model", name))?;
        // The instance goes before the backend lets go of its model.
        let Model {
            key,
            pinned,
            instance,
            ..
        } = model;
        drop((pinned, instance));
        for library in self.backend.unload_model(key) {
            tracing::debug!(
                "{} stays mapped: {}",
                library.path.display(),
                library.reason
            );
        }
        Ok(())
    }

    /// Opens the GPU where it is not open yet; there may be none.
    fn use_gpu(&mut self, number: u32) -> Result<(), MeasureError> {
        if self.gpu.is_none() {
            self.gpu = Gpu::open(number)?;
            self.clocks = self.gpu.as_ref().and_then(Clocks::open);
        }
        Ok(())
    }

    fn run(&mut self, run: &Run) -> Result<Ran, MeasureError> {
        if run.models.is_empty() || run.inputs.is_empty() {
            return Err(MeasureError::NothingToRun);
        }
        if run.trace {
            self.use_tracer()?;
        }
        let before = self.clocks.as_ref().and_then(Clocks::now);
        if let Some(tracer) = self.tracer.as_ref().filter(|_| run.trace) {
            tracer.start()?;
        }
        let mut begins = Vec::new();
        let mut samples = Vec::new();
        let executed = self.execute_all(run, &mut samples, &mut begins);
        // The recording ends also after an error.
        let recorded = match (&self.tracer, &self.gpu) {
            (Some(tracer), Some(gpu)) if run.trace => {
                let synchronized = gpu.synchronize();
                let recorded = tracer.stop();
                synchronized?;
                Some(recorded)
            }
            _ => None,
        };
        executed?;
        let mut kernels = Vec::new();
        if let Some(activities) = recorded.transpose()? {
            let (times, used) = timeline::assign(&activities, &begins, run.models.len());
            for (sample, time) in samples.iter_mut().zip(times) {
                sample.device = Some(time);
            }
            kernels = used;
        }
        let after = self.clocks.as_ref().and_then(Clocks::now);
        Ok(Ran {
            samples,
            kernels,
            clocks: before
                .zip(after)
                .map(|(before, after)| clocks::between(&before, &after)),
        })
    }

    fn execute_all(
        &mut self,
        run: &Run,
        samples: &mut Vec<Sample>,
        begins: &mut Vec<(u64, u32)>,
    ) -> Result<(), MeasureError> {
        let last = run.models.len() as u32 - 1;
        for (turn, inputs) in (0..run.count).zip(run.inputs.iter().cycle()) {
            for place in 0..=last {
                let model = if turn % 2 == 0 { place } else { last - place };
                if run.flush
                    && let Some(gpu) = &mut self.gpu
                {
                    gpu.flush()?;
                }
                if let Some(tracer) = self.tracer.as_ref().filter(|_| run.trace) {
                    begins.push((tracer.now()?, model));
                }
                let arena = self.arena.clone();
                let name = &run.models[model as usize];
                let mut sink = Outputs::new(&arena, self.pins_of(name)?);
                let wall = self.execute(name, inputs, &mut sink)?;
                samples.push(Sample {
                    model,
                    wall,
                    device: None,
                });
            }
        }
        Ok(())
    }

    /// For an execution of the model `name`.
    fn pins_of(&self, name: &str) -> Result<Pins, MeasureError> {
        let model = self.models.get(name);
        let model = model.ok_or_else(|| unknown("model", name))?;
        Ok(model.pinned.pins())
    }

    /// Executes the model `name` once and returns how long that took, in nanoseconds.
    fn execute<'a>(
        &'a mut self,
        name: &str,
        inputs: &str,
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<u64, MeasureError> {
        let model = self
            .models
            .get_mut(name)
            .ok_or_else(|| unknown("model", name))?;
        let set = self
            .inputs
            .get(inputs)
            .ok_or_else(|| unknown("set of inputs", inputs))?;
        let tensors = set
            .for_model(&model.inputs)
            .map_err(|reason| MeasureError::Misfit {
                inputs: inputs.to_owned(),
                model: name.to_owned(),
                reason,
            })?;
        let outputs: Vec<u32> = (0..model.outputs.len() as u32).collect();
        // Before the time that is taken, which would hold the pinning of a first execution.
        let mut pins = model.pinned.pins();
        set.pin(&model.inputs, &mut pins);
        let begin = Instant::now();
        let executed = model.instance.execute(&tensors, &outputs, sink);
        let wall = begin.elapsed().as_nanos() as u64;
        executed.map_err(|source| MeasureError::Execution {
            model: name.to_owned(),
            source,
        })?;
        Ok(wall)
    }

    fn write(&mut self, write: &Write) -> Result<Reply, MeasureError> {
        let model = self.models.get(&write.model);
        let model = model.ok_or_else(|| unknown("model", &write.model))?;
        let declared = model.outputs.clone();
        let arena = self.arena.clone();
        let mut sink = Poisoned::new(&arena, self.pins_of(&write.model)?, write.poison);
        self.execute(&write.model, &write.inputs, &mut sink)?;
        sink.write(&arena, &declared, &write.folder)
            .map(Reply::Written)
    }

    fn use_tracer(&mut self) -> Result<(), MeasureError> {
        if self.gpu.is_none() {
            return Err(MeasureError::NoGpu("a run that is traced"));
        }
        if self.tracer.is_none() {
            self.tracer = Some(Tracer::open(&self.cupti)?);
        }
        Ok(())
    }

    fn copy(&mut self, copy: Copy) -> Result<Vec<u64>, MeasureError> {
        self.use_gpu(0)?;
        self.use_tracer()?;
        let (Some(gpu), Some(tracer)) = (&mut self.gpu, &self.tracer) else {
            return Err(MeasureError::NoGpu("a copy"));
        };
        tracer.start()?;
        let copied = gpu.copy(
            usize::try_from(copy.bytes).unwrap_or(usize::MAX),
            copy.count,
            copy.from_host,
        );
        let recorded = tracer.stop();
        copied?;
        let is_one = |what: &What| {
            *what
                == What::Copy {
                    bytes: copy.bytes,
                    within_device: true,
                }
        };
        let copies = recorded?
            .into_iter()
            .filter(|activity| is_one(&activity.what));
        Ok(copies.map(|activity| activity.duration).collect())
    }

    fn describe_device(&mut self) -> Result<Reply, MeasureError> {
        self.use_gpu(0)?;
        let record = self
            .gpu
            .as_ref()
            .map(|gpu| clocks::describe(gpu, self.clocks.as_ref()));
        Ok(Reply::Device(record))
    }
}

fn tensor(signature: &TensorSignature) -> Tensor {
    Tensor {
        name: signature.name.clone(),
        data_type: signature.data_type.to_string(),
        dims: signature.dims.clone(),
    }
}

fn unknown(kind: &'static str, name: &str) -> MeasureError {
    MeasureError::Unknown {
        kind,
        name: name.to_owned(),
    }
}
