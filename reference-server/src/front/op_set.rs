//! The op libraries that a model sees, in the order in which they are loaded.

use std::path::PathBuf;
use std::sync::Arc;

use op_library::{Before, Finding, FindingId, OpLibrary, Verdict};
use runtimes::{Framework, Runtime};

use super::workers::ContentHash;

/// Libraries of one model: those of all models of its framework, then its own.
#[derive(Clone, Default)]
pub struct OpSet {
    /// All that the worker's process starts with, in the order of `LD_PRELOAD`: the preloaded op
    /// libraries, and libraries of no framework.
    pub process: Vec<Arc<OpLibrary>>,
    /// The op libraries of the framework among them.
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

    /// Paths of the model's own libraries.
    pub fn own_paths(&self) -> Vec<PathBuf> {
        self.own
            .iter()
            .map(|library| library.path.clone())
            .collect()
    }

    /// What tells op sets apart: content and order, and how each library comes into the process.
    pub fn identity(&self) -> Vec<ContentHash> {
        let hashes = |way: &'static str, libraries: &[Arc<OpLibrary>]| {
            let hashes = libraries.iter().map(|library| &library.content_hash);
            hashes
                .map(|hash| format!("{way} {hash}"))
                .collect::<Vec<_>>()
        };
        [
            hashes("process", &self.process),
            hashes("preloaded", &self.preloaded),
            hashes("configured", &self.configured),
            hashes("own", &self.own),
        ]
        .concat()
    }

    /// The first library that cannot work with `runtime`, and why.
    pub fn refusal(&self, runtime: &Runtime) -> Option<(&OpLibrary, Verdict)> {
        let process = references(&self.process);
        let opened = self.opened();
        let preloaded = self.preloaded.iter().map(|library| {
            let verdict = library.verdict_after(runtime, before(&process, &[]));
            // It may be there for another reason than to register ops.
            let stands = !matches!(verdict, Verdict::RegistersNothing { certain: true, .. });
            (&**library, verdict, stands)
        });
        let others = opened.iter().enumerate().map(|(position, library)| {
            let before = before(&process, &opened[..position]);
            (*library, library.verdict_after(runtime, before), true)
        });
        preloaded
            .chain(others)
            .find(|(_, verdict, stands)| *stands && verdict.refuses())
            .map(|(library, verdict, _)| (library, verdict))
    }

    /// The preloaded libraries whose files do not say that they register nothing.
    pub fn registering(&self, runtime: &Runtime) -> Vec<Arc<OpLibrary>> {
        let process = references(&self.process);
        let may_register = |library: &&Arc<OpLibrary>| {
            let verdict = library.verdict_after(runtime, before(&process, &[]));
            !matches!(verdict, Verdict::RegistersNothing { certain: true, .. })
        };
        let registering = self.preloaded.iter().filter(may_register);
        registering.cloned().collect()
    }

    /// What is to be known about the model's own libraries, though it does not keep them from
    /// loading.
    pub fn warnings(&self, runtime: &Runtime) -> Vec<Finding> {
        let process = references(&self.process);
        let opened = self.opened();
        (self.configured.len()..opened.len())
            .flat_map(|position| {
                let before = before(&process, &opened[..position]);
                opened[position].findings_after(runtime, before)
            })
            .filter(|finding| closes_libraries(runtime) || !tells_of_unloading(finding))
            .collect()
    }

    /// Those that the worker opens when its runtime is there, in order.
    fn opened(&self) -> Vec<&OpLibrary> {
        let libraries = self.configured.iter().chain(&self.own);
        libraries.map(|library| &**library).collect()
    }
}

/// Whether a worker closes an op library with the last model that uses it. PyTorch and TensorFlow keep
/// what a library has registered, so there it goes with the worker.
fn closes_libraries(runtime: &Runtime) -> bool {
    match runtime.name.framework {
        Framework::OnnxRuntime | Framework::TensorRt => true,
        Framework::PyTorch | Framework::TensorFlow => false,
    }
}

fn tells_of_unloading(finding: &Finding) -> bool {
    matches!(
        finding.id,
        FindingId::PinnedByUniqueSymbol | FindingId::PinnedByFlag
    )
}

fn references(libraries: &[Arc<OpLibrary>]) -> Vec<&OpLibrary> {
    libraries.iter().map(|library| &**library).collect()
}

/// A worker that was started with `process` and has opened `loaded`.
fn before<'a>(process: &'a [&'a OpLibrary], loaded: &'a [&'a OpLibrary]) -> Before<'a> {
    Before {
        preloaded: process,
        loaded,
    }
}
