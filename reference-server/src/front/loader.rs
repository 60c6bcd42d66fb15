//! From a model's folder to instances that serve it: configuration, op libraries, runtime, worker.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use op_library::OpLibrary;
use runtimes::RuntimeName;

use super::blocking::blocking;
use super::fingerprint::Fingerprint;
use super::given_files::GivenFilesRoot;
use super::hosting::Hosting;
use super::known_ops::KnownOps;
use super::labels;
use super::model_folder::ModelFolder;
use super::model_specification::specification;
use super::op_set::OpSet;
use super::options::{Options, RuntimeSelect};
use super::runtime_choice::{Choice, RuntimeChoice};
use super::scheduler::{Policy, Scheduler};
use super::served_model::ServedVersion;
use super::statistics::Statistics;
use super::worker::{GivenUp, Loaded, Placement};
use super::workers::{Tenant, Workers};
use crate::configuration::{
    ConfigurationError, ModelConfiguration, ReportedTensor, SearchPlaces, VersionFolder,
};
use crate::protocol::Signature;
use crate::worker::backend::{LoadError, TensorSignature};

/// Loads model versions into workers.
pub struct Loader {
    hosting: Arc<Hosting>,
    /// Where op libraries may lie.
    roots: Vec<PathBuf>,
    working_directory: PathBuf,
    select: RuntimeSelect,
    auto_complete: bool,
    workers: Workers,
    keys: AtomicU64,
    known_ops: KnownOps,
    given_files: Arc<GivenFilesRoot>,
}

/// What the folder of a model says, before anything is loaded.
pub struct Plan {
    /// Model name.
    pub name: String,
    /// Versions to serve, ascending.
    pub versions: Vec<VersionFolder>,
    configuration: ModelConfiguration,
    folder: ModelFolder,
}

/// Why a version could not be loaded, in a sentence.
#[derive(Clone, Debug)]
pub struct LoadFailure(pub String);

