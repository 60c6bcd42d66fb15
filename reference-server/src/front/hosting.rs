//! What a worker of each runtime is started and opened with.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use op_library::OpLibrary;
use parking_lot::Mutex;
use runtimes::{Cache, Framework, Runtime, RuntimeName, RuntimeSet};
use tokio::sync::OnceCell;

use super::collision::Collision;
use super::given_libraries::{GivenLibraries, Unusable, inspect_all};
use super::hosted::Hosted;
use super::inspections::Inspections;
use super::op_set::OpSet;
use super::options::{Isolation, Options, RuntimeSelect};
use super::trial;
use super::worker_process::Launch;
use super::workers::ContentHash;
use crate::worker::backend::{LibraryReport, LoadError};

/// The runtimes of the server, with the op libraries that serve all models of a framework.
pub struct Hosting {
    runtimes: RuntimeSet,
    cache: Cache,
    given: GivenLibraries,
    isolation: Isolation,
    select: RuntimeSelect,
    load_limit: Duration,
    inspections: Inspections,
    prepared: HashMap<RuntimeName, OnceCell<Prepared>>,
    /// What libraries registered in trials, by runtime and content.
    registered: Mutex<HashMap<TrialKey, Arc<Vec<LibraryReport>>>>,
    verified: OnceLock<BTreeMap<Framework, Result<Chosen, String>>>,
    /// Why libraries that are preloaded into every worker cannot be; they are left out then.
    everywhere: OnceLock<String>,
}

/// A runtime, and the content of the libraries that were tried with it, in order.
type TrialKey = (RuntimeName, Vec<ContentHash>);

fn key<'a>(runtime: &Runtime, libraries: impl Iterator<Item = &'a Arc<OpLibrary>>) -> TrialKey {
    let hashes = libraries.map(|library| library.content_hash.clone());
    (runtime.name, hashes.collect())
}

/// What a runtime needs beside its own files.
struct Prepared {
    bridge: Option<PathBuf>,
    /// Op libraries that come with it and that load here, with what they register.
    bundled: Vec<(Arc<OpLibrary>, LibraryReport)>,
}

/// The runtime that serves a framework's models.
#[derive(Clone, Debug)]
struct Chosen {
    runtime: RuntimeName,
    /// Why it is not the first one; `None` where it is.
    because: Option<String>,
}

/// Why libraries could not be tried out with success.
struct Failure {
    reason: String,
    /// Whether another runtime may do better.
    elsewhere: bool,
}

impl Hosting {
    /// Over `runtimes`, with the libraries that were given to all models.
    pub fn new(
        options: &Options,
        runtimes: RuntimeSet,
        cache: Cache,
        given: GivenLibraries,
        inspections: Inspections,
    ) -> Self {
        let prepared = runtimes.all().iter();
        let prepared = prepared.map(|runtime| (runtime.name, OnceCell::new()));
        Self {
            prepared: prepared.collect(),
            runtimes,
            cache,
            given,
            isolation: options.isolation,
            select: options.runtime_select,
            load_limit: options.load_timeout,
            inspections,
            registered: Mutex::default(),
            verified: OnceLock::new(),
            everywhere: OnceLock::new(),
        }
    }

    /// The runtimes.
    pub fn runtimes(&self) -> &RuntimeSet {
        &self.runtimes
    }

    /// Which models share a worker.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Op libraries that were looked at.
    pub fn inspections(&self) -> &Inspections {
        &self.inspections
    }

    /// Tries out the libraries that were given to all models: each framework's in a process that is
    /// thrown away. Returns what failed, in sentences. Called once, before the first model.
    pub async fn verify(&self) -> Vec<String> {
        if let Err(error) = self.try_everywhere().await {
            self.everywhere.set(error.message).ok();
        }
        let frameworks = self.concerned_frameworks();
        let trials = frameworks
            .iter()
            .map(|&framework| self.verify_framework(framework));
        let outcomes = futures_util::future::join_all(trials).await;
        let verified: BTreeMap<Framework, Result<Chosen, String>> =
            frameworks.into_iter().zip(outcomes).collect();
        let nobodys = self.given.unusable().iter();
        let nobodys = nobodys.filter(|unusable| unusable.frameworks.is_empty());
        let mut failures: Vec<String> = nobodys.map(|unusable| unusable.reason.clone()).collect();
        failures.extend(self.everywhere.get().cloned());
        failures.extend(
            verified
                .values()
                .filter_map(|outcome| outcome.clone().err()),
        );
        self.verified.set(verified).ok();
        failures
    }

