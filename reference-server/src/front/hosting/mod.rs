//! What a worker of each runtime is started and opened with.

mod bundled;
mod registered;
mod verification;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use op_library::OpLibrary;
use parking_lot::Mutex;
use runtimes::{Cache, Framework, Runtime, RuntimeName, RuntimeSet};
use tokio::sync::OnceCell;

use self::registered::TrialKey;
use super::given_libraries::{GivenLibraries, inspect_all};
use super::hosted::Hosted;
use super::inspections::Inspections;
use super::op_set::OpSet;
use super::options::{Isolation, Options, RuntimeSelect};
use super::worker_process::Launch;
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

    /// `LD_PRELOAD` of a worker that hosts these frameworks.
    fn preload_of(&self, frameworks: &[Framework]) -> Vec<PathBuf> {
        self.given
            .preload_of(frameworks, self.everywhere.get().is_none())
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
            python: runtime.python.clone(),
        })
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
}
