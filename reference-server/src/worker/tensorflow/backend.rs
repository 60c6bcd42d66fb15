//! The backend: models, their sessions and their op libraries.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;

use super::diagnosis;
use super::graph::Graph;
use super::instance::{Inputs, TensorFlowInstance};
use super::messages::NodeDef;
use super::model_file::{Format, ModelFile};
use super::op_library::{LibraryId, OpLibraries};
use super::placement::Placement;
use super::runtime::Runtime;
use super::session::Session;
use super::signature::{Signature, Tensor};
use super::state;
use super::status::Failure;
use super::threads::Threads;
use crate::configuration::Device;
use crate::worker::backend::{
    Backend, Instance, LibraryDescription, LibraryReport, LoadError, LoadedModel,
    ModelSpecification, RuntimeSpecification, StillMapped,
};
use crate::worker::op_library::{FileIdentity, refused, refused_everywhere, warn_of};
use crate::worker::recorder::{Recorder, SharedRecorder, Step};

/// TensorFlow with the models that this worker serves.
///
/// A process can have one only: op libraries register with the one that they are linked to.
pub struct TensorFlowBackend {
    // Dropped in this order: sessions use the runtime.
    models: HashMap<u64, Model>,
    for_all: Vec<LibraryId>,
    libraries: OpLibraries,
    preloaded: Vec<PathBuf>,
    runtime: Arc<Runtime>,
    recorder: SharedRecorder,
}

/// What a model holds.
struct Model {
    file: PathBuf,
    /// One for each device. Held here too, so that they end on the control thread.
    sessions: Vec<Arc<Session>>,
    libraries: Vec<LibraryId>,
}

/// A model on one device.
struct Prepared {
    session: Arc<Session>,
    signature: Arc<Signature>,
    inputs: Inputs,
}

impl TensorFlowBackend {
    /// Maps the runtime, a `libtensorflow_cc.so.2`.
    ///
    /// # Errors
    /// The library cannot be mapped or is no TensorFlow.
    pub fn open(
        specification: &RuntimeSpecification,
        recorder: SharedRecorder,
    ) -> Result<Self, LoadError> {
        let runtime = Runtime::open(specification, (*recorder).as_ref())?;
        Ok(Self {
            models: HashMap::new(),
            for_all: Vec::new(),
            libraries: OpLibraries::new(runtime.clone(), recorder.clone(), specification),
            preloaded: specification.preloaded.clone(),
            runtime,
            recorder,
        })
    }

    /// The version that the runtime tells, such as `2.21.0`.
    pub fn version(&self) -> &str {
        &self.runtime.version
    }

    fn recorder(&self) -> &Recorder {
        (*self.recorder).as_ref()
    }

    /// Loads the model's op libraries into `held`, which has what was loaded also after an error.
    fn acquire_libraries(
        &mut self,
        paths: &[PathBuf],
        held: &mut Vec<LibraryId>,
    ) -> Result<(), LoadError> {
        for path in paths {
            let position = self
                .preloaded
                .iter()
                .position(|other| FileIdentity::is_among(path, std::slice::from_ref(other)));
            let id = if let Some(position) = position {
                self.libraries
                    .adopt(path, &self.preloaded[position + 1..])?
            } else {
                self.libraries.acquire(path)?
            };
            if held.contains(&id) {
                tracing::warn!(library = %path.display(), "an op library is listed twice");
                self.libraries.release(id);
                continue;
            }
            held.push(id);
            self.check_collisions(id, held)?;
        }
        Ok(())
    }

    /// Refuses a library whose ops clash with TensorFlow's own or with those of a library that the
    /// same model gets.
    ///
    /// Where the other one belongs to other models, TensorFlow's own behaviour is kept: what shares
    /// a worker under the isolation policy shares its registry.
    fn check_collisions(&self, id: LibraryId, held: &[LibraryId]) -> Result<(), LoadError> {
        for collision in self.libraries.collisions_of(id) {
            let text = self.collision_text(&collision.op, collision.first, id);
            match collision.first {
                // Another version may lack those kernels.
                None => return Err(refused(self.libraries.path(id), &text)),
                Some(first) if held.contains(&first) || self.for_all.contains(&first) => {
                    return Err(refused_everywhere(self.libraries.path(id), &text));
                }
                Some(_) => {}
            }
            tracing::warn!("{text}");
        }
        Ok(())
    }

    fn collision_text(&self, op: &str, first: Option<LibraryId>, second: LibraryId) -> String {
        const CONSEQUENCE: &str = "cannot choose between their kernels: models that use it fail when \
                                   they are loaded or executed";
        let second = self.libraries.path(second).display();
        match first {
            Some(first) => format!(
                "both '{}' and '{second}' register the op '{op}', and TensorFlow keeps the \
                 definition that came first and {CONSEQUENCE}; give each model one of the two, in \
                 workers of their own (isolation 'op-set' or 'model')",
                self.libraries.path(first).display(),
            ),
            None => format!(
                "both TensorFlow {} itself and '{second}' have kernels of the same kind for the \
                 op '{op}', and TensorFlow {CONSEQUENCE}; give the library's kernels a label, a \
                 higher priority or an op of their own",
                self.runtime.version
            ),
        }
    }

