//! The backend: models, their sessions and their op libraries.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::diagnosis;
use super::graph::Graph;
use super::instance::{Inputs, TensorFlowInstance};
use super::messages::NodeDef;
use super::model_file::{Format, ModelFile};
use super::op_library::{LibraryId, OpLibraries};
use super::runtime::Runtime;
use super::session::Session;
use super::signature::{Signature, Tensor};
use super::state;
use super::status::Failure;
use super::threads::Threads;
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
    /// Held here too, so that it ends on the control thread.
    session: Option<Arc<Session>>,
    libraries: Vec<LibraryId>,
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
        let runtime = Runtime::open(&specification.main_library, (*recorder).as_ref())?;
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
        let file = ModelFile::read(&specification.file, &specification.parameters)?;
        self.acquire_libraries(&specification.op_libraries, &mut model.libraries)?;
        let graph = Graph::new(&file.graph);
        self.check_ops(&file, &graph)?;
        self.recorder()
            .enter(Step::CreateSession, &specification.file);
        let session = self.create_session(&file, threads);
        self.recorder().idle();
        let clash = self.clash(&graph.all());
        let session = session.map_err(|failure| {
            let clash = clash.as_deref();
            diagnosis::session_failure(&self.runtime, &specification.file, &failure, clash)
        })?;
        let session = Arc::new(session);
        model.session = Some(session.clone());
        let signature = Arc::new(Signature::of(&session, &file, &graph, specification)?);
        let nodes = graph.behind(signature.output_operations());
        self.check_kernels(&file, &nodes)?;
        let inputs = if state::may_keep_inputs(&nodes, self.libraries.ops()) {
            Inputs::Copied
        } else {
            Inputs::InPlace
        };
        let devices = specification.devices(0, &format!("tensorflow-{}", self.runtime.version))?;
        let instances = devices.iter().map(|_| {
            Box::new(TensorFlowInstance::new(
                session.clone(),
                signature.clone(),
                inputs,
                clash.clone(),
            )) as Box<dyn Instance>
        });
        Ok(LoadedModel {
            instances: instances.collect(),
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

    /// Refuses a model with a node for which its op library has no kernel.
    fn check_kernels(&self, file: &ModelFile, nodes: &[&NodeDef]) -> Result<(), LoadError> {
        let kernels = |op: &str| self.runtime.kernels_of(op);
        diagnosis::missing_kernel(&self.libraries, kernels, &file.path, nodes).map_or(Ok(()), Err)
    }

    fn create_session(&self, file: &ModelFile, threads: Threads) -> Result<Session, Failure> {
        let configuration = threads.configuration();
        match &file.format {
            Format::SavedModel { tags, .. } => {
                Session::of_saved_model(&self.runtime, &file.path, tags, &configuration)
            }
            Format::GraphDef { content } => {
                Session::of_graph(&self.runtime, content, &configuration)
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
        if model.session.is_some() {
            self.recorder().enter(Step::CloseSession, &model.file);
            model.session = None;
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
            session: None,
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
