//! TensorFlow's op libraries: registered for the whole process, and never unloaded.

use std::collections::HashMap;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtimes::Framework;

use super::messages::{KernelDef, OpDef, OpList};
use super::runtime::{self, Runtime};
use super::status::Status;
use super::{description, preloaded};
use crate::worker::backend::{
    LibraryDescription, LibraryReport, LoadError, OpDescription, RegisteredOp,
    RuntimeSpecification, StillMapped,
};
use crate::worker::exception_barrier;
use crate::worker::op_library::{
    FileIdentity, identity_of, needed_op_libraries, refused, refused_everywhere, remedy,
    with_python,
};
use crate::worker::recorder::{Recorder, SharedRecorder, Step};

/// The op libraries of this process and the ops that exist in it.
pub(super) struct OpLibraries {
    loaded: Vec<OpLibrary>,
    /// All ops of the process by name, read at the first need: whether they keep state.
    ops: Option<HashMap<String, bool>>,
    runtime: Arc<Runtime>,
    recorder: SharedRecorder,
    /// The Python that the runtime's own extension modules are built for.
    python: Option<String>,
    /// The folders of the runtime's own libraries.
    library_dirs: Vec<PathBuf>,
}

/// Names a library that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LibraryId(usize);

struct OpLibrary {
    path: PathBuf,
    identity: FileIdentity,
    /// The ops whose definition is this library's.
    ops: Vec<String>,
    /// The ops that others define and that it brought kernels for.
    extended: Vec<String>,
    /// All kernels that it brought, by op.
    kernels: Kernels,
    users: usize,
    /// Clashes with libraries that were loaded before.
    collisions: Vec<Collision>,
}

/// Kernels by op.
type Kernels = HashMap<String, Vec<KernelDef>>;

/// An op for which two libraries, or TensorFlow and a library, brought kernels of the same kind: TensorFlow then has no way to
/// choose, and no model that uses the op runs any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Collision {
    /// The op.
    pub(super) op: String,
    /// The library that was there first; none where it is TensorFlow itself.
    pub(super) first: Option<LibraryId>,
}

impl OpLibraries {
    /// No library yet.
    pub(super) fn new(
        runtime: Arc<Runtime>,
        recorder: SharedRecorder,
        specification: &RuntimeSpecification,
    ) -> Self {
        Self {
            loaded: Vec::new(),
            ops: None,
            runtime,
            recorder,
            python: specification.python.clone(),
            library_dirs: specification.library_dirs.clone(),
        }
    }

    /// Loads the library at `path` for one user, or counts one user more where this very file is
    /// loaded. Op libraries that it needs are loaded before it, so that what they register is not
    /// taken for its own.
    ///
    /// # Errors
    /// The file cannot be opened, or took the place of one that is loaded.
    pub(super) fn acquire(&mut self, path: &Path) -> Result<LibraryId, LoadError> {
        for needed in needed_op_libraries(path, Framework::TensorFlow, &self.library_dirs) {
            match self.acquire_alone(&needed) {
                Ok(id) => drop(self.release(id)),
                // What that means for the library shows when it is loaded.
                Err(error) => tracing::debug!(needed = %needed.display(), "{}", error.message),
            }
        }
        self.acquire_alone(path)
    }

    fn acquire_alone(&mut self, path: &Path) -> Result<LibraryId, LoadError> {
        let identity = identity_of(path)?;
        if let Some(position) = self.position(&identity) {
            self.loaded[position].users += 1;
            return Ok(LibraryId(position));
        }
        if self
            .loaded
            .iter()
            .any(|library| library.path == path || library.identity.is_same_file(&identity))
        {
            return Err(refused_everywhere(
                path,
                "the file has changed since its former content was loaded into this worker, and \
                 TensorFlow cannot unload that; unload all models of the worker, which ends it, \
                 and load again (under isolation 'op-set' the new file gets a worker of its own)",
            ));
        }
        let before = self.all_kernels();
        self.recorder().enter(Step::OpenLibrary, path);
        let loaded = with_python(path, self.python.as_deref(), || load(&self.runtime, path));
        self.recorder().idle();
        let defined = loaded?;
        self.recorder().enter(Step::Register, path);
        let kernels = kernels_since(&before, self.all_kernels());
        let mut extended: Vec<String> = kernels
            .keys()
            .filter(|op| defined.iter().all(|defined| defined.name != **op))
            .cloned()
            .collect();
        extended.sort_unstable();
        let ops = kernels.keys().map(String::as_str);
        let collisions = self.collisions(ops, &extended, &kernels);
        self.recorder().idle();
        if let Some(ops) = &mut self.ops {
            ops.extend(defined.iter().map(|op| (op.name.clone(), op.is_stateful)));
        }
        self.loaded.push(OpLibrary {
            path: path.to_owned(),
            identity,
            ops: defined.into_iter().map(|op| op.name).collect(),
            extended,
            kernels,
            users: 1,
            collisions,
        });
        Ok(LibraryId(self.loaded.len() - 1))
    }

