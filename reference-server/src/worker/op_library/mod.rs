//! Op libraries in this process: opened once, shared by models, closed with the last of them.

mod file_identity;
mod loaded;
mod needed;
mod python;

use std::path::{Path, PathBuf};

pub use self::file_identity::FileIdentity;
use self::loaded::Mapping;
pub use self::loaded::{Handle, remedy};
pub use self::needed::needed_op_libraries;
pub use self::python::with_python;
use super::backend::{LoadError, StillMapped};
use super::recorder::{Recorder, SharedRecorder, Step};

/// Most spellings of a path that are tried to get past a former file of the same name.
const SPELLINGS: usize = 8;

/// The op libraries that the models of this worker use.
pub struct OpLibraries {
    loaded: Vec<OpLibrary>,
    /// Libraries that were closed and stayed in memory.
    remaining: Vec<Remaining>,
    recorder: SharedRecorder,
    /// The Python that the runtime's own extension modules are built for.
    python: Option<String>,
}

/// Names a library that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LibraryId(u64);

struct OpLibrary {
    id: LibraryId,
    path: PathBuf,
    identity: FileIdentity,
    handle: Handle,
    users: usize,
}

struct Remaining {
    path: PathBuf,
    identity: FileIdentity,
    mapping: Mapping,
}

impl OpLibraries {
    /// No library yet. `python` is the tag of the Python that the runtime's own extension modules
    /// are built for, if it has any.
    pub fn new(recorder: SharedRecorder, python: Option<String>) -> Self {
        Self {
            loaded: Vec::new(),
            remaining: Vec::new(),
            recorder,
            python,
        }
    }

    /// Opens the library at `path`, or counts one user more where this very file is open.
    ///
    /// # Errors
    /// The file cannot be opened, or the loader would give us an older file in its place.
    pub fn acquire(&mut self, path: &Path) -> Result<LibraryId, LoadError> {
        let identity = identity_of(path)?;
        if let Some(library) = self
            .loaded
            .iter_mut()
            .find(|library| library.identity == identity)
        {
            library.users += 1;
            return Ok(library.id);
        }
        // The loader tells files apart by device and inode, and for it this one is loaded already.
        if self
            .loaded
            .iter()
            .map(|library| &library.identity)
            .chain(self.remaining.iter().map(|remaining| &remaining.identity))
            .any(|other| other.is_same_file(&identity) && *other != identity)
        {
            return Err(refused_everywhere(
                path,
                "the file was overwritten in place while its former content is still in this \
                 worker's memory, so the new content cannot be loaded beside it; unload the \
                 models that use it first, and replace it by renaming a new file over it",
            ));
        }
        self.recorder().enter(Step::OpenLibrary, path);
        let opened = with_python(path, self.python.as_deref(), || self.open(path, &identity));
        self.recorder().idle();
        let handle = opened?;
        self.remaining
            .retain(|remaining| remaining.identity != identity);
        // Ids only have to differ among the loaded libraries.
        let id = LibraryId(
            self.loaded
                .iter()
                .map(|library| library.id.0 + 1)
                .max()
                .unwrap_or(0),
        );
        self.loaded.push(OpLibrary {
            id,
            path: path.to_owned(),
            identity,
            handle,
            users: 1,
        });
        Ok(id)
    }

    fn open(&self, path: &Path, identity: &FileIdentity) -> Result<Handle, LoadError> {
        // The loader also compares names, and answers with what it has under this one, however old.
        // Another spelling of the path makes it look at the file.
        let former = self
            .loaded
            .iter()
            .map(|library| &library.path)
            .chain(self.remaining.iter().filter_map(|remaining| {
                (remaining.identity != *identity).then_some(&remaining.path)
            }))
            .filter(|other| *other == path)
            .count();
        let mut opened = None;
        for repetitions in former..former + SPELLINGS {
            let handle = Handle::open(&loaded::spelling(path, repetitions)).map_err(|reason| {
                let remedy = remedy(&reason);
                refused(
                    path,
                    &format!("the dynamic loader says \"{reason}\"; {remedy}"),
                )
            })?;
            if !self.is_former(&handle.mapping(), identity) {
                opened = Some(handle);
                break;
            }
        }
        let Some(handle) = opened else {
            return Err(refused(
                path,
                "the dynamic loader answers with a former file that is still in this worker's \
                 memory; unload the models that use it, or end the worker, and load again",
            ));
        };
        match FileIdentity::of(path) {
            Ok(now) if now == *identity => Ok(handle),
            _ => Err(refused_everywhere(
                path,
                "the file was replaced while it was being loaded; load again",
            )),
        }
    }

