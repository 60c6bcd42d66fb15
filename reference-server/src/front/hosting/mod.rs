//! What a worker of each runtime is started and opened with.

mod bundled;
mod registered;
mod verification;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use op_library::OpLibrary;
use parking_lot::Mutex;
use runtimes::{Cache, Framework, Runtime, RuntimeName, RuntimeSet};
use tokio::sync::OnceCell;

use self::bundled::{BundledLibraries, Mentions};
use self::registered::Trials;
use self::verification::Verifications;
use super::backend_setting::BackendSetting;
use super::blocking::blocking;
use super::given_libraries::{GivenLibraries, inspect_all};
use super::hosted::Hosted;
use super::inspections::Inspections;
use super::op_set::OpSet;
use super::options::{Isolation, Options, RuntimeSelect};
use super::preload::Finding;
use super::worker_process::Launch;
use super::workers::ContentHash;
use crate::worker::backend::LoadError;

/// The runtimes of the server, with the op libraries that serve all models of a framework.
pub struct Hosting {
    runtimes: RuntimeSet,
    cache: Cache,
    wishes: Wishes,
    given: Mutex<Arc<GivenLibraries>>,
    isolation: Isolation,
    select: RuntimeSelect,
    load_limit: Duration,
    /// Bytes that a worker which serves may pin.
    pinned_memory: u64,
    inspections: Inspections,
    prepared: HashMap<RuntimeName, OnceCell<Prepared>>,
    trials: Trials,
    mentions: Mentions,
    verifications: Verifications,
}

/// Which libraries the environment and the command line ask for.
struct Wishes {
    /// What became of `LD_PRELOAD`.
    environment: Vec<Finding>,
    preload: Vec<String>,
    settings: Vec<BackendSetting>,
}

/// What a runtime needs beside its own files.
struct Prepared {
    bridge: Option<PathBuf>,
    /// Op libraries that come with it.
    bundled: BundledLibraries,
}

impl Hosting {
    /// Over `runtimes`, with the libraries that `options` and the environment give to all models.
    /// `preloaded` is what became of `LD_PRELOAD`.
    pub fn new(
        options: &Options,
        runtimes: RuntimeSet,
        cache: Cache,
        preloaded: &[Finding],
    ) -> Self {
        let prepared = runtimes.all().iter();
        let prepared = prepared.map(|runtime| (runtime.name, OnceCell::new()));
        let hosting = Self {
            prepared: prepared.collect(),
            runtimes,
            cache,
            wishes: Wishes {
                environment: preloaded.to_vec(),
                preload: options.preload.clone(),
                settings: options.backend_config.clone(),
            },
            given: Mutex::default(),
            isolation: options.isolation,
            select: options.runtime_select,
            load_limit: options.load_timeout,
            pinned_memory: options.pinned_memory_pool_byte_size,
            inspections: Inspections::default(),
            trials: Trials::default(),
            mentions: Mentions::default(),
            verifications: Verifications::default(),
        };
        hosting.gather();
        hosting
    }

    /// Looks for the libraries that are asked for.
    fn gather(&self) {
        let mut given = GivenLibraries::gather(
            &self.wishes.environment,
            &self.wishes.preload,
            &self.wishes.settings,
            &self.runtimes,
            &self.inspections,
        );
        if self.isolation.separates_op_sets() {
            given.leave_out_copies(&self.inspections);
        }
        let mut known = self.given.lock();
        if **known != given {
            given.announce();
            *known = Arc::new(given);
        }
    }

