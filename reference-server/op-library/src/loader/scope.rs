//! The objects that a library's symbols are looked up in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtimes::{Framework, Runtime, RuntimeName, python_libraries_for};

use crate::elf::{Header, Image};

use super::search::{self, NotFound, Requester};
use super::store::{Candidate, image_of};

/// What a worker of one runtime would look a library's symbols up in.
///
/// Op libraries are opened with `RTLD_NOW | RTLD_LOCAL` in all frameworks. So a library sees its
/// own closure and what is global: the worker's executable and the preloaded libraries, with all
/// that they need. What a worker adds to that differs:
///
/// - ONNX Runtime, PyTorch and TensorFlow are opened with `RTLD_LOCAL`: of the runtime, a library
///   sees only what it names as a dependency.
/// - TensorRT is opened with `RTLD_GLOBAL`: its symbols are visible.
/// - A worker makes the symbols of Python visible before it opens a library that is made for
///   Python.
///
/// A preloaded library is mapped before the runtime, so it sees nothing of the runtime that it does
/// not name as a dependency, whatever the framework, and nothing of Python.
#[derive(Debug)]
pub(crate) struct Scope {
    /// The library first, then everything that it needs, breadth first.
    closure: Vec<Object>,
    /// What is visible to all objects of the process.
    global: Vec<Object>,
    /// What the worker's executable needs, which is a part of `global`.
    executable: Vec<Object>,
    /// The worker's runtime.
    pub runtime_name: RuntimeName,
    /// What the worker's runtime consists of. The library sees of it only what it names as needed.
    runtime: Vec<Object>,
    /// Where the runtime's libraries lie, those included that only op libraries need.
    runtime_folders: Vec<PathBuf>,
}

/// One object of a scope.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub path: PathBuf,
    pub image: Arc<Image>,
    /// In the process before the library is opened, or part of the system.
    pub settled: bool,
}

impl Object {
    /// The object as the subject of a sentence about the op library at `path`.
    pub(crate) fn named_beside(&self, path: &Path) -> String {
        if self.path == path {
            format!("'{}'", path.display())
        } else {
            format!("'{}', needed by '{}',", self.path.display(), path.display())
        }
    }
}

/// A needed library that is not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MissingLink {
    /// The name that is needed.
    pub name: String,
    /// Who needs it: the op library itself, or something that it needs.
    pub needed_by: PathBuf,
    /// Files of that name that the loader would pass over, with their architecture, or stop at.
    pub passed_over: Vec<(PathBuf, Option<String>)>,
}

/// What is in a worker's process when it opens a library, each with its path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InProcess<'a> {
    /// Mapped with the executable, in the order of `LD_PRELOAD`.
    pub preloaded: &'a [(&'a Path, &'a Arc<Image>)],
    /// Opened after the runtime, in that order.
    pub loaded: &'a [(&'a Path, &'a Arc<Image>)],
}

impl Scope {
    /// The scope of `image`, the library at `path`, in a worker of `runtime` that has `before` in
    /// its process. Where the library itself is among the preloaded ones, it is mapped with them.
    ///
    /// # Errors
    /// The first needed library that is not found, in the order in which the loader asks.
    pub(crate) fn resolve(
        path: &Path,
        image: &Arc<Image>,
        runtime: &Runtime,
        before: InProcess<'_>,
    ) -> Result<Self, MissingLink> {
        let library_path = library_path(runtime);
        let is_preloaded = before.preloaded.iter().any(|(other, _)| *other == path);
        let preloaded: Vec<Object> = before
            .preloaded
            .iter()
            .filter(|(other, _)| *other != path)
            .map(|(path, image)| Object::settled(path, image))
            .collect();
        let executable = executable();
        let mut global = Closure::of(
            executable.iter().chain(&preloaded).cloned().collect(),
            &library_path,
            &Mapped::default(),
        )
        .objects;
        let mut mapped = Mapped::default();
        global.iter().for_each(|object| mapped.add(object));
        let executable = Closure::of(executable.into_iter().collect(), &library_path, &mapped);
        let main = image_of(&runtime.main_library);
        let main = main.as_ref().and_then(Candidate::library);
        let runtime_objects = main.map_or_else(Vec::new, |image| {
            opened(&runtime.main_library, image, &library_path, &mapped)
        });
        if !is_preloaded {
            runtime_objects.iter().for_each(|object| mapped.add(object));
            if runtime.name.framework == Framework::TensorRt {
                global.extend(runtime_objects.iter().cloned());
            }
            for (path, image) in before.loaded {
                for object in opened(path, image, &library_path, &mapped) {
                    mapped.add(&object);
                }
            }
        }
        let root = Object {
            settled: false,
            ..Object::settled(path, image)
        };
        let closure = Closure::of(vec![root], &library_path, &mapped);
        if let Some(missing) = closure.missing.into_iter().next() {
            return Err(missing);
        }
        let mut scope = Self {
            closure: closure.objects,
            global,
            executable: executable.objects,
            runtime_name: runtime.name,
            runtime: runtime_objects,
            runtime_folders: runtime.library_dirs.clone(),
        };
        if !is_preloaded {
            scope.global.extend(scope.python(path, runtime));
        }
        Ok(scope)
    }

