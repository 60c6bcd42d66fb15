//! From a model's folder to instances that serve it: configuration, op libraries, runtime, worker.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use op_library::{OpLibrary, Verdict};
use runtimes::{Framework, Runtime, RuntimeName, RuntimeSet};

use super::fingerprint::Fingerprint;
use super::known_ops::KnownOps;
use super::options::{Options, RuntimeSelect};
use super::scheduler::{Policy, Scheduler};
use super::served_model::ServedVersion;
use super::statistics::Statistics;
use super::worker::{GivenUp, Loaded, Placement};
use super::workers::{ContentHash, Tenant, Workers};
use crate::configuration::{
    ConfigurationError, DeclaredTensor, ModelConfiguration, ReportedTensor, SearchPlaces,
    VersionFolder,
};
use crate::protocol::Signature;
use crate::worker::backend::{LoadError, ModelSpecification, TensorSignature};

/// The frameworks whose models can be served.
const SERVED: [Framework; 1] = [Framework::OnnxRuntime];

/// Loads model versions into workers.
pub struct Loader {
    runtimes: RuntimeSet,
    /// Where op libraries may lie.
    roots: Vec<PathBuf>,
    working_directory: PathBuf,
    select: RuntimeSelect,
    auto_complete: bool,
    workers: Workers,
    keys: AtomicU64,
    known_ops: KnownOps,
}

/// What the folder of a model says, before anything is loaded.
pub struct Plan {
    /// Model name.
    pub name: String,
    /// Versions to serve, ascending.
    pub versions: Vec<VersionFolder>,
    configuration: ModelConfiguration,
    folder: PathBuf,
}

/// Why a version could not be loaded, in a sentence.
#[derive(Clone, Debug)]
pub struct LoadFailure(pub String);

/// An op library of a model that was looked at.
struct Chosen {
    path: PathBuf,
    library: OpLibrary,
}