    /// As [`acquire`](Self::acquire), for a library that the dynamic loader brought into the
    /// process before it started: its ops are there already, and so are those of `others`, which
    /// are adopted after it.
    ///
    /// # Errors
    /// As for `acquire`.
    pub(super) fn adopt(
        &mut self,
        path: &Path,
        others: &[PathBuf],
    ) -> Result<LibraryId, LoadError> {
        // The first look at the registry is when TensorFlow ends the process, if two of the
        // preloaded libraries define one op.
        self.recorder().enter(Step::Register, path);
        let mut all: Vec<String> = self.ops().keys().cloned().collect();
        self.recorder().idle();
        all.sort_unstable();
        let id = self.acquire(path)?;
        if !self.loaded[id.0].ops.is_empty() {
            return Ok(id);
        }
        let mentioned = preloaded::ops_of(path, all)
            .map_err(|error| refused_everywhere(path, &format!("it cannot be read: {error}")))?;
        // Where a later one mentions the op too, that one tells.
        let is_last = |op: &str| {
            let op = || std::iter::once(op.to_owned());
            let mut others = others.iter();
            others.all(|other| preloaded::ops_of(other, op()).is_ok_and(|ops| ops.is_empty()))
        };
        let ops = mentioned.iter().map(String::as_str);
        let mut collisions = self.collisions(ops, &mentioned, &Kernels::new());
        collisions.retain(|collision| collision.first.is_some() || is_last(&collision.op));
        let (extended, defined) = mentioned
            .into_iter()
            .partition(|name| self.definer(name).is_some());
        let library = &mut self.loaded[id.0];
        library.ops = defined;
        library.extended = extended;
        library.collisions = collisions;
        Ok(id)
    }

    /// All ops of the process by name; whether they keep state.
    pub(super) fn ops(&mut self) -> &HashMap<String, bool> {
        self.ops.get_or_insert_with(|| {
            let all = self.runtime.all_ops();
            all.into_iter()
                .map(|op| (op.name, op.is_stateful))
                .collect()
        })
    }

    /// The library that defines the op `name`, if it is one.
    pub(super) fn definer(&self, name: &str) -> Option<LibraryId> {
        self.loaded
            .iter()
            .position(|library| library.ops.iter().any(|op| op == name))
            .map(LibraryId)
    }

    /// What the library registered.
    pub(super) fn report(&self, id: LibraryId) -> LibraryReport {
        let library = &self.loaded[id.0];
        LibraryReport {
            path: library.path.clone(),
            ops: library
                .ops
                .iter()
                .chain(&library.extended)
                .map(|name| registered(name))
                .collect(),
            extends: library
                .extended
                .iter()
                .map(|name| registered(name))
                .collect(),
            api_level: None,
        }
    }

    /// Reports of all libraries that are loaded.
    pub(super) fn reports(&self) -> Vec<LibraryReport> {
        (0..self.loaded.len())
            .map(|number| self.report(LibraryId(number)))
            .collect()
    }

    /// The path under which the library was loaded.
    pub(super) fn path(&self, id: LibraryId) -> &Path {
        &self.loaded[id.0].path
    }

    /// Its clashes with libraries that were loaded before it.
    pub(super) fn collisions_of(&self, id: LibraryId) -> &[Collision] {
        &self.loaded[id.0].collisions
    }

    /// All clashes for one of `ops`, with the later library of the two.
    pub(super) fn clash(&self, op: &str) -> Option<(Option<LibraryId>, LibraryId)> {
        self.loaded
            .iter()
            .enumerate()
            .find_map(|(number, library)| {
                let collision = library
                    .collisions
                    .iter()
                    .find(|collision| collision.op == op)?;
                Some((collision.first, LibraryId(number)))
            })
    }

    /// Counts one user less. A library without users stays loaded all the same.
    pub(super) fn release(&mut self, id: LibraryId) -> Option<StillMapped> {
        let library = &mut self.loaded[id.0];
        library.users = library.users.saturating_sub(1);
        (library.users == 0).then(|| StillMapped {
            path: library.path.clone(),
            reason: "TensorFlow keeps every op library, since its ops are registered for the \
                     whole process; it goes when the worker ends"
                .to_owned(),
        })
    }

    fn position(&self, identity: &FileIdentity) -> Option<usize> {
        self.loaded
            .iter()
            .position(|library| library.identity == *identity)
    }

    /// The kernels of all ops, those apart that TensorFlow's own compiler adds when it likes.
    fn all_kernels(&self) -> Kernels {
        let mut kernels = Kernels::new();
        for kernel in self.runtime.all_kernels() {
            if !kernel.device_type.starts_with("XLA_") {
                kernels.entry(kernel.op.clone()).or_default().push(kernel);
            }
        }
        kernels
    }

