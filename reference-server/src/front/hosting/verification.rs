//! Trying out, before a model is loaded, the libraries that all models of a framework get.

use std::collections::BTreeMap;
use std::sync::Arc;

use op_library::OpLibrary;
use parking_lot::Mutex;
use runtimes::{Framework, Runtime, RuntimeName};
use tokio::sync::OnceCell;

use super::Hosting;
use crate::front::blocking::blocking;
use crate::front::collision::{Collision, Intrusion, Override};
use crate::front::given_libraries::{Unusable, inspect_all};
use crate::front::op_set::OpSet;
use crate::front::options::RuntimeSelect;
use crate::front::runtime_choice::told;
use crate::front::trial;
use crate::front::worker_process::Launch;
use crate::front::workers::ContentHash;
use crate::worker::backend::{LibraryReport, LoadError};

/// What to do where libraries cannot be given to all models.
const TO_MODELS: &str = "give each of them to the models that need it, with model_operations { \
                         op_library_filename } in their configuration";

/// The runtime that serves a framework's models.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub runtime: RuntimeName,
    /// Why it is not the first one; `None` where it is.
    pub because: Option<String>,
}

/// The runtime that serves models of a framework, or why none can.
type Outcome = Result<Chosen, String>;

/// What is known of the libraries that were given to all models.
#[derive(Default)]
pub(super) struct Verifications {
    /// All of them were tried once.
    initial: OnceCell<()>,
    frameworks: Mutex<BTreeMap<Framework, Verification>>,
    /// Held while the libraries of a framework are tried.
    under_way: [tokio::sync::Mutex<()>; Framework::ALL.len()],
    /// Why libraries cannot be preloaded into every worker; they are left out then.
    everywhere: Mutex<Option<String>>,
    /// The content of those that were tried, and held while they are.
    tried_everywhere: tokio::sync::Mutex<Vec<ContentHash>>,
}

/// What became of the libraries that all models of a framework get.
#[derive(Clone)]
struct Verification {
    subject: Subject,
    outcome: Outcome,
}

/// Why libraries could not be tried out with success.
struct Failure {
    reason: String,
    /// Whether another runtime may do better.
    elsewhere: bool,
}

/// What an outcome depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subject {
    /// The content of the libraries, and why some are not there.
    libraries: Vec<String>,
    /// Why each runtime that was looked at cannot take them as far as the files tell, which includes
    /// files that they need; in the order of the runtimes.
    refusals: Vec<Option<String>>,
}

impl Verifications {
    /// What became of a framework's libraries; `None` where it has none, or they were not tried.
    pub fn outcome_of(&self, framework: Framework) -> Option<Outcome> {
        let verifications = self.frameworks.lock();
        Some(verifications.get(&framework)?.outcome.clone())
    }

    /// Why libraries cannot be preloaded into every worker, where that is so.
    pub fn failure_everywhere(&self) -> Option<String> {
        self.everywhere.lock().clone()
    }

    /// Whether all that was tried could be used.
    pub fn are_sound(&self) -> bool {
        let verifications = self.frameworks.lock();
        self.everywhere.lock().is_none()
            && verifications.values().all(|known| known.outcome.is_ok())
    }
}

impl Hosting {
    /// Tries out the libraries that were given to all models: each framework's in a process that is
    /// thrown away. Returns what failed, in sentences.
    pub async fn verify(self: &Arc<Self>) -> Vec<String> {
        self.verify_once().await;
        let given = self.given();
        let nobodys = given.unusable().iter();
        let nobodys = nobodys.filter(|unusable| unusable.frameworks.is_empty());
        let mut failures: Vec<String> = nobodys.map(|unusable| unusable.reason.clone()).collect();
        failures.extend(self.verifications.failure_everywhere());
        let outcomes = Framework::ALL
            .into_iter()
            .filter_map(|framework| self.verifications.outcome_of(framework)?.err());
        failures.extend(outcomes);
        failures
    }

    async fn verify_once(self: &Arc<Self>) {
        let all = self.verifications.initial.get_or_init(|| async {
            self.try_everywhere().await;
            let trials = Framework::ALL.map(|framework| self.verify_again(framework));
            futures_util::future::join_all(trials).await;
        });
        all.await;
    }