    /// Starts a worker with what every worker gets.
    async fn try_everywhere(&self) -> Result<(), LoadError> {
        let preload = self.given.preload_of(&[], true);
        if preload.is_empty() {
            return Ok(());
        }
        let launch = Launch {
            name: "trial".to_owned(),
            library_path: Vec::new(),
            preload,
        };
        trial::start(&launch, self.load_limit).await
    }

    /// `LD_PRELOAD` of a worker that hosts these frameworks.
    fn preload_of(&self, frameworks: &[Framework]) -> Vec<PathBuf> {
        self.given
            .preload_of(frameworks, self.everywhere.get().is_none())
    }

    fn concerned_frameworks(&self) -> Vec<Framework> {
        let mut frameworks = self.given.frameworks();
        let unusable = self.given.unusable().iter();
        frameworks.extend(unusable.flat_map(|unusable| unusable.frameworks.iter().copied()));
        frameworks.sort_unstable();
        frameworks.dedup();
        frameworks
    }

    /// Why no model of a framework can be served, where libraries that all of them get failed.
    pub fn refusal_of(&self, framework: Framework) -> Option<&str> {
        let outcome = self.verified.get()?.get(&framework)?;
        outcome.as_ref().err().map(String::as_str)
    }

    /// Whether every library that was given could be used.
    pub fn is_sound(&self) -> bool {
        let verified = self.verified.get();
        self.given.unusable().is_empty()
            && self.everywhere.get().is_none()
            && verified.is_none_or(|verified| verified.values().all(Result::is_ok))
    }

    /// The runtime for models of a framework that name none, and why it is not the first one where
    /// that is so.
    pub fn default_of(&self, framework: Framework) -> Option<(&Runtime, Option<&str>)> {
        let chosen = self
            .verified
            .get()
            .and_then(|verified| verified.get(&framework));
        if let Some(Ok(chosen)) = chosen {
            let runtime = self.runtimes.get(&chosen.runtime)?;
            return Some((runtime, chosen.because.as_deref()));
        }
        Some((self.runtimes.default_of(framework)?, None))
    }

    /// The libraries that all models of a framework get, as their files are now.
    ///
    /// # Errors
    /// One of them is gone.
    pub fn op_set_of(&self, framework: Framework) -> Result<OpSet, String> {
        let given = &self.given;
        let mut set = OpSet {
            preloaded: inspect_all(given.preloaded_ops(framework), &self.inspections)?,
            ..OpSet::default()
        };
        let configured = given.configured(framework).iter().map(PathBuf::as_path);
        for library in inspect_all(configured, &self.inspections)? {
            if !set.holds(&library) {
                set.configured.push(library);
            }
        }
        Ok(set)
    }

    /// What a worker is started with that hosts `runtime`.
    pub fn launch(&self, name: String, runtime: &Runtime) -> Launch {
        let framework = runtime.name.framework;
        if self.isolation != Isolation::Shared || !self.is_default(runtime) {
            return Launch {
                name,
                library_path: runtime.library_dirs.clone(),
                preload: self.preload_of(&[framework]),
            };
        }
        let hosted: Vec<&Runtime> = Framework::ALL
            .into_iter()
            .filter(|framework| self.refusal_of(*framework).is_none())
            .filter_map(|framework| Some(self.default_of(framework)?.0))
            .collect();
        let frameworks: Vec<Framework> = hosted
            .iter()
            .map(|runtime| runtime.name.framework)
            .collect();
        let mut library_path: Vec<PathBuf> = Vec::new();
        for folder in hosted.iter().flat_map(|runtime| &runtime.library_dirs) {
            if !library_path.contains(folder) {
                library_path.push(folder.clone());
            }
        }
        Launch {
            name,
            library_path,
            preload: self.preload_of(&frameworks),
        }
    }

    /// Whether models that name no runtime are served by this one.
    pub fn is_default(&self, runtime: &Runtime) -> bool {
        self.default_of(runtime.name.framework)
            .is_some_and(|(default, _)| default.name == runtime.name)
    }

