//! The op libraries that a model sees, in the order in which they are loaded.

use std::path::PathBuf;
use std::sync::Arc;

use op_library::{Before, Finding, FindingId, OpLibrary, Severity, Verdict};
use runtimes::Runtime;

/// Libraries of one model: those of all models of its framework, then its own.
#[derive(Clone, Default)]
pub struct OpSet {
    /// In the process before the runtime, in the order of `LD_PRELOAD`.
    pub preloaded: Vec<Arc<OpLibrary>>,
    /// From `--backend-config`.
    pub configured: Vec<Arc<OpLibrary>>,
    /// From the model's configuration.
    pub own: Vec<Arc<OpLibrary>>,
}

impl OpSet {
    /// All of them, in order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<OpLibrary>> {
        self.for_all_models().chain(&self.own)
    }

    /// Those that the command line or the environment gives to all models.
    pub fn for_all_models(&self) -> impl Iterator<Item = &Arc<OpLibrary>> {
        self.preloaded.iter().chain(&self.configured)
    }

    /// Whether a library of this content is among them.
    pub fn holds(&self, other: &OpLibrary) -> bool {
        self.all()
            .any(|library| library.content_hash == other.content_hash)
    }

    /// Paths of the model's own libraries.
    pub fn own_paths(&self) -> Vec<PathBuf> {
        self.own
            .iter()
            .map(|library| library.path.clone())
            .collect()
    }

    /// The first library that cannot work with `runtime`, and why.
    pub fn refusal(&self, runtime: &Runtime) -> Option<(&OpLibrary, Verdict)> {
        let all: Vec<&OpLibrary> = self.all().map(|library| &**library).collect();
        all.iter().enumerate().find_map(|(position, library)| {
            let before = &all[..position];
            let verdict = library.verdict_after(runtime, loaded(before));
            let is_preloaded = position < self.preloaded.len();
            let stands = !is_preloaded || self.stands_for_preload(library, runtime, before);
            (verdict.refuses() && stands).then_some((*library, verdict))
        })
    }

    /// Whether a verdict that refuses holds where the dynamic loader maps the library before the
    /// program. Its symbols may then be found in the libraries beside it, and it may be there for
    /// another reason than to register ops.
    fn stands_for_preload(
        &self,
        library: &OpLibrary,
        runtime: &Runtime,
        before: &[&OpLibrary],
    ) -> bool {
        let is_among_others = self.preloaded.len() > 1;
        library
            .findings_after(runtime, loaded(before))
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .any(|finding| !(is_among_others && finding.id == FindingId::UndefinedSymbol))
    }

    /// What is to be known about the model's own libraries, though it does not keep them from
    /// loading.
    pub fn warnings(&self, runtime: &Runtime) -> Vec<Finding> {
        let all: Vec<&OpLibrary> = self.all().map(|library| &**library).collect();
        let own = all.len() - self.own.len();
        (own..all.len())
            .flat_map(|position| all[position].findings_after(runtime, loaded(&all[..position])))
            .collect()
    }
}

/// A worker that has opened `libraries`.
fn loaded<'a>(libraries: &'a [&'a OpLibrary]) -> Before<'a> {
    Before {
        loaded: libraries,
        ..Before::default()
    }
}
