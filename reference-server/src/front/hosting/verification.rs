//! Trying out, before the first model, the libraries that all models of a framework get.

use std::collections::BTreeMap;
use std::sync::Arc;

use op_library::OpLibrary;
use runtimes::{Framework, Runtime};

use super::registered::key;
use super::{Chosen, Hosting};
use crate::front::collision::Collision;
use crate::front::given_libraries::Unusable;
use crate::front::op_set::OpSet;
use crate::front::options::RuntimeSelect;
use crate::front::runtime_choice::told;
use crate::front::trial;
use crate::front::worker_process::Launch;
use crate::worker::backend::{LibraryReport, LoadError};

/// Why libraries could not be tried out with success.
struct Failure {
    reason: String,
    /// Whether another runtime may do better.
    elsewhere: bool,
}

impl Hosting {
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

    fn concerned_frameworks(&self) -> Vec<Framework> {
        let mut frameworks = self.given.frameworks();
        let unusable = self.given.unusable().iter();
        frameworks.extend(unusable.flat_map(|unusable| unusable.frameworks.iter().copied()));
        frameworks.sort_unstable();
        frameworks.dedup();
        frameworks
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
                        told(&verdict)
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
