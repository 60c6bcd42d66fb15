//! How PyTorch's op libraries register their ops: when they are opened, with the dispatcher.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtimes::Framework;

use super::dispatcher::{Operators, Registered, Schemas, key_name};
use super::runtime::Runtime;
use super::warnings::{WarningWatch, replaced_kernel};
use crate::worker::backend::{
    LibraryDescription, LibraryReport, LoadError, OpDescription, RegisteredOp, StillMapped,
};
use crate::worker::op_library::{
    FileIdentity, LibraryId, OpLibraries, identity_of, needed_op_libraries, refused_everywhere,
};
use crate::worker::recorder::SharedRecorder;

/// Why a library that registered something is not closed.
const KEPT: &str = "PyTorch keeps what a library has registered until the process ends, so the \
                    library was not closed; it goes when the worker ends";

/// Why a rebuilt library is not opened beside its former self.
const REPLACED: &str = "the file has changed since its former content was loaded into this worker, \
                        and PyTorch keeps what that registered; unload all models of the worker, \
                        which ends it, and load again (under isolation 'op-set' the new file gets \
                        a worker of its own)";

/// Opens op libraries and finds out what each of them registers.
pub(super) struct Registrar {
    runtime: Arc<Runtime>,
    libraries: OpLibraries,
    /// What the libraries that are open registered.
    registrations: Vec<Registration>,
    /// What the dispatcher had before the next library; empty before the first.
    operators: Operators,
    /// Libraries that registered before there was anybody to watch.
    preloaded: Vec<PathBuf>,
    /// Libraries of PyTorch that were opened because an op library needs them.
    parts: HashSet<PathBuf>,
}

/// What an open library registered.
struct Registration {
    id: LibraryId,
    /// The file as it was opened.
    identity: FileIdentity,
    report: LibraryReport,
    /// The names of the dispatch keys for which it brought kernels, op by op.
    kernels: BTreeMap<RegisteredOp, BTreeSet<String>>,
}

impl Registrar {
    /// A registrar in a process into which the libraries `preloaded` came before PyTorch.
    pub(super) fn new(
        runtime: Arc<Runtime>,
        recorder: SharedRecorder,
        preloaded: Vec<PathBuf>,
    ) -> Self {
        Self {
            libraries: OpLibraries::new(recorder, runtime.python.clone()),
            runtime,
            registrations: Vec::new(),
            operators: Operators::default(),
            preloaded,
            parts: HashSet::new(),
        }
    }

    /// Opens the library at `path` unless it is open. Its ops are there for all models from then
    /// on. Op libraries that it needs are opened before it, so that what they register is not
    /// taken for its own.
    ///
    /// # Errors
    /// The library cannot be opened, or took the place of one that has registered.
    pub(super) fn acquire(&mut self, path: &Path) -> Result<LibraryId, LoadError> {
        let needed = needed_op_libraries(path, Framework::PyTorch, &self.runtime.library_dirs);
        let mut held = Vec::new();
        for needed in needed {
            match self.acquire_alone(&needed) {
                Ok(id) => held.push(id),
                // What that means for the library shows when it is opened.
                Err(error) => tracing::debug!(needed = %needed.display(), "{}", error.message),
            }
        }
        let acquired = self.acquire_alone(path);
        // From here on the library itself holds on to them.
        for id in held.into_iter().rev() {
            self.release(id);
        }
        acquired
    }

