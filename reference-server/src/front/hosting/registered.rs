//! What libraries register, found out in a process of their own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use op_library::OpLibrary;
use parking_lot::Mutex;
use runtimes::{Runtime, RuntimeName};
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
        };
        trial::open(&launch, &hosted, self.load_limit).await
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