    /// What a worker of `runtime` is opened with for a model that sees `set`.
    ///
    /// # Errors
    /// The bridge to the runtime cannot be compiled.
    pub async fn hosted(&self, runtime: &Runtime, set: &OpSet) -> Result<Hosted, LoadError> {
        let prepared = self.prepared(runtime).await?;
        let mut libraries: Vec<&Arc<OpLibrary>> = Vec::new();
        // A library may be preloaded for another reason than its ops.
        libraries.extend(set.preloaded.iter().filter(|library| {
            !matches!(
                library.verdict(runtime),
                op_library::Verdict::RegistersNothing { .. }
            )
        }));
        for (library, report) in &prepared.bundled {
            if !set.holds(library) && !self.gives_way(runtime, report, set).await {
                libraries.push(library);
            }
        }
        libraries.extend(&set.configured);
        let paths = |libraries: &[&Arc<OpLibrary>]| {
            libraries
                .iter()
                .map(|library| library.path.clone())
                .collect()
        };
        let preloaded: Vec<&Arc<OpLibrary>> = set.preloaded.iter().collect();
        Ok(Hosted {
            runtime: runtime.name,
            main_library: runtime.main_library.clone(),
            library_dirs: runtime.library_dirs.clone(),
            bridge: prepared.bridge.clone(),
            preloaded: paths(&preloaded),
            libraries: paths(&libraries),
        })
    }

    /// Whether a library that comes with the runtime is left out because one that was asked for
    /// registers the same op.
    async fn gives_way(&self, runtime: &Runtime, bundled: &LibraryReport, set: &OpSet) -> bool {
        let own: &[_] = if self.isolation.separates_op_sets() {
            &set.own
        } else {
            // One worker for models with different libraries.
            &[]
        };
        for library in set.for_all_models().chain(own) {
            if !bundled.ops.iter().any(|op| library.mentions(&op.domain)) {
                continue;
            }
            let reports = self
                .registered(runtime, std::slice::from_ref(library))
                .await;
            let reports = reports.as_deref().map_or(&[][..], Vec::as_slice);
            let framework = runtime.name.framework;
            let known = std::slice::from_ref(bundled);
            let mut collisions = reports
                .iter()
                .filter_map(|report| Collision::find(framework, known, report));
            if let Some(collision) = collisions.next() {
                tracing::warn!(
                    "'{}', which comes with {}, is left out: {collision}",
                    bundled.path.display(),
                    runtime.name
                );
                return true;
            }
        }
        false
    }

    /// Where a library of the model collides with one that all models of the framework get: the
    /// reason to refuse the model.
    pub async fn collision(&self, runtime: &Runtime, set: &OpSet) -> Option<String> {
        let for_all: Vec<Arc<OpLibrary>> = set.for_all_models().cloned().collect();
        if for_all.is_empty() || set.own.is_empty() || !self.isolation.separates_op_sets() {
            return None;
        }
        let framework = runtime.name.framework;
        let theirs = self.registered(runtime, &for_all).await?;
        let own = self.registered(runtime, &set.own).await?;
        let collision = own
            .iter()
            .find_map(|report| Collision::find(framework, &theirs, report))?;
        Some(format!(
            "an op library of the model collides with one that all {} models get: {collision}; \
             '{}' is {}: give it to the models that need it alone, with model_operations {{ \
             op_library_filename }}",
            framework.title(),
            collision.first.display(),
            self.given.source_of(&collision.first)
        ))
    }

    async fn prepared(&self, runtime: &Runtime) -> Result<&Prepared, LoadError> {
        let prepared = self.prepared.get(&runtime.name).ok_or_else(|| {
            LoadError::new(format!("{} is no runtime of this server", runtime.name))
        })?;
        prepared
            .get_or_try_init(|| async {
                let bridge = self.bridge(runtime).await?;
                Ok(Prepared {
                    bundled: self.usable_bundled(runtime, bridge.as_ref()).await,
                    bridge,
                })
            })
            .await
    }