    /// The library of Python that a worker opens for this library, where that is made for Python:
    /// the first one of this machine that has every symbol.
    fn python(&self, path: &Path, runtime: &Runtime) -> Option<Object> {
        let symbols: HashSet<&str> = self
            .newcomers()
            .flat_map(|object| object.image.symbols.references())
            .filter(|reference| !reference.weak && is_python_symbol(reference.name))
            .map(|reference| reference.name)
            .collect();
        if symbols.is_empty() {
            return None;
        }
        python_libraries_for(path, runtime.python.as_deref())
            .into_iter()
            .find_map(|path| {
                let image = Arc::clone(image_of(&path)?.library()?);
                let has_all = symbols.iter().all(|name| image.symbols.exports(name));
                has_all.then_some(Object {
                    path,
                    image,
                    settled: true,
                })
            })
    }

    /// The library of the worker's runtime that defines `name`, whether the op library sees it or
    /// not.
    pub(crate) fn in_runtime(&self, name: &str) -> Option<&Object> {
        self.runtime
            .iter()
            .find(|object| object.image.symbols.exports(name))
    }

    /// All objects in the order of look-up.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.global.iter().chain(&self.closure)
    }

    /// The library and those of its dependencies that would be mapped for its sake and are not part
    /// of the system.
    pub(crate) fn newcomers(&self) -> impl Iterator<Item = &Object> {
        self.closure.iter().filter(|object| !object.settled)
    }

    /// Everything that the library needs, breadth first.
    pub(crate) fn dependencies(&self) -> impl Iterator<Item = &Object> {
        self.closure.iter().skip(1)
    }

    /// The library and all of its dependencies, wherever they lie and whoever brought them in,
    /// without those of the runtime and of the worker's executable.
    pub(crate) fn beside_runtime(&self) -> impl Iterator<Item = &Object> {
        let (library, others) = self.closure.split_at(1);
        library.iter().chain(others.iter().filter(|object| {
            let mut known = self.runtime.iter().chain(&self.executable);
            let is_part = |folder: &PathBuf| object.path.parent() == Some(folder);
            !known.any(|known| object.is_same(known)) && !self.runtime_folders.iter().any(is_part)
        }))
    }

    /// The object that answers to `name` as a dependency.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Object> {
        self.objects().find(|object| object.answers_to(name))
    }
}

impl Object {
    fn settled(path: &Path, image: &Arc<Image>) -> Self {
        Self {
            path: path.to_owned(),
            image: Arc::clone(image),
            settled: true,
        }
    }

    /// Whether a process has only one of the two: the loader tells libraries apart by their names.
    fn is_same(&self, other: &Self) -> bool {
        let soname = self.image.soname.as_ref();
        self.path == other.path || soname.is_some() && soname == other.image.soname.as_ref()
    }

    fn answers_to(&self, name: &str) -> bool {
        self.image.soname.as_deref() == Some(name)
            || self.path.file_name().is_some_and(|file| file == name)
            || self.path.as_os_str() == name
    }
}

/// Objects that are in the process already, by the names that they answer to.
#[derive(Clone, Debug, Default)]
struct Mapped {
    by_name: HashMap<String, Object>,
}

impl Mapped {
    fn add(&mut self, object: &Object) {
        let file_name = object
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        for name in object.image.soname.iter().cloned().chain(file_name) {
            self.by_name.entry(name).or_insert_with(|| Object {
                settled: true,
                ..object.clone()
            });
        }
    }
}

