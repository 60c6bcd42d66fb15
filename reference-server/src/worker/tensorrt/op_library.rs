//! TensorRT's op libraries: plugins in the one registry of the process.
//!
//! A library that has the entry point is loaded through `IPluginRegistry::loadLibrary`, and goes
//! again with its last user. One that registers in a static initializer has done so when it is
//! open; it is never closed, since the registry would keep pointers into it.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtimes::Framework;

use super::log;
use super::runtime::{Plugin, PluginDescription, Runtime};
use crate::worker::backend::{
    LibraryDescription, LibraryReport, LoadError, OpDescription, RegisteredOp, StillMapped,
};
use crate::worker::op_library::{
    FileIdentity, LibraryId, OpLibraries, needed_op_libraries, refused, refused_everywhere,
};
use crate::worker::recorder::{SharedRecorder, Step};

/// Through which NVIDIA's own plugin library registers.
const INITIALIZER: &CStr = c"initLibNvInferPlugins";

/// The plugin libraries of this process.
pub(super) struct PluginLibraries {
    libraries: OpLibraries,
    loaded: Vec<PluginLibrary>,
    runtime: Arc<Runtime>,
    recorder: SharedRecorder,
}

struct PluginLibrary {
    id: LibraryId,
    users: usize,
    registration: Registration,
    /// What it registered or wanted to.
    ops: Vec<RegisteredOp>,
    collisions: Vec<Collision>,
}

/// How a library came into the registry.
enum Registration {
    /// Through `loadLibrary`; what it returned.
    Loaded(*mut c_void),
    /// By itself, or it did not leave again: why it is never closed.
    Permanent(String),
}

/// Why a library that registered by itself is never closed.
const STATIC: &str = "it registered its plugins in a static initializer, and TensorRT's registry \
                      keeps pointers into it; it goes when the worker ends";

impl PluginLibrary {
    /// Whether the plugin of this name is the library's.
    fn provides(&self, op: &RegisteredOp) -> bool {
        self.ops.contains(op) && self.collisions.iter().all(|collision| collision.op != *op)
    }
}

/// A plugin that the registry refused without telling the library, since it has one of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Collision {
    /// The plugin.
    pub(super) op: RegisteredOp,
    /// The file whose plugin it is that models get.
    pub(super) first: Option<PathBuf>,
}

impl PluginLibraries {
    /// No library yet.
    pub(super) fn new(
        runtime: Arc<Runtime>,
        recorder: SharedRecorder,
        python: Option<String>,
    ) -> Self {
        Self {
            libraries: OpLibraries::new(recorder.clone(), python),
            loaded: Vec::new(),
            runtime,
            recorder,
        }
    }

    /// Loads the library at `path`, or counts one user more where this very file is loaded. Op
    /// libraries that it needs are opened before it, so that what they register is not taken for
    /// its own.
    ///
    /// # Errors
    /// The file cannot be opened, registers nothing, or the registry refuses it.
    pub(super) fn acquire(&mut self, path: &Path) -> Result<LibraryId, LoadError> {
        let needed = self.open_needed(path);
        let acquired = self.acquire_alone(path);
        // From here on the library itself holds on to them.
        for needed in needed.into_iter().rev() {
            self.libraries.release(needed);
        }
        acquired
    }

    /// Opens the op libraries that the one at `path` needs. Returns those that registered nothing:
    /// the others stay for good.
    fn open_needed(&mut self, path: &Path) -> Vec<LibraryId> {
        let mut opened = Vec::new();
        for needed in needed_op_libraries(path, Framework::TensorRt, &self.runtime.library_dirs) {
            self.runtime.forget_attempts();
            match self.libraries.acquire(&needed) {
                Ok(id) if self.runtime.attempts().is_empty() => opened.push(id),
                Ok(id) => drop(self.libraries.keep(id, STATIC)),
                // What that means for the library shows when it is opened.
                Err(error) => tracing::debug!(needed = %needed.display(), "{}", error.message),
            }
        }
        opened
    }