    /// The bridge to a runtime, compiled where that was not done.
    async fn bridge(&self, runtime: &Runtime) -> Result<Option<PathBuf>, LoadError> {
        let (cache, runtime) = (self.cache.clone(), runtime.clone());
        let built = tokio::task::spawn_blocking(move || bridges::build(&runtime, &cache)).await;
        match built {
            Ok(Ok(bridge)) => Ok(bridge),
            Ok(Err(error)) => Err(LoadError::new(error.to_string())),
            Err(error) => Err(LoadError::new(format!(
                "building a bridge failed in an unexpected way: {error}"
            ))),
        }
    }

    /// The op libraries that come with a runtime and that load here. What does not is told once and
    /// left out: nobody asked for it.
    async fn usable_bundled(
        &self,
        runtime: &Runtime,
        bridge: Option<&PathBuf>,
    ) -> Vec<(Arc<OpLibrary>, LibraryReport)> {
        let mut usable = Vec::new();
        for path in &runtime.bundled {
            match self.try_bundled(runtime, bridge, path).await {
                Ok(found) => usable.push(found),
                Err(reason) => tracing::warn!(
                    "'{}', which comes with {}, is not available to models: {reason}",
                    path.display(),
                    runtime.name
                ),
            }
        }
        usable
    }

    async fn try_bundled(
        &self,
        runtime: &Runtime,
        bridge: Option<&PathBuf>,
        path: &PathBuf,
    ) -> Result<(Arc<OpLibrary>, LibraryReport), String> {
        let library = self
            .inspections
            .of(path)
            .map_err(|error| error.to_string())?;
        let verdict = library.verdict(runtime);
        if verdict.refuses() {
            return Err(verdict.to_string());
        }
        let reports = self
            .open_alone(runtime, bridge.cloned(), std::slice::from_ref(&library))
            .await
            .map_err(|error| error.message)?;
        let report = reports.into_iter().next();
        let report = report.ok_or("the worker reported nothing about it")?;
        Ok((library, report))
    }

    /// Finds the runtime with which the libraries that all models of a framework get can be used.
    async fn verify_framework(&self, framework: Framework) -> Result<Chosen, String> {
        let concerns = |unusable: &&Unusable| unusable.frameworks.contains(&framework);
        let unusable: Vec<&str> = self
            .given
            .unusable()
            .iter()
            .filter(concerns)
            .map(|unusable| unusable.reason.as_str())
            .collect();
        if !unusable.is_empty() {
            return Err(unusable.join("; "));
        }
        let set = self.op_set_of(framework)?;
        let subject = self.describe(framework, &set);
        let candidates: Vec<&Runtime> = self.runtimes.of(framework).collect();
        let tried = match self.select {
            RuntimeSelect::Auto => candidates.len(),
            RuntimeSelect::Strict => candidates.len().min(1),
        };
        let mut first: Option<String> = None;
        for (position, runtime) in candidates[..tried].iter().enumerate() {
            let failure = match set.refusal(runtime) {
                Some((library, verdict)) => Failure {
                    reason: format!(
                        "'{}' cannot be used with {}: {}",
                        library.path.display(),
                        runtime.name,
                        super::runtime_choice::told(&verdict)
                    ),
                    elsewhere: true,
                },
                None => match self.try_out(runtime, &set).await {
                    Ok(()) => {
                        let because = (position > 0).then_some(first).flatten();
                        if let Some(because) = &because {
                            tracing::warn!(
                                "{} models are served by {} because {because}",
                                framework.title(),
                                runtime.name
                            );
                        }
                        return Ok(Chosen {
                            runtime: runtime.name,
                            because,
                        });
                    }
                    Err(failure) => failure,
                },
            };
            first.get_or_insert(failure.reason);
            if !failure.elsewhere {
                break;
            }
        }
        let fitting = candidates[tried..]
            .iter()
            .find(|runtime| set.refusal(runtime).is_none());
        let hint = fitting.map_or_else(String::new, |runtime| {
            format!(
                "; {} is installed and may fit: put it first with --runtime {framework}={}, or \
                 start the server with --runtime-select auto",
                runtime.name, runtime.name
            )
        });
        let reason = first.unwrap_or_else(|| {
            format!(
                "no runtime of {framework} is installed; install one with `harness setup`, or give \
                 one with --runtime {framework}=PATH"
            )
        });
        Err(format!("failed to load {subject}: {reason}{hint}"))
    }