    /// Whether models of `framework` can be served with the libraries that all of them get, as
    /// their files are now. These are tried again where they changed.
    ///
    /// # Errors
    /// What failed, and why.
    pub async fn verified(self: &Arc<Self>, framework: Framework) -> Result<(), String> {
        self.verify_once().await;
        self.verify_again(framework).await;
        match self.verifications.outcome_of(framework) {
            Some(Err(reason)) => Err(reason),
            _ => Ok(()),
        }
    }

    /// Tries the libraries of a framework, unless that was done with their present content.
    async fn verify_again(self: &Arc<Self>, framework: Framework) {
        let _alone = self.verifications.under_way[framework as usize]
            .lock()
            .await;
        let known = self
            .verifications
            .frameworks
            .lock()
            .get(&framework)
            .cloned();
        if known.as_ref().is_some_and(|known| known.outcome.is_err()) || !self.is_sound() {
            // What was missing may be there now.
            let hosting = self.clone();
            blocking(move || hosting.gather()).await;
            self.try_everywhere().await;
        }
        let hosting = self.clone();
        let set = blocking(move || hosting.op_set_of(framework)).await;
        let given = self.given();
        let concerns = |unusable: &&Unusable| unusable.frameworks.contains(&framework);
        let unusable: Vec<String> = given
            .unusable()
            .iter()
            .filter(concerns)
            .map(|unusable| unusable.reason.clone())
            .collect();
        if unusable.is_empty() && !given.frameworks().contains(&framework) {
            self.verifications.frameworks.lock().remove(&framework);
            return;
        }
        let set = match set {
            Ok(_) if !unusable.is_empty() => Err(unusable.join("; ")),
            set => set,
        };
        let libraries = match &set {
            Ok(set) => set.identity(),
            Err(reason) => vec![reason.clone()],
        };
        if let Some(known) = &known
            && known.outcome.is_ok()
            && known.subject.libraries == libraries
        {
            return;
        }
        if let Some(known) = known
            && known.subject.libraries == libraries
            && self.refuse_still(framework, &set, &known.subject).await
        {
            return;
        }
        let (outcome, refusals) = match set {
            Ok(set) => {
                let mut refusals = Vec::new();
                let outcome = self.choose(framework, &set, &mut refusals).await;
                (outcome, refusals)
            }
            Err(reason) => (Err(reason), Vec::new()),
        };
        let subject = Subject {
            libraries,
            refusals,
        };
        let verification = Verification { subject, outcome };
        let mut verifications = self.verifications.frameworks.lock();
        verifications.insert(framework, verification);
    }

    /// Whether the runtimes that were looked at say of `set` what they said then.
    async fn refuse_still(
        &self,
        framework: Framework,
        set: &Result<OpSet, String>,
        then: &Subject,
    ) -> bool {
        let Ok(set) = set else {
            return true;
        };
        for (runtime, then) in self.runtimes.of(framework).zip(&then.refusals) {
            if self.refusal(runtime, set).await != *then {
                return false;
            }
        }
        true
    }

    /// Why a runtime cannot take `set`, as far as the files tell.
    async fn refusal(&self, runtime: &Runtime, set: &OpSet) -> Option<String> {
        let (runtime, set) = (runtime.clone(), set.clone());
        blocking(move || {
            let (library, verdict) = set.refusal(&runtime)?;
            Some(format!(
                "'{}' cannot be used with {}: {}",
                library.path.display(),
                runtime.name,
                told(&verdict)
            ))
        })
        .await
    }

    /// Starts a worker with what every worker gets, unless that was done with the present content.
    async fn try_everywhere(self: &Arc<Self>) {
        let mut tried = self.verifications.tried_everywhere.lock().await;
        let preload = self.given().preload_of(&[], true);
        let hosting = self.clone();
        let libraries = preload.clone();
        let content = blocking(move || {
            let paths = libraries.iter().map(std::path::PathBuf::as_path);
            let libraries = inspect_all(paths, &hosting.inspections).unwrap_or_default();
            let hashes = libraries.iter().map(|library| library.content_hash.clone());
            hashes.collect::<Vec<_>>()
        })
        .await;
        if *tried == content {
            return;
        }
        let launch = Launch {
            name: "trial".to_owned(),
            library_path: Vec::new(),
            preload,
            pinned_memory: 0,
        };
        let started = trial::start(&launch, self.load_limit).await;
        *self.verifications.everywhere.lock() = started.err().map(|error| error.message);
        *tried = content;
    }