    fn acquire_alone(&mut self, path: &Path) -> Result<LibraryId, LoadError> {
        let before = self.owners();
        self.runtime.forget_attempts();
        let id = self.libraries.acquire(path)?;
        if let Some(library) = self.loaded.iter_mut().find(|library| library.id == id) {
            library.users += 1;
            return Ok(id);
        }
        (*self.recorder).as_ref().enter(Step::Register, path);
        let registered = self.register(path, id, &before);
        (*self.recorder).as_ref().idle();
        match registered {
            Ok(library) => {
                self.loaded.push(library);
                Ok(id)
            }
            Err(error) => {
                if self.runtime.attempts().is_empty() {
                    self.libraries.release(id);
                } else {
                    self.libraries
                        .keep(id, "it has registered plugins by itself");
                }
                Err(error)
            }
        }
    }

    /// Finds out how the library at `path`, which was just opened, registers, and lets it.
    fn register(
        &self,
        path: &Path,
        id: LibraryId,
        before: &Owners,
    ) -> Result<PluginLibrary, LoadError> {
        let library = |registration, ops: Vec<RegisteredOp>, collisions| PluginLibrary {
            id,
            users: 1,
            registration,
            ops,
            collisions,
        };
        let has_code = code_of(path);
        let mut attempts = self.runtime.attempts();
        // One that has both ways of registering has its plugins in the registry already, which
        // would refuse them a second time.
        let is_own = |op: &RegisteredOp, file: &Option<PathBuf>| {
            // A former file of this path that is still there may be the one that has the code.
            file.as_deref().is_some_and(has_code)
                && !self.loaded.iter().any(|library| library.provides(op))
        };
        let is_registered = before.iter().any(|(op, file)| is_own(op, file))
            || attempts
                .iter()
                .any(|plugin| plugin.file.as_deref().is_some_and(has_code));
        if let Some(entry) = self.entry(id).filter(|_| !is_registered) {
            let (handle, ops) = self.load_through_registry(path, entry, before)?;
            return Ok(library(Registration::Loaded(handle), ops, Vec::new()));
        }
        // A library that needs NVIDIA's does not provide its plugins.
        if let Some(initializer) = self.libraries.handle(id).own_symbol(INITIALIZER) {
            // SAFETY: the name belongs to one function, declared by NVIDIA's headers.
            unsafe { self.runtime.initialize(initializer) }
                .map_err(|failure| refused(path, &failure))?;
            attempts = self.runtime.attempts();
        }
        let (ops, collisions) = if attempts.is_empty() {
            of_an_earlier_start(path, is_own, before)
        } else {
            let is_nvidias = |plugin: &Plugin| {
                let mut files = plugin.file.iter();
                files.any(|file| is_plugin_library_of_nvidia(file) && !has_code(file))
            };
            let attempts: Vec<Plugin> = attempts
                .iter()
                .filter(|plugin| !is_nvidias(plugin))
                .cloned()
                .collect();
            observed(&attempts, before)
        };
        if ops.is_empty() && self.runtime.attempts().is_empty() {
            return Err(registers_nothing(path, &self.no_plugins()));
        }
        Ok(library(
            Registration::Permanent(STATIC.to_owned()),
            ops,
            collisions,
        ))
    }

    /// The function of the library's own that `loadLibrary` of this version calls.
    fn entry(&self, id: LibraryId) -> Option<*mut c_void> {
        let names: &[&CStr] = if self.runtime.version.major >= 10 {
            &[c"getCreators", c"getPluginCreators"]
        } else {
            &[c"getPluginCreators"]
        };
        let library = self.libraries.handle(id);
        names.iter().find_map(|name| library.own_symbol(name))
    }