    /// Whether the loader answered with a library that it had from an earlier file.
    fn is_former(&self, mapping: &Mapping, identity: &FileIdentity) -> bool {
        self.loaded
            .iter()
            .any(|library| library.handle.mapping() == *mapping)
            || self
                .remaining
                .iter()
                .any(|remaining| remaining.mapping == *mapping && remaining.identity != *identity)
    }

    /// The path under which the library was opened.
    pub fn path(&self, id: LibraryId) -> &Path {
        &self.library(id).path
    }

    /// Counts one user less; the last one closes the library.
    ///
    /// Returns the library if it was closed and is still mapped.
    pub fn release(&mut self, id: LibraryId) -> Option<StillMapped> {
        let position = self.loaded.iter().position(|library| library.id == id)?;
        let library = &mut self.loaded[position];
        library.users -= 1;
        if library.users > 0 {
            return None;
        }
        let library = self.loaded.remove(position);
        let mapping = library.handle.mapping();
        self.recorder().enter(Step::CloseLibrary, &library.path);
        let closed = library.handle.close();
        self.recorder().idle();
        if !mapping.is_present() {
            return None;
        }
        let reason = match closed {
            Err(error) => format!("dlclose failed: {error}"),
            Ok(()) => loaded::why_it_remains(&library.path, &library.identity),
        };
        self.remaining.push(Remaining {
            path: library.path.clone(),
            identity: library.identity,
            mapping,
        });
        Some(StillMapped {
            path: library.path,
            reason,
        })
    }

    /// Counts one user less of a library that is never closed, for `reason`.
    pub fn keep(&mut self, id: LibraryId, reason: &str) -> Option<StillMapped> {
        let library = self.loaded.iter_mut().find(|library| library.id == id)?;
        library.users = library.users.saturating_sub(1);
        (library.users == 0).then(|| StillMapped {
            path: library.path.clone(),
            reason: reason.to_owned(),
        })
    }

    /// Keeps the library in memory for the rest of the process, since its code may be running.
    pub fn abandon(&mut self, id: LibraryId) -> Option<StillMapped> {
        let library = self.loaded.iter().find(|library| library.id == id)?;
        Some(StillMapped {
            path: library.path.clone(),
            reason: "an execution of the model has not ended, so the library was not closed; it \
                     goes when the worker ends"
                .to_owned(),
        })
    }

    /// Whether the library is still open.
    pub fn is_open(&self, id: LibraryId) -> bool {
        self.loaded.iter().any(|library| library.id == id)
    }

    /// The open library, to find its entry points.
    pub fn handle(&self, id: LibraryId) -> &Handle {
        &self.library(id).handle
    }

    fn recorder(&self) -> &Recorder {
        (*self.recorder).as_ref()
    }

    fn library(&self, id: LibraryId) -> &OpLibrary {
        self.loaded
            .iter()
            .find(|library| library.id == id)
            .expect("a library id is used while the library is held")
    }
}

/// The identity of the op library at `path`.
///
/// # Errors
/// The file cannot be read.
pub fn identity_of(path: &Path) -> Result<FileIdentity, LoadError> {
    FileIdentity::of(path).map_err(|error| {
        refused_everywhere(
            path,
            &format!(
                "it cannot be read: {error}; check the path in \
                 model_operations.op_library_filename and the file's permissions"
            ),
        )
    })
}

/// The error of an op library that cannot be used, for `reason`, which may be another one or none
/// with another runtime.
pub fn refused(path: &Path, reason: &str) -> LoadError {
    LoadError {
        library: Some(path.to_owned()),
        ..refused_everywhere(path, reason)
    }
}

/// The error of an op library that cannot be used, for a `reason` that holds with every runtime:
/// no other one is tried.
pub fn refused_everywhere(path: &Path, reason: &str) -> LoadError {
    LoadError::new(format!(
        "the op library '{}' cannot be loaded: {reason}",
        path.display()
    ))
}

/// Tells of the op libraries that a model which did not load has left behind.
pub fn warn_of(remaining: &[StillMapped]) {
    for library in remaining {
        tracing::warn!(
            library = %library.path.display(),
            reason = library.reason,
            "an op library of a model that did not load is still mapped"
        );
    }
}
