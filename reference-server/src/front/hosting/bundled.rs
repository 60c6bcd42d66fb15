//! Op libraries that come with a runtime, such as TorchVision's: there where they can be, and never
//! in the way.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use op_library::OpLibrary;
use parking_lot::Mutex;
use runtimes::Runtime;

use super::{Hosting, Prepared};
use crate::front::blocking::blocking;
use crate::front::collision::Collision;
use crate::front::op_set::OpSet;
use crate::front::workers::ContentHash;
use crate::worker::backend::{LibraryReport, LoadError};

/// How many answers about the content of libraries are remembered.
const REMEMBERED: usize = 256;

/// An op library that loads here, with what it registers.
type Bundled = (Arc<OpLibrary>, LibraryReport);

/// What was found about the libraries that come with a runtime, by path: `None` for one that does
/// not load, whatever the machine is busy with. Locked while they are tried.
#[derive(Default)]
pub(super) struct BundledLibraries(tokio::sync::Mutex<HashMap<PathBuf, Option<Bundled>>>);

/// Whether libraries name one of some domains, by content: finding out takes reading a whole file.
#[derive(Default)]
pub(super) struct Mentions(Mutex<HashMap<(ContentHash, BTreeSet<String>), bool>>);

impl Mentions {
    async fn any(&self, library: &Arc<OpLibrary>, domains: &BTreeSet<String>) -> bool {
        let key = (library.content_hash.clone(), domains.clone());
        if let Some(&known) = self.0.lock().get(&key) {
            return known;
        }
        let (library, domains) = (library.clone(), domains.clone());
        let found = blocking(move || domains.iter().any(|domain| library.mentions(domain))).await;
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, found);
        found
    }
}

/// Why a library that comes with a runtime is left out.
struct LeftOut {
    reason: String,
    /// Whether another trial would find the same.
    is_settled: bool,
}

impl LeftOut {
    fn for_good(reason: impl ToString) -> Self {
        Self {
            reason: reason.to_string(),
            is_settled: true,
        }
    }
}

impl From<LoadError> for LeftOut {
    /// Where no library is at fault, the machine may have been.
    fn from(error: LoadError) -> Self {
        Self {
            is_settled: error.library.is_some() || error.refused_api.is_some(),
            reason: error.message,
        }
    }
}

impl Hosting {
    /// Whether a library that comes with the runtime is left out because one that was asked for
    /// registers the same op.
    pub(super) async fn gives_way(
        &self,
        runtime: &Runtime,
        bundled: &LibraryReport,
        set: &OpSet,
    ) -> bool {
        let own: &[_] = if self.isolation.separates_op_sets() {
            &set.own
        } else {
            // One worker for models with different libraries.
            &[]
        };
        let domains: BTreeSet<String> = bundled.ops.iter().map(|op| op.domain.clone()).collect();
        for library in set.for_all_models().chain(own) {
            if !self.mentions.any(library, &domains).await {
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

    /// The op libraries that come with a runtime and that load here. What does not is told and left
    /// out: nobody asked for it.
    pub(super) async fn usable_bundled(
        &self,
        runtime: &Runtime,
        prepared: &Prepared,
    ) -> Vec<Bundled> {
        let mut known = prepared.bundled.0.lock().await;
        for path in &runtime.bundled {
            if known.contains_key(path) {
                continue;
            }
            let tried = self.try_bundled(runtime, prepared.bridge.as_ref(), path);
            match tried.await {
                Ok(found) => {
                    known.insert(path.clone(), Some(found));
                }
                Err(LeftOut { reason, is_settled }) => {
                    tracing::warn!(
                        "'{}', which comes with {}, is not available to models: {reason}",
                        path.display(),
                        runtime.name
                    );
                    if is_settled {
                        known.insert(path.clone(), None);
                    }
                }
            }
        }
        let usable = runtime.bundled.iter().filter_map(|path| known.get(path));
        usable.flatten().cloned().collect()
    }

    async fn try_bundled(
        &self,
        runtime: &Runtime,
        bridge: Option<&PathBuf>,
        path: &Path,
    ) -> Result<Bundled, LeftOut> {
        let (path, of) = (path.to_owned(), runtime.clone());
        let judged = blocking(move || {
            let library = op_library::inspect(&path)?;
            let verdict = library.verdict(&of);
            Ok((Arc::new(library), verdict))
        });
        let judged: Result<_, op_library::InspectError> = judged.await;
        let (library, verdict) = judged.map_err(LeftOut::for_good)?;
        if verdict.refuses() {
            return Err(LeftOut::for_good(verdict));
        }
        let libraries = std::slice::from_ref(&library);
        let reports = self.open_alone(runtime, bridge.cloned(), libraries).await?;
        let report = reports.into_iter().next();
        let nothing = || LeftOut::for_good("the worker reported nothing about it");
        let report = report.ok_or_else(nothing)?;
        Ok((library, report))
    }
}