impl Loader {
    /// A loader into workers of `hosting`; op libraries of models may lie below `roots`.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn new(options: &Options, hosting: Hosting, roots: Vec<PathBuf>) -> anyhow::Result<Self> {
        Ok(Self {
            hosting: Arc::new(hosting),
            roots,
            working_directory: std::env::current_dir().context(
                "failed to find the working directory; start the server in one that exists",
            )?,
            select: options.runtime_select,
            auto_complete: !options.disable_auto_complete_config,
            workers: Workers::new(options.isolation, options.limits()),
            keys: AtomicU64::new(1),
            known_ops: KnownOps::default(),
            given_files: Arc::default(),
        })
    }

    /// The runtimes, and the libraries that all models of a framework get.
    pub fn hosting(&self) -> &Arc<Hosting> {
        &self.hosting
    }

    /// Where the files of load requests are written.
    pub fn given_files(&self) -> &Arc<GivenFilesRoot> {
        &self.given_files
    }

    /// Reads the configuration and the version folders of a model. `override_json` takes the
    /// place of `config.pbtxt`.
    ///
    /// # Errors
    /// A sentence that names the file, and the place in it.
    pub fn plan(
        &self,
        name: &str,
        folder: ModelFolder,
        override_json: Option<&str>,
    ) -> Result<Plan, String> {
        let read = |folder: &Path| {
            let configuration = match override_json {
                Some(json) => ModelConfiguration::from_json(json, folder, name, self.auto_complete),
                None => ModelConfiguration::read(folder, name, self.auto_complete),
            }?;
            let versions = configuration.select_versions(folder)?;
            Ok((configuration, versions))
        };
        let (configuration, versions) =
            read(folder.path()).map_err(|error: ConfigurationError| error.to_string())?;
        Ok(Plan {
            name: name.to_owned(),
            versions,
            configuration,
            folder,
        })
    }

    /// Loads one version.
    ///
    /// Where an op library does not load with the runtime that was chosen, another installed one is
    /// tried that may do better, unless the model names its runtime or the choice is strict. What
    /// is told in the end is why the first one failed.
    ///
    /// # Errors
    /// What went wrong, on which file, why, and what to do.
    pub async fn load(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        version: &VersionFolder,
        given_up: GivenUp,
    ) -> Result<Arc<ServedVersion>, LoadFailure> {
        let verified = self.hosting.verified(plan.configuration.framework).await;
        verified.map_err(LoadFailure)?;
        let (set, mut next) = {
            let (loader, plan, version) = (self.clone(), plan.clone(), version.clone());
            let chosen = blocking(move || {
                let set = loader.op_set(&plan, &version)?;
                let first = loader.choice(&plan, &set).first();
                Ok((Arc::new(set), first.map_err(LoadFailure)?))
            });
            chosen.await?
        };
        let mut tried: Vec<RuntimeName> = Vec::new();
        let mut first_failure: Option<String> = None;
        loop {
            let attempt = self.load_into(&next, plan, version, &set, given_up.clone());
            let error = match attempt.await {
                Ok(served) => {
                    if let Some(because) = &next.because {
                        tracing::warn!(
                            "model '{}' is served by {} because {because}",
                            plan.name,
                            next.runtime.name
                        );
                    }
                    return Ok(served);
                }
                Err(error) => error,
            };
            tried.push(next.runtime.name);
            let (loader, plan, set) = (self.clone(), plan.clone(), set.clone());
            let (so_far, because) = (tried.clone(), next.because.clone());
            let (other, text) =
                blocking(move || loader.after_failure(&plan, &set, &so_far, because, error)).await;
            let failure = first_failure.get_or_insert(text);
            match other {
                Some(other) => next = other,
                None => {
                    let mut text = std::mem::take(failure);
                    if let [_, others @ ..] = &tried[..]
                        && !others.is_empty()
                    {
                        let others: Vec<String> =
                            others.iter().map(RuntimeName::to_string).collect();
                        text += &format!("; {} did not do better", others.join(" and "));
                    }
                    return Err(LoadFailure(text));
                }
            }
        }
    }

    fn choice<'a>(&'a self, plan: &'a Plan, set: &'a OpSet) -> RuntimeChoice<'a> {
        RuntimeChoice {
            hosting: &self.hosting,
            select: self.select,
            model: &plan.name,
            framework: plan.configuration.framework,
            named: plan.configuration.runtime,
            set,
        }
    }

    /// The runtime to try after the last of `tried`, which was chosen for the reason `because`,
    /// failed with `error`; and the text of that failure, with what could be done about it.
    fn after_failure(
        &self,
        plan: &Plan,
        set: &OpSet,
        tried: &[RuntimeName],
        because: Option<String>,
        error: LoadError,
    ) -> (Option<Choice>, String) {
        let choice = self.choice(plan, set);
        let other = choice.after(tried, &error);
        let hint = choice.hint(tried, &error).filter(|_| other.is_none());
        let mut text = self.with_advice(error);
        if let Some(hint) = hint {
            text += &format!("; {hint}");
        }
        if let (Some(because), Some(last)) = (because, tried.last()) {
            text += &format!("; {last} was chosen because {because}");
        }
        (other, text)
    }

    /// Loads one version into a worker of the runtime that was chosen.
    async fn load_into(
        &self,
        choice: &Choice,
        plan: &Plan,
        version: &VersionFolder,
        set: &Arc<OpSet>,
        given_up: GivenUp,
    ) -> Result<Arc<ServedVersion>, LoadError> {
        let configuration = &plan.configuration;
        let runtime = &choice.runtime;
        let warnings = {
            let (set, runtime) = (set.clone(), runtime.clone());
            blocking(move || set.warnings(&runtime)).await
        };
        for finding in warnings {
            tracing::warn!("model '{}': {finding}", plan.name);
        }
        let hosted = Arc::new(self.hosting.hosted(runtime, set).await?);
        if let Some(reason) = self.hosting.collision(runtime, set).await {
            return Err(LoadError::new(reason));
        }
        let tenant = Tenant {
            runtime: runtime.name,
            is_default: self.hosting.is_default(runtime),
            op_set: &set.identity(),
            model: &plan.name,
            version: version.version,
        };
        let worker = self
            .workers
            .worker_for(&tenant, self.hosting.launch(runtime));
        let key = self.keys.fetch_add(1, Ordering::Relaxed);
        let specification = specification(configuration, version, key, set.own_paths())
            .map_err(|error| LoadError::new(error.to_string()))?;
        let op_libraries = [hosted.libraries.clone(), set.own_paths()].concat();
        let statistics = Arc::new(Statistics::default());
        let scheduler = Scheduler::new(statistics.clone());
        let placement = Placement {
            hosted,
            specification,
            contents: self.hosting.contents_of(&set.own),
            scheduler: scheduler.clone(),
            given_up,
        };
        let loaded = worker.load(placement).await?;
        // Before the content is compared: what changes from here on counts as changed.
        let mut libraries_seen = Fingerprint::default();
        op_libraries
            .iter()
            .for_each(|path| libraries_seen.add(path));
        if let Err(error) = self.require_unchanged(set).await {
            worker.unload(key).await;
            return Err(error);
        }
        for report in loaded.shared_libraries.iter().chain(&loaded.libraries) {
            self.known_ops.learn(report);
        }

        let described = describe(configuration, &loaded);
        let (configuration, signature, input_numbers, output_numbers) = match described {
            Ok(described) => described,
            Err(reason) => {
                worker.unload(key).await;
                return Err(LoadError::new(reason));
            }
        };
        let outputs = signature.outputs.iter().map(|output| output.name.as_str());
        let message = configuration.message_with(&[]);
        let labels = match labels::read(&message, plan.folder.path(), outputs) {
            Ok(labels) => labels,
            Err(reason) => {
                worker.unload(key).await;
                return Err(LoadError::new(reason));
            }
        };
        scheduler.set_policy(policy(&configuration));
        Ok(Arc::new(ServedVersion {
            name: plan.name.clone(),
            version: version.version,
            _folder: plan.folder.clone(),
            key,
            configuration,
            signature,
            input_numbers,
            output_numbers,
            labels,
            runtime: runtime.name.to_string(),
            chosen_because: choice.because.clone(),
            op_libraries,
            libraries_seen,
            scheduler,
            statistics,
            worker,
        }))
    }

    /// Refuses what a worker was given under the content hash of another file.
    async fn require_unchanged(&self, set: &Arc<OpSet>) -> Result<(), LoadError> {
        let (hosting, set) = (self.hosting.clone(), set.clone());
        blocking(move || {
            let is_same = |library: &&Arc<OpLibrary>| {
                let now = hosting.inspections().of(&library.path);
                now.is_ok_and(|now| now.content_hash == library.content_hash)
            };
            let changed = set.all().find(|library| !is_same(library));
            changed.map_or(Ok(()), |library| {
                Err(LoadError::new(format!(
                    "op library '{}' was replaced while the model was being loaded; load the model \
                     again",
                    library.path.display()
                )))
            })
        })
        .await
    }

    /// Finds and inspects the op libraries that a version sees.
    fn op_set(&self, plan: &Plan, version: &VersionFolder) -> Result<OpSet, LoadFailure> {
        let clients_files = self.given_files.path();
        let places = SearchPlaces {
            version_folder: &version.path,
            model_folder: plan.folder.path(),
            working_directory: &self.working_directory,
            allowed_roots: &self.roots,
            clients_files: clients_files.as_deref(),
        };
        let framework = plan.configuration.framework;
        let mut set = self.hosting.op_set_of(framework).map_err(LoadFailure)?;
        for name in &plan.configuration.op_libraries {
            let path = places
                .resolve(Path::new(name))
                .map_err(|error| LoadFailure(error.to_string()))?;
            let library = self
                .hosting
                .inspections()
                .of(&path)
                .map_err(|error| LoadFailure(error.to_string()))?;
            match self.hosting.twin(&library, set.all()) {
                Some(twin) => tracing::debug!(
                    "model '{}': '{}' is there already, as '{}'",
                    plan.name,
                    path.display(),
                    twin.path.display()
                ),
                None => set.own.push(library),
            }
        }
        Ok(set)
    }

    /// The text of a load error, with where the missing ops could come from.
    fn with_advice(&self, error: LoadError) -> String {
        let mut text = error.message;
        for op in &error.missing_ops {
            if let Some(advice) = self.known_ops.advice(op, &self.roots) {
                text.push_str("; ");
                text.push_str(&advice);
            }
        }
        text
    }

    /// Lets go of what lives as long as the server: workers, and the folder of clients' files.
    pub fn release(&self) {
        self.workers.release();
        self.given_files.close();
    }
}

