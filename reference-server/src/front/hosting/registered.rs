//! What libraries register, found out in a process of their own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use op_library::OpLibrary;
use parking_lot::Mutex;
use runtimes::{Framework, Runtime, RuntimeName};
use tokio::sync::OnceCell;

use super::Hosting;
use crate::front::collision::Collision;
use crate::front::hosted::Hosted;
use crate::front::op_set::OpSet;
use crate::front::trial;
use crate::front::worker_process::Launch;
use crate::front::workers::ContentHash;
use crate::worker::backend::{LibraryReport, LoadError};

/// How many trials are remembered.
const REMEMBERED: usize = 256;

/// A runtime, and the libraries that were tried with it, in order, each with its content: reports
/// name files.
type TrialKey = (RuntimeName, Vec<(PathBuf, ContentHash)>);

/// What libraries register; `None` where they could not be loaded.
type Reports = Option<Arc<Vec<LibraryReport>>>;

/// What libraries registered in trials. Who asks for one that is under way waits for it.
#[derive(Default)]
pub(super) struct Trials(Mutex<HashMap<TrialKey, Arc<OnceCell<Reports>>>>);

impl Trials {
    fn of(&self, key: TrialKey) -> Arc<OnceCell<Reports>> {
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED && !known.contains_key(&key) {
            // Those that are under way have somebody who waits.
            known.retain(|_, trial| Arc::strong_count(trial) > 1);
        }
        known.entry(key).or_default().clone()
    }

    /// Notes what is known without a trial.
    pub(super) fn note<'a>(
        &self,
        runtime: &Runtime,
        libraries: impl Iterator<Item = &'a Arc<OpLibrary>>,
        reports: Vec<LibraryReport>,
    ) {
        let trial = self.of(key(runtime, libraries));
        // A trial that came first knows the same.
        trial.set(Some(Arc::new(reports))).ok();
    }
}

fn key<'a>(runtime: &Runtime, libraries: impl Iterator<Item = &'a Arc<OpLibrary>>) -> TrialKey {
    let libraries = libraries.map(|library| (library.path.clone(), library.content_hash.clone()));
    (runtime.name, libraries.collect())
}

impl Hosting {
    /// Where a library of the model collides with one that all models of the framework get, or with
    /// another one of the model: the reason to refuse the model.
    pub async fn collision(&self, runtime: &Runtime, set: &OpSet) -> Option<String> {
        if set.own.is_empty() || !self.isolation.separates_op_sets() {
            return None;
        }
        if let Some(reason) = self.collision_with_all(runtime, set).await {
            return Some(reason);
        }
        let collision = self.collision_among(runtime, &set.own).await?;
        Some(format!(
            "op libraries of the model collide: {collision}; list one of the two in its \
             model_operations {{ op_library_filename }}, and the other in a model of its own"
        ))
    }

    /// The other frameworks refuse the second library, or the model, and the worker says why. PyTorch
    /// ends the process.
    async fn collision_among(
        &self,
        runtime: &Runtime,
        libraries: &[Arc<OpLibrary>],
    ) -> Option<Collision> {
        let framework = runtime.name.framework;
        if framework != Framework::PyTorch || libraries.len() < 2 {
            return None;
        }
        let alone = self.registered_alone(runtime, libraries).await;
        if let Some(collision) = Collision::among(framework, &alone) {
            return Some(collision);
        }
        let suspected = Collision::suspected(framework, &alone)?;
        // Each of them loads.
        let loads_together = self.registered(runtime, libraries).await.is_some();
        (alone.len() == libraries.len() && !loads_together).then_some(suspected)
    }

    async fn collision_with_all(&self, runtime: &Runtime, set: &OpSet) -> Option<String> {
        let for_all: Vec<Arc<OpLibrary>> = set.for_all_models().cloned().collect();
        if for_all.is_empty() {
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
            self.given().source_of(&collision.first)
        ))
    }

    /// What libraries register in a process of their own; `None` where they cannot be loaded. Tried
    /// once for each content.
    pub(super) async fn registered(
        &self,
        runtime: &Runtime,
        libraries: &[Arc<OpLibrary>],
    ) -> Reports {
        let trial = self.trials.of(key(runtime, libraries.iter()));
        if let Some(known) = trial.get() {
            return known.clone();
        }
        let bridge = self.bridge(runtime).await.ok()?;
        let outcome = trial.get_or_init(|| async {
            let opened = self.open_alone(runtime, bridge, libraries).await;
            if let Err(error) = &opened {
                tracing::debug!("trial with {}: {}", runtime.name, error.message);
            }
            opened.ok().map(Arc::new)
        });
        outcome.await.clone()
    }

    /// What each of `libraries` registers in a process of its own. Those that cannot be loaded are
    /// left out.
    pub(super) async fn registered_alone(
        &self,
        runtime: &Runtime,
        libraries: &[Arc<OpLibrary>],
    ) -> Vec<LibraryReport> {
        let trials = libraries
            .iter()
            .map(|library| self.registered(runtime, std::slice::from_ref(library)));
        let reports = futures_util::future::join_all(trials).await;
        let reports = reports.iter().flatten();
        reports
            .flat_map(|reports| reports.iter().cloned())
            .collect()
    }

    pub(super) async fn open_alone(
        &self,
        runtime: &Runtime,
        bridge: Option<PathBuf>,
        libraries: &[Arc<OpLibrary>],
    ) -> Result<Vec<LibraryReport>, LoadError> {
        let paths = libraries.iter().map(|library| library.path.clone());
        let hosted = Hosted::new(runtime, bridge, paths.collect());
        let launch = Launch {
            name: format!("trial of {}", runtime.name),
            library_path: runtime.library_dirs.clone(),
            preload: self.preload_of(&[]),
            pinned_memory: 0,
        };
        trial::open(&launch, &hosted, &[], self.load_limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_are_kept_by_content_in_a_bounded_number() {
        let trials = Trials::default();
        let runtime: RuntimeName = "pytorch-2.11.0".parse().unwrap();
        let key = |number: usize| (runtime, vec![(PathBuf::from("a.so"), number.to_string())]);
        let held = trials.of(key(0));
        assert!(Arc::ptr_eq(&held, &trials.of(key(0))));
        for number in 1..3 * REMEMBERED {
            trials.of(key(number));
        }
        assert!(trials.0.lock().len() <= REMEMBERED);
        assert!(Arc::ptr_eq(&held, &trials.of(key(0))));
    }
}