    fn load(
        &mut self,
        specification: &ModelSpecification,
        model: &mut Model,
    ) -> Result<LoadedModel, LoadError> {
        let threads = Threads::from_parameters(&specification.parameters)?;
        let devices = specification.devices(|| self.runtime.gpus(), &self.runtime.name())?;
        let file = ModelFile::read(&specification.file, &specification.parameters)?;
        self.acquire_libraries(&specification.op_libraries, &mut model.libraries)?;
        let graph = Graph::new(&file.graph);
        self.check_ops(&file, &graph)?;
        let clash = self.clash(&graph.all());
        let mut prepared: HashMap<Device, Prepared> = HashMap::new();
        let mut instances: Vec<Box<dyn Instance>> = Vec::new();
        for &device in &devices {
            let of_device = match prepared.entry(device) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let session = self.open_session(&file, threads, device, clash.as_deref())?;
                    model.sessions.push(session.clone());
                    let signature = Signature::of(&session, &file, &graph, specification)?;
                    let nodes = graph.behind(signature.output_operations());
                    self.check_kernels(&file, &nodes, device)?;
                    let inputs = if state::may_keep_inputs(&nodes, self.libraries.ops()) {
                        Inputs::Copied
                    } else {
                        Inputs::InPlace
                    };
                    place.insert(Prepared {
                        session,
                        signature: Arc::new(signature),
                        inputs,
                    })
                }
            };
            instances.push(Box::new(TensorFlowInstance::new(
                of_device.session.clone(),
                of_device.signature.clone(),
                of_device.inputs,
                device,
                clash.clone(),
            )));
        }
        let first = devices.first().and_then(|device| prepared.get(device));
        let signature = &first.expect("a model has at least one instance").signature;
        Ok(LoadedModel {
            instances,
            inputs: signature.inputs.iter().map(Tensor::to_protocol).collect(),
            outputs: signature.outputs.iter().map(Tensor::to_protocol).collect(),
            libraries: model
                .libraries
                .iter()
                .map(|&id| self.libraries.report(id))
                .collect(),
        })
    }

    /// Refuses a model with an op that is not registered.
    fn check_ops(&mut self, file: &ModelFile, graph: &Graph<'_>) -> Result<(), LoadError> {
        let nodes = graph.all();
        let known = self.libraries.ops();
        let mut used = graph.ops(&nodes);
        used.retain(|op| !known.contains_key(*op));
        if used.is_empty() {
            return Ok(());
        }
        let missing: Vec<&str> = used.into_iter().collect();
        Err(diagnosis::missing_ops(
            &self.runtime,
            &file.path,
            &missing,
            &nodes,
            &self.libraries.reports(),
        ))
    }

    /// Refuses a model with a node for which its op library has no kernel that `device` allows.
    fn check_kernels(
        &self,
        file: &ModelFile,
        nodes: &[&NodeDef],
        device: Device,
    ) -> Result<(), LoadError> {
        let kernels = |op: &str| self.runtime.kernels_of(op);
        diagnosis::missing_kernel(&self.libraries, kernels, &file.path, nodes, device)
            .map_or(Ok(()), Err)
    }

    /// A session of the model on `device`. `clash` tells of libraries with the same op.
    fn open_session(
        &self,
        file: &ModelFile,
        threads: Threads,
        device: Device,
        clash: Option<&str>,
    ) -> Result<Arc<Session>, LoadError> {
        self.recorder().enter(Step::CreateSession, &file.path);
        let session = self.create_session(file, threads, Placement(device));
        self.recorder().idle();
        session
            .and_then(|session| on_device(session, Placement(device)))
            .map(Arc::new)
            .map_err(|failure| {
                diagnosis::session_failure(&self.runtime, &file.path, &failure, clash)
            })
    }

    fn create_session(
        &self,
        file: &ModelFile,
        threads: Threads,
        placement: Placement,
    ) -> Result<Session, Failure> {
        let mut configuration = threads.configuration();
        placement.configure(&mut configuration);
        match &file.format {
            Format::SavedModel { tags, .. } => {
                let path = &file.path;
                Session::of_saved_model(&self.runtime, path, tags, &configuration, placement)
            }
            Format::GraphDef { content } => {
                Session::of_graph(&self.runtime, content, &configuration, placement)
            }
        }
    }

    /// What to tell when one of the nodes cannot run because two libraries brought its op.
    fn clash(&self, nodes: &[&NodeDef]) -> Option<Arc<str>> {
        nodes.iter().find_map(|node| {
            let (first, second) = self.libraries.clash(&node.op)?;
            Some(self.collision_text(&node.op, first, second).into())
        })
    }

    /// Ends the session and gives up the libraries, which TensorFlow keeps.
    fn release(&mut self, mut model: Model) -> Vec<StillMapped> {
        if !model.sessions.is_empty() {
            self.recorder().enter(Step::CloseSession, &model.file);
            model.sessions.clear();
            self.recorder().idle();
        }
        let libraries = model.libraries.drain(..);
        libraries
            .filter_map(|id| self.libraries.release(id))
            .collect()
    }
}

impl Backend for TensorFlowBackend {
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
        self.libraries.describe(&self.for_all)
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

/// The session, where it has the device that it was made for: TensorFlow goes on without a GPU that it
/// cannot use, on the CPU.
fn on_device(session: Session, placement: Placement) -> Result<Session, Failure> {
    let devices = session.devices()?;
    tracing::debug!(?devices, "a session has these devices");
    match placement.default_device() {
        Some(device) if !devices.iter().any(|name| name.ends_with(&device)) => {
            Err(Failure::invalid(format!(
                "the session has no device {device}, only {}; the server's log tells why, with \
                 TF_CPP_MIN_LOG_LEVEL=0 in the environment of the server",
                devices.join(", ")
            )))
        }
        _ => Ok(session),
    }
}