    /// What the libraries registered, in the form of a description.
    pub(super) fn describe(&self, ids: &[LibraryId]) -> Vec<LibraryDescription> {
        let all: HashMap<String, OpDef> = self
            .runtime
            .all_ops()
            .into_iter()
            .map(|op| (op.name.clone(), op))
            .collect();
        let op_of = |library: &OpLibrary, op: RegisteredOp| {
            let kernels = library.kernels.get(&op.name).into_iter().flatten();
            let mut kernels: Vec<String> = kernels.map(description::kernel).collect();
            kernels.sort_unstable();
            let definition = all.get(&op.name).into_iter();
            OpDescription {
                schemas: definition.map(description::signature).collect(),
                kernels,
                op,
            }
        };
        let described = |&id: &LibraryId| {
            let LibraryReport { path, ops, .. } = self.report(id);
            let library = &self.loaded[id.0];
            LibraryDescription {
                path,
                ops: ops.into_iter().map(|op| op_of(library, op)).collect(),
            }
        };
        ids.iter().map(described).collect()
    }

    /// Those of `ops` for which TensorFlow cannot choose a kernel any more, now that one more library
    /// has brought some: `new`, as far as they are known. `extended` are those ops that it does not
    /// define.
    fn collisions<'a>(
        &self,
        ops: impl Iterator<Item = &'a str>,
        extended: &[String],
        new: &Kernels,
    ) -> Vec<Collision> {
        let mut collisions: Vec<Collision> = ops
            .filter(|op| has_twins(&self.runtime.kernels_of(op)))
            .map(|op| Collision {
                op: op.to_owned(),
                first: self.provider(op, new.get(op)),
            })
            .filter(|collision| collision.first.is_some() || extended.contains(&collision.op))
            .collect();
        collisions.sort_unstable_by(|one, other| one.op.cmp(&other.op));
        collisions
    }

    /// The library that defines the op `name`, or that has kernels for it between which and `new`
    /// TensorFlow cannot choose. Of a preloaded library the kernels are not known: it may be the one.
    fn provider(&self, name: &str, new: Option<&Vec<KernelDef>>) -> Option<LibraryId> {
        let may_clash = |library: &OpLibrary| {
            library.extended.iter().any(|op| op == name)
                && match (library.kernels.get(name), new) {
                    (Some(known), Some(new)) => known
                        .iter()
                        .any(|kernel| new.iter().any(|other| are_twins(kernel, other))),
                    _ => true,
                }
        };
        self.definer(name)
            .or_else(|| self.loaded.iter().position(may_clash).map(LibraryId))
    }

    fn recorder(&self) -> &Recorder {
        (*self.recorder).as_ref()
    }
}

/// Loads the library and returns the ops that it defined.
fn load(runtime: &Arc<Runtime>, path: &Path) -> Result<Vec<OpDef>, LoadError> {
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| refused_everywhere(path, "its path holds a zero byte"))?;
    let status = Status::new(runtime);
    // SAFETY: a C string and a live status. What the library's initializers do is its own: that is
    // what the worker process is for.
    let library = unsafe {
        exception_barrier::call(
            runtime.interface.load_library,
            name.as_ptr().cast_mut(),
            status.pointer(),
        )
    };
    status.check().map_err(|failure| {
        refused(
            path,
            &format!(
                "TensorFlow {} says \"{}\"; {}",
                runtime.version,
                failure.message,
                remedy(&failure.message)
            ),
        )
    })?;
    // The handle is small and kept for ever, as the library is.
    // SAFETY: the handle is live; the buffer belongs to it.
    let ops: OpList = unsafe {
        let buffer = (runtime.interface.get_op_list)(library);
        runtime::decode(&buffer)
    };
    Ok(ops.ops)
}

/// Those of `after` that are not among `before`. Of two that are alike, one may be new.
fn kernels_since(before: &Kernels, after: Kernels) -> Kernels {
    let mut new = Kernels::new();
    for (op, mut kernels) in after {
        for known in before.get(&op).into_iter().flatten() {
            if let Some(position) = kernels.iter().position(|kernel| kernel == known) {
                kernels.swap_remove(position);
            }
        }
        if !kernels.is_empty() {
            new.insert(op, kernels);
        }
    }
    new
}

/// Whether TensorFlow could not choose between two of the kernels.
fn has_twins(kernels: &[KernelDef]) -> bool {
    kernels.iter().enumerate().any(|(number, kernel)| {
        kernels[number + 1..]
            .iter()
            .any(|other| are_twins(kernel, other))
    })
}

fn are_twins(one: &KernelDef, other: &KernelDef) -> bool {
    one.device_type == other.device_type
        && one.label == other.label
        && one.priority == other.priority
        && one.constraints == other.constraints
}

/// An op in the form of reports. TensorFlow's ops have no namespace.
pub(super) fn registered(name: &str) -> RegisteredOp {
    RegisteredOp {
        domain: String::new(),
        name: name.to_owned(),
        version: String::new(),
    }
}