    /// The libraries that are given to all models, as they were last found.
    fn given(&self) -> Arc<GivenLibraries> {
        self.given.lock().clone()
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

    /// `LD_PRELOAD` of a worker that hosts these frameworks.
    fn preload_of(&self, frameworks: &[Framework]) -> Vec<PathBuf> {
        self.given().preload_of(
            frameworks,
            self.verifications.failure_everywhere().is_none(),
        )
    }

    /// Whether every library that was given could be used.
    pub fn is_sound(&self) -> bool {
        self.given().unusable().is_empty() && self.verifications.are_sound()
    }

    /// The runtime for models of a framework that name none, and why it is not the first one where
    /// that is so.
    pub fn default_of(&self, framework: Framework) -> Option<(&Runtime, Option<String>)> {
        if let Some(Ok(chosen)) = self.verifications.outcome_of(framework) {
            let runtime = self.runtimes.get(&chosen.runtime)?;
            return Some((runtime, chosen.because));
        }
        Some((self.runtimes.default_of(framework)?, None))
    }

    /// The libraries that all models of a framework get, as their files are now.
    ///
    /// # Errors
    /// One of them is gone.
    pub fn op_set_of(&self, framework: Framework) -> Result<OpSet, String> {
        let given = self.given();
        let preloaded = inspect_all(given.preloaded_ops(framework), &self.inspections)?;
        let process = self.preload_of(&[framework]);
        // The dynamic loader ignores a library of no framework that is gone.
        let process = process
            .iter()
            .filter_map(|path| self.inspections.of(path).ok());
        let mut set = OpSet {
            process: process.collect(),
            preloaded,
            ..OpSet::default()
        };
        let configured = given.configured(framework).iter().map(PathBuf::as_path);
        for library in inspect_all(configured, &self.inspections)? {
            if self.twin(&library, set.all()).is_none() {
                set.configured.push(library);
            }
        }
        Ok(set)
    }

    /// Which of `others` is as good as `library`: the same file, and where the isolation policy
    /// tells op libraries by their content, a copy of it.
    pub fn twin<'a>(
        &self,
        library: &OpLibrary,
        others: impl IntoIterator<Item = &'a Arc<OpLibrary>>,
    ) -> Option<&'a Arc<OpLibrary>> {
        let copies = self.isolation.separates_op_sets();
        others.into_iter().find(|other| {
            other.content_hash == library.content_hash && (copies || other.path == library.path)
        })
    }

    /// What tells op libraries apart in a worker, beside their files; nothing where the isolation
    /// policy does not go by content.
    pub fn contents_of(&self, libraries: &[Arc<OpLibrary>]) -> Vec<ContentHash> {
        if !self.isolation.separates_op_sets() {
            return Vec::new();
        }
        let hashes = libraries.iter().map(|library| library.content_hash.clone());
        hashes.collect()
    }

    /// What a worker is started with that hosts `runtime`. It is for the caller to name it.
    pub fn launch(&self, runtime: &Runtime) -> Launch {
        let name = String::new();
        let framework = runtime.name.framework;
        if self.isolation != Isolation::Shared || !self.is_default(runtime) {
            return Launch {
                name,
                library_path: runtime.library_dirs.clone(),
                preload: self.preload_of(&[framework]),
                pinned_memory: self.pinned_memory,
            };
        }
        let hosted: Vec<&Runtime> = Framework::ALL
            .into_iter()
            .filter(|framework| {
                let outcome = self.verifications.outcome_of(*framework);
                outcome.is_none_or(|outcome| outcome.is_ok())
            })
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
            pinned_memory: self.pinned_memory,
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
        let mut libraries = {
            let (set, runtime) = (set.clone(), runtime.clone());
            // A library may be preloaded for another reason than its ops.
            blocking(move || set.registering(&runtime)).await
        };
        for (library, report) in self.usable_bundled(runtime, prepared).await {
            let is_twin = |other: &Arc<OpLibrary>| other.content_hash == library.content_hash;
            if !set.all().any(is_twin) && !self.gives_way(runtime, &report, set).await {
                libraries.push(library);
            }
        }
        libraries.extend(set.configured.iter().cloned());
        let paths = |libraries: &[Arc<OpLibrary>]| {
            libraries
                .iter()
                .map(|library| library.path.clone())
                .collect()
        };
        Ok(Hosted {
            preloaded: paths(&set.preloaded),
            ..Hosted::new(runtime, prepared.bridge.clone(), paths(&libraries))
        })
    }

    async fn prepared(&self, runtime: &Runtime) -> Result<&Prepared, LoadError> {
        let prepared = self.prepared.get(&runtime.name).ok_or_else(|| {
            LoadError::new(format!("{} is no runtime of this server", runtime.name))
        })?;
        prepared
            .get_or_try_init(|| async {
                Ok(Prepared {
                    bridge: self.bridge(runtime).await?,
                    bundled: BundledLibraries::default(),
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
}