/// The model's configuration made complete, what clients see of it, and how its inputs and
/// outputs map to the worker's numbers.
type Described = (ModelConfiguration, Signature, Vec<u32>, Vec<u32>);

fn describe(configuration: &ModelConfiguration, loaded: &Loaded) -> Result<Described, String> {
    fn reported(tensors: &[TensorSignature]) -> Vec<ReportedTensor<'_>> {
        tensors
            .iter()
            .map(|tensor| ReportedTensor {
                name: &tensor.name,
                data_type: tensor.data_type,
                dims: &tensor.dims,
            })
            .collect()
    }
    let (configuration, signature) = configuration
        .with_model(&reported(&loaded.inputs), &reported(&loaded.outputs))
        .map_err(|error| error.to_string())?;
    let numbers = |wanted: &[crate::protocol::TensorSpecification],
                   reported: &[TensorSignature]| {
        wanted
            .iter()
            .map(|tensor| {
                reported
                    .iter()
                    .position(|reported| reported.name == tensor.name)
                    .map(|position| position as u32)
                    .ok_or_else(|| format!("the model has no tensor '{}'", tensor.name))
            })
            .collect::<Result<Vec<u32>, String>>()
    };
    let inputs = numbers(&signature.inputs, &loaded.inputs)?;
    let outputs = numbers(&signature.outputs, &loaded.outputs)?;
    Ok((configuration, signature, inputs, outputs))
}

/// How the model's queue behaves.
fn policy(configuration: &ModelConfiguration) -> Policy {
    Policy {
        max_batch_size: u64::from(configuration.max_batch_size),
        batching: configuration.batching.clone(),
    }
}
