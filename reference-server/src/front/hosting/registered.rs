//! What libraries register, found out in a process of their own.

use std::path::PathBuf;
use std::sync::Arc;

use op_library::OpLibrary;
use runtimes::{Runtime, RuntimeName};

use super::Hosting;
use crate::front::collision::Collision;
use crate::front::hosted::Hosted;
use crate::front::op_set::OpSet;
use crate::front::trial;
use crate::front::worker_process::Launch;
use crate::front::workers::ContentHash;
use crate::worker::backend::{LibraryReport, LoadError};

/// A runtime, and the content of the libraries that were tried with it, in order.
pub(super) type TrialKey = (RuntimeName, Vec<ContentHash>);

pub(super) fn key<'a>(
    runtime: &Runtime,
    libraries: impl Iterator<Item = &'a Arc<OpLibrary>>,
) -> TrialKey {
    let hashes = libraries.map(|library| library.content_hash.clone());
    (runtime.name, hashes.collect())
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
            self.given.source_of(&collision.first)
        ))
    }

    /// What libraries register in a process of their own; `None` where they cannot be loaded.
    pub(super) async fn registered(
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

    pub(super) async fn open_alone(
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
            python: runtime.python.clone(),
        };
        let launch = Launch {
            name: format!("trial of {}", runtime.name),
            library_path: runtime.library_dirs.clone(),
            preload: self.preload_of(&[]),
        };
        trial::open(&launch, &hosted, self.load_limit).await
    }
}