impl Loader {
    /// A loader over `runtimes`; op libraries may lie below `roots`.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn new(
        options: &Options,
        runtimes: RuntimeSet,
        roots: Vec<PathBuf>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            runtimes,
            roots,
            working_directory: std::env::current_dir().context(
                "failed to find the working directory; start the server in one that exists",
            )?,
            select: options.runtime_select,
            auto_complete: !options.disable_auto_complete_config,
            workers: Workers::new(options.isolation, options.limits()),
            keys: AtomicU64::new(1),
            known_ops: KnownOps::default(),
        })
    }

    /// Reads the configuration and the version folders of a model. `override_json` takes the
    /// place of `config.pbtxt`.
    ///
    /// # Errors
    /// A sentence that names the file, and the place in it.
    pub fn plan(
        &self,
        name: &str,
        folder: &Path,
        override_json: Option<&str>,
    ) -> Result<Plan, String> {
        let read = || {
            let configuration = match override_json {
                Some(json) => ModelConfiguration::from_json(json, folder, name, self.auto_complete),
                None => ModelConfiguration::read(folder, name, self.auto_complete),
            }?;
            if !SERVED.contains(&configuration.framework) {
                return Err(ConfigurationError::Invalid(format!(
                    "model '{name}' is for {}, which this server does not serve yet; it serves {}",
                    configuration.framework.title(),
                    SERVED.map(Framework::title).join(", ")
                )));
            }
            let versions = configuration.select_versions(folder)?;
            Ok((configuration, versions))
        };
        let (configuration, versions) =
            read().map_err(|error: ConfigurationError| error.to_string())?;
        Ok(Plan {
            name: name.to_owned(),
            versions,
            configuration,
            folder: folder.to_owned(),
        })
    }

    /// Loads one version.
    ///
    /// Which API level an op library asks for shows only while it registers its ops. Where that is
    /// more than the default runtime offers, an installed runtime that offers it is tried, unless
    /// the model names its runtime or the choice is strict.
    ///
    /// # Errors
    /// What went wrong, on which file, why, and what to do.
    pub async fn load(
        &self,
        plan: &Plan,
        version: &VersionFolder,
        given_up: GivenUp,
    ) -> Result<Arc<ServedVersion>, LoadFailure> {
        let chosen = self.op_libraries(plan, version)?;
        let mut runtime = self.runtime_for(plan, &chosen)?;
        let mut tried: Vec<RuntimeName> = Vec::new();
        let mut because = String::new();
        loop {
            let attempt = self.load_into(runtime, plan, version, &chosen, given_up.clone());
            let error = match attempt.await {
                Ok(served) if because.is_empty() => return Ok(served),
                Ok(served) => {
                    tracing::warn!(
                        "model '{}' is served by {} because {because}",
                        plan.name,
                        runtime.name
                    );
                    return Ok(served);
                }
                Err(error) => error,
            };
            tried.push(runtime.name);
            let offering = error.refused_api.and_then(|refused| {
                let other = self.runtime_offering(refused.requested, plan, &chosen, &tried)?;
                Some((refused, other))
            });
            match offering {
                Some((refused, other)) if self.may_choose(plan) => {
                    because = format!(
                        "an op library of it asks for API level {}, and {} offers levels up to {}",
                        refused.requested, runtime.name, refused.offered
                    );
                    runtime = other;
                }
                offering => {
                    let mut text = self.with_advice(error);
                    if let Some((refused, other)) = offering {
                        text += &format!(
                            "; {} is installed and offers level {}: {}",
                            other.name,
                            refused.requested,
                            self.how_to_choose(plan, other)
                        );
                    }
                    if !because.is_empty() {
                        text += &format!("; {} was chosen because {because}", runtime.name);
                    }
                    return Err(LoadFailure(text));
                }
            }
        }
    }

    /// Loads one version into a worker of `runtime`.
    async fn load_into(
        &self,
        runtime: &Runtime,
        plan: &Plan,
        version: &VersionFolder,
        chosen: &[Chosen],
        given_up: GivenUp,
    ) -> Result<Arc<ServedVersion>, LoadError> {
        let configuration = &plan.configuration;
        let libraries: Vec<&OpLibrary> = chosen.iter().map(|chosen| &chosen.library).collect();
        for (position, library) in libraries.iter().enumerate() {
            for finding in library.findings_after(runtime, &libraries[..position]) {
                tracing::warn!("model '{}': {finding}", plan.name);
            }
        }
        let op_set: Vec<ContentHash> = chosen
            .iter()
            .map(|chosen| chosen.library.content_hash.clone())
            .collect();
        let worker = self.workers.worker_for(&Tenant {
            runtime,
            op_set: &op_set,
            model: &plan.name,
            version: version.version,
        });
        let key = self.keys.fetch_add(1, Ordering::Relaxed);
        let specification = ModelSpecification {
            key,
            name: plan.name.clone(),
            version: version.version,
            file: configuration
                .model_path(version)
                .map_err(|error| LoadError::new(error.to_string()))?,
            declared_inputs: signatures(configuration.declared_inputs()),
            declared_outputs: signatures(configuration.declared_outputs()),
            op_libraries: chosen.iter().map(|chosen| chosen.path.clone()).collect(),
            instances: configuration.instance_count,
            parameters: configuration.parameters.clone(),
        };
        let mut libraries_seen = Fingerprint::default();
        chosen
            .iter()
            .for_each(|chosen| libraries_seen.add(&chosen.path));
        let statistics = Arc::new(Statistics::default());
        let scheduler = Scheduler::new(statistics.clone());
        let placement = Placement {
            specification,
            scheduler: scheduler.clone(),
            given_up,
        };
        let loaded = worker.load(placement).await?;
        loaded
            .libraries
            .iter()
            .for_each(|report| self.known_ops.learn(report));

        let described = describe(configuration, &loaded);
        let (configuration, signature, input_numbers, output_numbers) = match described {
            Ok(described) => described,
            Err(reason) => {
                worker.unload(key).await;
                return Err(LoadError::new(reason));
            }
        };
        scheduler.set_policy(policy(&configuration));
        Ok(Arc::new(ServedVersion {
            name: plan.name.clone(),
            version: version.version,
            key,
            configuration,
            signature,
            input_numbers,
            output_numbers,
            op_libraries: chosen.iter().map(|chosen| chosen.path.clone()).collect(),
            libraries_seen,
            scheduler,
            statistics,
            worker,
        }))
    }

    /// Finds and inspects the op libraries of a version.
    fn op_libraries(
        &self,
        plan: &Plan,
        version: &VersionFolder,
    ) -> Result<Vec<Chosen>, LoadFailure> {
        let places = SearchPlaces {
            version_folder: &version.path,
            model_folder: &plan.folder,
            working_directory: &self.working_directory,
            allowed_roots: &self.roots,
        };
        plan.configuration
            .op_libraries
            .iter()
            .map(|name| {
                let path = places
                    .resolve(Path::new(name))
                    .map_err(|error| LoadFailure(error.to_string()))?;
                let library =
                    op_library::inspect(&path).map_err(|error| LoadFailure(error.to_string()))?;
                Ok(Chosen { path, library })
            })
            .collect()
    }

    /// The runtime that serves a model, as far as its op libraries' files tell.
    fn runtime_for(&self, plan: &Plan, chosen: &[Chosen]) -> Result<&Runtime, LoadFailure> {
        let framework = plan.configuration.framework;
        let preferred = match &plan.configuration.runtime {
            Some(name) => self.named_runtime(name, framework)?,
            None => self.runtimes.default_of(framework).ok_or_else(|| {
                LoadFailure(format!(
                    "no runtime of {framework} is installed, and model '{}' needs one; install one \
                     with `harness setup`, or give one with --runtime {framework}=PATH",
                    plan.name
                ))
            })?,
        };
        let Some((library, verdict)) = refusal(preferred, chosen) else {
            return Ok(preferred);
        };
        let fitting = self
            .runtimes
            .of(framework)
            .find(|other| refusal(other, chosen).is_none());
        match fitting {
            Some(other) if self.may_choose(plan) => {
                tracing::warn!(
                    "model '{}' is served by {} because its op library '{}' does not fit {}: \
                     {verdict}",
                    plan.name,
                    other.name,
                    library.path.display(),
                    preferred.name
                );
                Ok(other)
            }
            fitting => {
                let mut text = format!(
                    "failed to load op library '{}' with {}: {}",
                    library.path.display(),
                    preferred.name,
                    told(&verdict)
                );
                if let Some(other) = fitting {
                    text += &format!(
                        "; {} is installed and fits: {}",
                        other.name,
                        self.how_to_choose(plan, other)
                    );
                }
                Err(LoadFailure(text))
            }
        }
    }

    /// Whether another runtime than the preferred one may serve the model.
    fn may_choose(&self, plan: &Plan) -> bool {
        plan.configuration.runtime.is_none() && self.select == RuntimeSelect::Auto
    }

    /// A runtime that offers an API level, that the op libraries' files do not rule out, and that
    /// was not tried yet.
    fn runtime_offering(
        &self,
        level: u32,
        plan: &Plan,
        chosen: &[Chosen],
        tried: &[RuntimeName],
    ) -> Option<&Runtime> {
        let framework = plan.configuration.framework;
        self.runtimes.of(framework).find(|other| {
            let offered = framework.api_level(&other.name.version);
            offered.is_some_and(|offered| offered >= level)
                && !tried.contains(&other.name)
                && refusal(other, chosen).is_none()
        })
    }

    /// What to do for `runtime` to serve the model.
    fn how_to_choose(&self, plan: &Plan, runtime: &Runtime) -> String {
        let name = runtime.name;
        let by_model = format!(
            "name it in the model's configuration (parameters {{ key: \"runtime\" value {{ \
             string_value: \"{name}\" }} }})"
        );
        if plan.configuration.runtime.is_none() {
            format!("{by_model}, or start the server with --runtime-select auto")
        } else {
            by_model
        }
    }

    fn named_runtime(
        &self,
        name: &RuntimeName,
        framework: Framework,
    ) -> Result<&Runtime, LoadFailure> {
        self.runtimes.get(name).ok_or_else(|| {
            let installed: Vec<String> =
                self.runtimes.of(framework).map(|runtime| runtime.name.to_string()).collect();
            LoadFailure(format!(
                "the model configuration names runtime '{name}', which is not installed; installed \
                 for {framework}: {}; install it with `harness setup --runtime {name}`, or name one \
                 of those",
                if installed.is_empty() { "none".to_owned() } else { installed.join(", ") }
            ))
        })
    }

    /// The text of a load error, with where the missing ops could come from.
    fn with_advice(&self, error: LoadError) -> String {
        let mut text = error.message;
        for op in &error.missing_ops {
            text.push_str("; ");
            text.push_str(&self.known_ops.advice(op, &self.roots));
        }
        text
    }

    /// Lets go of workers that live as long as the server.
    pub fn release(&self) {
        self.workers.release();
    }
}

/// The first library that cannot work with `runtime`, and why.
fn refusal<'a>(runtime: &Runtime, chosen: &'a [Chosen]) -> Option<(&'a Chosen, Verdict)> {
    let libraries: Vec<&OpLibrary> = chosen.iter().map(|chosen| &chosen.library).collect();
    chosen.iter().enumerate().find_map(|(position, chosen)| {
        let verdict = chosen
            .library
            .verdict_after(runtime, &libraries[..position]);
        verdict.refuses().then_some((chosen, verdict))
    })
}

/// Reason and remedy of a verdict that refuses.
fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Fails { reason, remedy } => format!("{reason}; {remedy}"),
        other => other.to_string(),
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

/// Declared tensors in the worker's terms.
fn signatures(tensors: Vec<DeclaredTensor>) -> Vec<TensorSignature> {
    tensors
        .into_iter()
        .map(|tensor| TensorSignature {
            name: tensor.name,
            data_type: tensor.data_type,
            dims: tensor.dims,
        })
        .collect()
}

/// How the model's queue behaves.
fn policy(configuration: &ModelConfiguration) -> Policy {
    Policy {
        max_batch_size: u64::from(configuration.max_batch_size),
        batching: configuration.batching.clone(),
    }
}