    fn load_through_registry(
        &self,
        path: &Path,
        entry: *mut c_void,
        before: &Owners,
    ) -> Result<(*mut c_void, Vec<RegisteredOp>), LoadError> {
        // SAFETY: the entry point was found under its name in the library.
        let offered =
            unsafe { self.runtime.offered(entry) }.map_err(|failure| refused(path, &failure))?;
        if offered.is_empty() {
            let reason = log::explain(
                "its entry point hands out no plugin creators; check what it expects of its \
                 surroundings",
            );
            return Err(registers_nothing(path, &reason));
        }
        let ops: Vec<RegisteredOp> = offered.into_iter().map(|plugin| plugin.op).collect();
        // TensorRT would refuse it too, without a word on who has the name.
        if let Some(op) = ops.iter().find(|op| before.contains_key(op)) {
            return Err(refused_everywhere(path, &taken(op, before[op].as_deref())));
        }
        // SAFETY: as above.
        let handle = unsafe { self.runtime.load_library(path, entry) }.map_err(|failure| {
            let version = self.runtime.version;
            let reason =
                format!("TensorRT {version} refuses it: {failure}; build it against this version");
            refused(path, &reason)
        })?;
        Ok((handle, ops))
    }

    fn no_plugins(&self) -> String {
        let entry = if self.runtime.version.major >= 10 {
            "getCreators"
        } else {
            "getPluginCreators"
        };
        format!(
            "it registers no plugin: it exports no function '{entry}', and registered nothing with \
             TensorRT {} when it was opened; declare the function extern \"C\" with default \
             visibility, or use REGISTER_TENSORRT_PLUGIN in a source that is linked into it",
            self.runtime.version
        )
    }

    /// All plugins of the registry with the files that hold them.
    fn owners(&self) -> Owners {
        let plugins = self.runtime.plugins().into_iter();
        plugins.map(|plugin| (plugin.op, plugin.file)).collect()
    }

    /// Plugins of the library that models do not get, because another had the name.
    pub(super) fn collisions(&self, id: LibraryId) -> &[Collision] {
        self.library(id).map_or(&[], |library| &library.collisions)
    }

    /// What the library registered, or wanted to.
    pub(super) fn report(&self, id: LibraryId) -> LibraryReport {
        LibraryReport {
            path: self.libraries.path(id).to_owned(),
            ops: self
                .library(id)
                .map(|library| library.ops.clone())
                .unwrap_or_default(),
            extends: Vec::new(),
            api_level: None,
        }
    }

    /// What the library registered, in the form of a description.
    pub(super) fn describe(&self, id: LibraryId) -> LibraryDescription {
        let LibraryReport { path, ops, .. } = self.report(id);
        let described = |op: RegisteredOp| {
            let is_its_own = self
                .library(id)
                .is_some_and(|library| library.provides(&op));
            let plugin = is_its_own.then(|| self.runtime.describe(&op)).flatten();
            let signature = |plugin: &PluginDescription| {
                let fields: Vec<String> = plugin.fields.iter().map(ToString::to_string).collect();
                format!("{}({})", op.name, fields.join(", "))
            };
            OpDescription {
                schemas: plugin.iter().map(signature).collect(),
                kernels: plugin.into_iter().map(|plugin| plugin.interface).collect(),
                op,
            }
        };
        LibraryDescription {
            path,
            ops: ops.into_iter().map(described).collect(),
        }
    }

    /// Reports of all libraries that are loaded.
    pub(super) fn reports(&self) -> Vec<LibraryReport> {
        let loaded = self.loaded.iter();
        loaded.map(|library| self.report(library.id)).collect()
    }

    /// Counts one user less; with the last one the library's plugins leave the registry, where
    /// TensorRT can do that.
    ///
    /// Returns the library if nobody uses it any more and it is still mapped.
    pub(super) fn release(&mut self, id: LibraryId) -> Option<StillMapped> {
        let position = self.loaded.iter().position(|library| library.id == id)?;
        let library = &mut self.loaded[position];
        library.users -= 1;
        let handle = match &library.registration {
            Registration::Permanent(reason) => return self.libraries.keep(id, reason),
            Registration::Loaded(_) if library.users > 0 => return self.libraries.release(id),
            Registration::Loaded(handle) => *handle,
        };
        match self.deregister(id, handle) {
            Ok(()) => {
                self.loaded.remove(position);
                self.libraries.release(id)
            }
            Err(failure) => {
                let reason = format!(
                    "TensorRT does not give up its plugins ({failure}) and would call into a \
                     closed library; it goes when the worker ends"
                );
                let kept = self.libraries.keep(id, &reason);
                self.loaded[position].registration = Registration::Permanent(reason);
                kept
            }
        }
    }