    fn acquire_alone(&mut self, path: &Path) -> Result<LibraryId, LoadError> {
        let identity = identity_of(path)?;
        // PyTorch aborts where a namespace is registered again.
        if self.registrations.iter().any(|registration| {
            let took_its_place =
                registration.report.path == path || registration.identity.is_same_file(&identity);
            took_its_place
                && registration.identity != identity
                && !registration.report.ops.is_empty()
        }) {
            return Err(refused_everywhere(path, REPLACED));
        }
        self.open_parts(path);
        if self.operators.is_empty() {
            self.operators = Operators::list(&self.runtime)?;
        }
        let mut warnings: Vec<String> = Vec::new();
        let opened = {
            let _watch = WarningWatch::begin(&self.runtime, &mut warnings);
            self.libraries.acquire(path)
        };
        let id = opened?;
        if self.report(id).is_some() {
            return Ok(id);
        }
        let after = Operators::list(&self.runtime)?;
        let mut kernels = self.named(after.since(&self.operators));
        let mut declared = after.declared_since(&self.operators);
        self.operators = after;
        if FileIdentity::is_among(path, &self.preloaded) {
            let own = self.named(self.operators.declared_in(path));
            declared.extend(own.keys().cloned());
            kernels.extend(own);
        }
        for warning in warnings {
            if let Some((op, key)) = replaced_kernel(&warning) {
                kernels.entry(op).or_default().insert(key.to_owned());
            }
            tracing::warn!(library = %path.display(), "{warning}");
        }
        if kernels.is_empty() {
            tracing::warn!(
                library = %path.display(),
                "the op library was opened and registered nothing with PyTorch's dispatcher"
            );
        }
        let report = LibraryReport {
            path: path.to_owned(),
            ops: kernels.keys().cloned().collect(),
            extends: kernels
                .keys()
                .filter(|op| !declared.contains(op))
                .cloned()
                .collect(),
            api_level: None,
        };
        self.registrations.push(Registration {
            id,
            identity,
            report,
            kernels,
        });
        Ok(id)
    }

    /// The same with the names of the keys.
    fn named(&self, registered: Registered) -> BTreeMap<RegisteredOp, BTreeSet<String>> {
        let named = |keys: BTreeSet<_>| {
            let names = keys.into_iter().map(|key| key_name(&self.runtime, key));
            names.collect()
        };
        let ops = registered.into_iter();
        ops.map(|(op, keys)| (op, named(keys))).collect()
    }

    /// What the libraries registered, in the form of a description.
    pub(super) fn describe(&self, ids: &[LibraryId]) -> Vec<LibraryDescription> {
        let schemas = Schemas::list(&self.runtime);
        let described = |registration: &Registration| LibraryDescription {
            path: registration.report.path.clone(),
            ops: registration
                .kernels
                .iter()
                .map(|(op, keys)| OpDescription {
                    op: op.clone(),
                    schemas: schemas.of(op),
                    kernels: keys.iter().cloned().collect(),
                })
                .collect(),
        };
        let registrations = self.registrations.iter();
        registrations
            .filter(|registration| ids.contains(&registration.id))
            .map(described)
            .collect()
    }

    /// Opens those libraries of PyTorch that the library at `path` needs and that are not there
    /// yet, such as its CUDA part: they register hundreds of kernels, which are not the library's.
    fn open_parts(&mut self, path: &Path) {
        let Ok(library) = ::op_library::inspect(path) else {
            return;
        };
        for name in &library.needed {
            let part = self.runtime.folder.join(name);
            if !part.is_file() || !self.parts.insert(part.clone()) {
                continue;
            }
            // One that cannot be opened is told when the library itself is.
            if let Err(error) = self.libraries.acquire(&part) {
                tracing::debug!(part = %part.display(), "{}", error.message);
            }
            self.operators = Operators::default();
        }
    }

    /// What an open library registered.
    pub(super) fn report(&self, id: LibraryId) -> Option<&LibraryReport> {
        self.registrations
            .iter()
            .find_map(|registration| (registration.id == id).then_some(&registration.report))
    }

    /// Everything that the libraries in this process registered, library by library.
    pub(super) fn reports(&self) -> impl Iterator<Item = &LibraryReport> {
        self.registrations
            .iter()
            .map(|registration| &registration.report)
    }

    /// Counts one user of the library less. Only one that registered nothing is closed.
    pub(super) fn release(&mut self, id: LibraryId) -> Option<StillMapped> {
        let registered = self.report(id).is_some_and(|report| !report.ops.is_empty());
        if registered {
            return self.libraries.keep(id, KEPT);
        }
        let remaining = self.libraries.release(id);
        if !self.libraries.is_open(id) {
            self.registrations
                .retain(|registration| registration.id != id);
        }
        remaining
    }

    /// Keeps a library whose code may be running.
    pub(super) fn abandon(&mut self, id: LibraryId) -> Option<StillMapped> {
        self.libraries.abandon(id)
    }
}