    /// Opens a throw-away worker with the libraries that all models of the framework get.
    async fn try_out(&self, runtime: &Runtime, set: &OpSet) -> Result<(), Failure> {
        let framework = runtime.name.framework;
        let failed = |error: LoadError| Failure {
            elsewhere: error.library.is_some() || error.refused_api.is_some(),
            reason: error.message,
        };
        let libraries: Vec<&Arc<OpLibrary>> = set.for_all_models().collect();
        if libraries.len() > 1 && self.isolation.separates_op_sets() {
            let mut reports = Vec::new();
            for library in libraries {
                let alone = self
                    .registered(runtime, std::slice::from_ref(library))
                    .await;
                // What cannot be loaded alone is told when all are loaded together.
                reports.extend(alone.iter().flat_map(|reports| reports.iter().cloned()));
            }
            if let Some(collision) = Collision::among(framework, &reports) {
                return Err(Failure {
                    reason: format!(
                        "they collide: {collision}; give each of them to the models that need it, \
                         with model_operations {{ op_library_filename }} in their configuration"
                    ),
                    elsewhere: false,
                });
            }
        }
        let hosted = self.hosted(runtime, set).await.map_err(failed)?;
        let launch = Launch {
            name: format!("trial of {}", runtime.name),
            library_path: runtime.library_dirs.clone(),
            preload: self.preload_of(&[framework]),
        };
        let reports = trial::open(&launch, &hosted, self.load_limit)
            .await
            .map_err(failed)?;
        let given =
            |report: &&LibraryReport| set.for_all_models().any(|one| one.path == report.path);
        self.registered.lock().insert(
            key(runtime, set.for_all_models()),
            Arc::new(reports.iter().filter(given).cloned().collect()),
        );
        // What a preloaded library registered cannot always be told afterwards.
        if set.preloaded.is_empty() {
            let is_given =
                |report: &&LibraryReport| set.configured.iter().any(|one| one.path == report.path);
            self.registered.lock().insert(
                key(runtime, set.for_all_models()),
                Arc::new(reports.iter().filter(is_given).cloned().collect()),
            );
        }
        for report in &reports {
            tracing::info!(
                "'{}' serves all models of {}: {} ops",
                report.path.display(),
                runtime.name,
                report.ops.len()
            );
        }
        Ok(())
    }

    /// What libraries register in a process of their own; `None` where they cannot be loaded.
    async fn registered(
        &self,
        runtime: &Runtime,
        libraries: &[Arc<OpLibrary>],
    ) -> Option<Arc<Vec<LibraryReport>>> {
        let key = key(runtime, libraries.iter());
        if let Some(known) = self.registered.lock().get(&key) {
            return Some(known.clone());
        }
        let bridge = self.bridge(runtime).await.ok()?;
        match self.open_alone(runtime, bridge, libraries).await {
            Ok(reports) => {
                let reports = Arc::new(reports);
                self.registered.lock().insert(key, reports.clone());
                Some(reports)
            }
            Err(error) => {
                tracing::debug!("trial with {}: {}", runtime.name, error.message);
                None
            }
        }
    }

    async fn open_alone(
        &self,
        runtime: &Runtime,
        bridge: Option<PathBuf>,
        libraries: &[Arc<OpLibrary>],
    ) -> Result<Vec<LibraryReport>, LoadError> {
        let hosted = Hosted {
            runtime: runtime.name,
            main_library: runtime.main_library.clone(),
            library_dirs: runtime.library_dirs.clone(),
            bridge,
            preloaded: Vec::new(),
            libraries: libraries
                .iter()
                .map(|library| library.path.clone())
                .collect(),
        };
        let launch = Launch {
            name: format!("trial of {}", runtime.name),
            library_path: runtime.library_dirs.clone(),
            preload: self.preload_of(&[]),
        };
        trial::open(&launch, &hosted, self.load_limit).await
    }

    /// `the op library 'a.so' (preloaded), which all PyTorch models get`.
    fn describe(&self, framework: Framework, set: &OpSet) -> String {
        let each: Vec<String> = set
            .for_all_models()
            .map(|library| {
                let path = &library.path;
                format!("'{}' ({})", path.display(), self.given.source_of(path))
            })
            .collect();
        format!(
            "the op {} {}, which all {} models get",
            if each.len() == 1 {
                "library"
            } else {
                "libraries"
            },
            each.join(" and "),
            framework.title()
        )
    }
}