    /// Takes the plugins of a library that nobody uses any more out of the registry.
    fn deregister(&self, id: LibraryId, handle: *mut c_void) -> Result<(), String> {
        let path = self.libraries.path(id);
        (*self.recorder).as_ref().enter(Step::CloseLibrary, path);
        // SAFETY: given back once; the models that used the plugins are gone.
        let deregistered = unsafe { self.runtime.deregister_library(handle) };
        (*self.recorder).as_ref().idle();
        deregistered?;
        // Most versions of TensorRT give no answer; the registry does.
        let has_code = code_of(path);
        let is_left = self.owners().iter().any(|(op, file)| {
            self.library(id).is_some_and(|library| library.provides(op))
                && file.as_deref().is_some_and(has_code)
        });
        if is_left {
            return Err(log::explain("its registry still lists them"));
        }
        Ok(())
    }

    /// Keeps the library, since its code may be running.
    pub(super) fn abandon(&mut self, id: LibraryId) -> Option<StillMapped> {
        self.libraries.abandon(id)
    }

    fn library(&self, id: LibraryId) -> Option<&PluginLibrary> {
        self.loaded.iter().find(|library| library.id == id)
    }
}

/// Whether a file is the library of plugins that comes with TensorRT. An op library may make it
/// register them, which does not make them its own.
fn is_plugin_library_of_nvidia(file: &Path) -> bool {
    file.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("libnvinfer_plugin.so"))
}

/// The plugins of a registry with the files that hold them.
type Owners = BTreeMap<RegisteredOp, Option<PathBuf>>;

/// What a library did while it was watched.
fn observed(attempts: &[Plugin], before: &Owners) -> (Vec<RegisteredOp>, Vec<Collision>) {
    let mut ops: Vec<RegisteredOp> = Vec::new();
    let mut collisions = Vec::new();
    for plugin in attempts {
        // A library that registers one plugin twice does itself no harm.
        if !plugin.accepted && !ops.contains(&plugin.op) {
            collisions.push(Collision {
                op: plugin.op.clone(),
                first: before.get(&plugin.op).cloned().flatten(),
            });
        }
        if !ops.contains(&plugin.op) {
            ops.push(plugin.op.clone());
        }
    }
    (ops, collisions)
}

/// What a library registered whose initializers ran before the registry was watched: the plugins
/// that are its own. One without any had its names taken by others.
fn of_an_earlier_start(
    path: &Path,
    is_own: impl Fn(&RegisteredOp, &Option<PathBuf>) -> bool,
    registered: &Owners,
) -> (Vec<RegisteredOp>, Vec<Collision>) {
    let (own, others): (Owners, Owners) = registered
        .iter()
        .map(|(op, file)| (op.clone(), file.clone()))
        .partition(|(op, file)| is_own(op, file));
    let own: Vec<RegisteredOp> = own.into_keys().collect();
    let content = std::fs::read(path).unwrap_or_default();
    let collisions = named_in(&content, others, &own);
    if own.is_empty() {
        let refused = collisions.iter().map(|collision| collision.op.clone());
        return (refused.collect(), collisions);
    }
    // Where others registered, the name may stand in the file for any reason.
    for Collision { op, first } in collisions {
        tracing::warn!(
            library = %path.display(),
            registered_by = first.map(|first| first.display().to_string()),
            "an op library holds the name of plugin {op}, which another has registered: if both \
             provide it, models get the other's"
        );
    }
    (own, Vec::new())
}

/// The plugins of `others` whose names stand in a library's file, each as a C string of its own,
/// and are not the names of its `own` plugins.
fn named_in(content: &[u8], others: Owners, own: &[RegisteredOp]) -> Vec<Collision> {
    let names: HashSet<&[u8]> = content.split(|&byte| byte == 0).collect();
    others
        .into_iter()
        .filter(|(op, _)| names.contains(op.name.as_bytes()))
        .filter(|(op, _)| own.iter().all(|own| own.name != op.name))
        .map(|(op, first)| Collision { op, first })
        .collect()
}