    /// Finds the runtime with which the libraries that all models of a framework get can be used.
    /// Notes in `refusals` what the files tell against each one that is looked at: that takes reading
    /// all its symbols.
    async fn choose(
        &self,
        framework: Framework,
        set: &OpSet,
        refusals: &mut Vec<Option<String>>,
    ) -> Outcome {
        let subject = self.describe(framework, set);
        let candidates: Vec<&Runtime> = self.runtimes.of(framework).collect();
        let tried = match self.select {
            RuntimeSelect::Auto => candidates.len(),
            RuntimeSelect::Strict => candidates.len().min(1),
        };
        let mut first: Option<String> = None;
        for (position, runtime) in candidates[..tried].iter().enumerate() {
            let refusal = self.refusal(runtime, set).await;
            refusals.push(refusal.clone());
            let failure = match refusal {
                Some(reason) => Failure {
                    reason,
                    elsewhere: true,
                },
                None => match self.try_out(runtime, set).await {
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
        let mut fitting = None;
        for runtime in &candidates[tried..] {
            let refusal = self.refusal(runtime, set).await;
            let fits = refusal.is_none();
            refusals.push(refusal);
            if fits {
                fitting = Some(runtime);
                break;
            }
        }
        let hint = fitting.map_or_else(String::new, |runtime| {
            format!(
                "; {} is installed and may fit: put it first with --runtime {framework}={}, or \
                 start the server with --runtime-select auto",
                runtime.name, runtime.name
            )
        });
        let reason = first.unwrap_or_else(|| {
            format!(
                "no runtime of {framework} is installed; install one with `cargo harness setup`, or give \
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
        let collide = |collision: Collision| Failure {
            reason: format!("they collide: {collision}; {TO_MODELS}"),
            elsewhere: false,
        };
        let libraries: Vec<Arc<OpLibrary>> = set.for_all_models().cloned().collect();
        let several = libraries.len() > 1;
        let mut alone = Vec::new();
        if several && self.isolation.separates_op_sets() {
            // What cannot be loaded alone is told when all are loaded together.
            alone = self.registered_alone(runtime, &libraries).await;
            if let Some(collision) = Collision::among(framework, &alone) {
                return Err(collide(collision));
            }
        }
        let hosted = self.hosted(runtime, set).await.map_err(failed)?;
        let launch = Launch {
            name: format!("trial of {}", runtime.name),
            library_path: runtime.library_dirs.clone(),
            preload: self.preload_of(&[framework]),
            pinned_memory: 0,
        };
        let opened = trial::open(&launch, &hosted, &alone, self.load_limit).await;
        let reports = opened.map_err(|error| {
            // Each of them loads, and all of them do not.
            let suspected = Some(&alone).filter(|alone| alone.len() == libraries.len());
            let suspected = suspected.and_then(|alone| Collision::suspected(framework, alone));
            match suspected {
                Some(collision) => collide(collision),
                None if several => failed(LoadError {
                    message: format!("{}; {TO_MODELS}", error.message),
                    ..error
                }),
                None => failed(error),
            }
        })?;
        // What a preloaded library registered cannot always be told afterwards.
        if set.preloaded.is_empty() {
            let is_given =
                |report: &&LibraryReport| set.configured.iter().any(|one| one.path == report.path);
            let reports = reports.iter().filter(is_given).cloned().collect();
            self.trials.note(runtime, set.for_all_models(), reports);
        }
        for library in &set.preloaded {
            if !hosted.libraries.contains(&library.path) {
                tracing::warn!(
                    "'{}' is preloaded into workers of {} and registers no op there",
                    library.path.display(),
                    runtime.name
                );
            }
        }
        for report in &reports {
            tracing::info!(
                "'{}' serves all models of {}: {} ops",
                report.path.display(),
                runtime.name,
                report.ops.len()
            );
            if let Some(intrusion) = Intrusion::of(framework, report) {
                tracing::warn!("{intrusion}");
            }
        }
        if let Some(replacement) = Override::among(framework, &reports) {
            tracing::warn!("{replacement}");
        }
        Ok(())
    }

    /// `the op library 'a.so' (preloaded), which all PyTorch models get`.
    fn describe(&self, framework: Framework, set: &OpSet) -> String {
        let given = self.given();
        let each: Vec<String> = set
            .for_all_models()
            .map(|library| {
                let path = &library.path;
                format!("'{}' ({})", path.display(), given.source_of(path))
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