/// Objects and everything that they need, breadth first, as the loader maps them.
#[derive(Debug)]
struct Closure {
    objects: Vec<Object>,
    /// The needed libraries that are not found, in the order in which the loader asks.
    missing: Vec<MissingLink>,
}

impl Closure {
    fn of(roots: Vec<Object>, library_path: &[PathBuf], mapped: &Mapped) -> Self {
        let mut objects = roots;
        // For each object, the index of the one that needed it first.
        let mut needed_by = vec![None; objects.len()];
        let mut seen: HashSet<PathBuf> = objects.iter().map(|object| object.path.clone()).collect();
        let mut queue = VecDeque::from_iter(0..objects.len());
        let mut missing: Vec<MissingLink> = Vec::new();
        while let Some(index) = queue.pop_front() {
            for name in objects[index].image.needed.clone() {
                if objects.iter().any(|object| object.answers_to(&name)) {
                    continue;
                }
                let object = match mapped.by_name.get(&name) {
                    Some(object) => object.clone(),
                    None => {
                        let chain = requesters(&objects, &needed_by, index);
                        match search::find(&name, &chain, library_path) {
                            Ok(found) => Object {
                                path: found.path,
                                image: found.image,
                                settled: found.system,
                            },
                            Err(not_found) => {
                                missing.push(missing_link(&name, &objects[index], not_found));
                                continue;
                            }
                        }
                    }
                };
                if seen.insert(object.path.clone()) {
                    queue.push_back(objects.len());
                    objects.push(object);
                    needed_by.push(Some(index));
                }
            }
        }
        Self { objects, missing }
    }
}

fn requesters<'a>(
    objects: &'a [Object],
    needed_by: &[Option<usize>],
    index: usize,
) -> Vec<Requester<'a>> {
    std::iter::successors(Some(index), |index| needed_by[*index])
        .map(|index| Requester {
            path: &objects[index].path,
            image: &objects[index].image,
        })
        .collect()
}

fn missing_link(name: &str, needed_by: &Object, missing: NotFound) -> MissingLink {
    MissingLink {
        name: name.to_owned(),
        needed_by: needed_by.path.clone(),
        passed_over: missing
            .passed_over
            .into_iter()
            .map(|(path, header)| (path, header.as_ref().map(Header::to_string)))
            .collect(),
    }
}

/// `LD_LIBRARY_PATH` of a worker: the runtime's folders, then what the server inherited.
fn library_path(runtime: &Runtime) -> Vec<PathBuf> {
    let own = runtime.library_dirs.iter().cloned();
    own.chain(search::inherited_library_path()).collect()
}

/// Whether the Python interpreter defines symbols of that name.
pub(crate) fn is_python_symbol(name: &str) -> bool {
    let rest = name.trim_start_matches('_').strip_prefix("Py");
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '_'))
}

/// The names of the libraries that the one at `path` needs, directly or through others, and that the
/// dynamic loader would not find: each once, in the order in which it asks. It looks in `folders`
/// before the `LD_LIBRARY_PATH` of this process. A file that is no library of this machine's
/// architecture needs none.
pub fn missing_libraries(path: &Path, folders: &[PathBuf]) -> Vec<String> {
    let Some(candidate) = image_of(path) else {
        return Vec::new();
    };
    let Some(image) = candidate.library() else {
        return Vec::new();
    };
    let folders: Vec<PathBuf> = folders
        .iter()
        .cloned()
        .chain(search::inherited_library_path())
        .collect();
    let root = Object::settled(path, image);
    let mut names: Vec<String> = Vec::new();
    for link in Closure::of(vec![root], &folders, &Mapped::default()).missing {
        if !names.contains(&link.name) {
            names.push(link.name);
        }
    }
    names
}

/// This executable; a worker is the same one.
fn executable() -> Option<Object> {
    let path = std::env::current_exe().unwrap_or_default();
    let candidate = image_of(&path)?;
    Some(Object::settled(&path, candidate.library()?))
}

/// What the process has after `path` was opened in it. What that one lacks itself shows when it is
/// opened, not here.
fn opened(
    path: &Path,
    image: &Arc<Image>,
    library_path: &[PathBuf],
    mapped: &Mapped,
) -> Vec<Object> {
    Closure::of(vec![Object::settled(path, image)], library_path, mapped).objects
}

/// The system's library of that name.
pub(crate) fn system_library(name: &str) -> Option<Arc<Image>> {
    search::find_in_system(name).map(|found| found.image)
}