/// The error of a library that was opened without an error and has no plugins, for `reason`.
fn registers_nothing(path: &Path, reason: &str) -> LoadError {
    LoadError {
        registers_nothing: true,
        ..refused(path, reason)
    }
}

/// Tells whether a file that holds code is the library at `path`, under whatever name.
fn code_of(path: &Path) -> impl Fn(&Path) -> bool + Copy + use<'_> {
    let identity = FileIdentity::of(path).ok();
    move |file| file == path || (identity.is_some() && FileIdentity::of(file).ok() == identity)
}

/// Why a plugin cannot be registered, and what to do.
pub(super) fn taken(op: &RegisteredOp, first: Option<&Path>) -> String {
    let first = first.map_or_else(
        || "the registry of this worker".to_owned(),
        |first| format!("'{}'", first.display()),
    );
    format!(
        "{first} has the plugin {op} already, and TensorRT's registry holds one of a name: models \
         would get that one; give each model one of the two libraries, in workers of their own \
         (isolation 'op-set' or 'model'), or register one of them under another namespace or \
         version"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(name: &str) -> RegisteredOp {
        RegisteredOp {
            domain: "custom.ops".to_owned(),
            name: name.to_owned(),
            version: "1".to_owned(),
        }
    }

    fn attempt(name: &str, accepted: bool) -> Plugin {
        Plugin {
            op: op(name),
            file: Some("second.so".into()),
            accepted,
        }
    }

    #[test]
    fn a_refused_registration_is_a_collision_with_the_one_before() {
        let before = Owners::from([(op("BiasGelu"), Some("first.so".into()))]);
        let attempts = [attempt("BiasGelu", false), attempt("RmsNorm", true)];
        let (ops, collisions) = observed(&attempts, &before);
        assert_eq!(ops, [op("BiasGelu"), op("RmsNorm")]);
        assert_eq!(
            collisions,
            [Collision {
                op: op("BiasGelu"),
                first: Some("first.so".into())
            }]
        );
        let text = taken(&collisions[0].op, collisions[0].first.as_deref());
        for part in ["'first.so'", "'BiasGelu' of domain 'custom.ops'", "op-set"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn registering_twice_is_no_collision() {
        let attempts = [attempt("BiasGelu", true), attempt("BiasGelu", false)];
        let (ops, collisions) = observed(&attempts, &Owners::new());
        assert_eq!((ops.len(), collisions.len()), (1, 0));
    }

    #[test]
    fn names_of_others_are_found_as_a_whole_unless_they_are_its_own() {
        let first = Some(PathBuf::from("first.so"));
        let others = Owners::from([
            (op("BiasGelu"), first.clone()),
            (op("Gelu"), first.clone()),
            (op("RmsNorm"), first.clone()),
        ]);
        let own = RegisteredOp {
            domain: "other.ops".to_owned(),
            ..op("RmsNorm")
        };
        let content = b"x\0BiasGelu\0RmsNorm\0y";
        let found = named_in(content, others.clone(), std::slice::from_ref(&own));
        let op = op("BiasGelu");
        assert_eq!(found, [Collision { op, first }]);
        assert!(named_in(b"", others, &[]).is_empty());
    }

    #[test]
    fn a_name_is_no_collision_for_a_library_that_has_registered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("second.so");
        std::fs::write(&path, "\0BiasGelu\0RmsNorm\0").unwrap();
        let is_own = |_: &RegisteredOp, file: &Option<PathBuf>| file.as_ref() == Some(&path);
        let mut registered = Owners::from([(op("BiasGelu"), Some("first.so".into()))]);
        let (ops, collisions) = of_an_earlier_start(&path, is_own, &registered);
        assert_eq!((ops.len(), collisions.len()), (1, 1));

        registered.insert(op("RmsNorm"), Some(path.clone()));
        let (ops, collisions) = of_an_earlier_start(&path, is_own, &registered);
        assert_eq!(ops, [op("RmsNorm")]);
        assert!(collisions.is_empty());
    }
}
