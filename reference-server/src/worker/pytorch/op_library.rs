//! How PyTorch's op libraries register their ops: when they are opened, with the dispatcher.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bridge::{Failure, Text};
use super::runtime::Runtime;
use crate::worker::backend::{LibraryReport, LoadError, RegisteredOp, StillMapped};
use crate::worker::op_library::{
    FileIdentity, LibraryId, OpLibraries, identity_of, refused_everywhere,
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

/// What PyTorch writes in front of the place in the source that declares an operator.
const PLACE_PREFIX: &str = "registered at ";

/// What it writes in front of the operator of which a library replaces a kernel.
const REPLACED_PREFIX: &str = "operator: ";

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
}

/// The dispatcher's operators, overloads apart.
type Operators = HashMap<(String, String), Operator>;

/// One overload of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Operator {
    /// The file of the source that declares it, as the compiler was told its name.
    source: String,
    /// The groups of devices that it has kernels for.
    kernels: u32,
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
            operators: Operators::new(),
            preloaded,
            parts: HashSet::new(),
        }
    }

    /// Opens the library at `path` unless it is open. Its ops are there for all models from then
    /// on.
    ///
    /// # Errors
    /// The library cannot be opened, or took the place of one that has registered.
    pub(super) fn acquire(&mut self, path: &Path) -> Result<LibraryId, LoadError> {
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
            self.operators = self.list()?;
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
        let after = self.list()?;
        let mut ops = registered_between(&self.operators, &after);
        self.operators = after;
        if FileIdentity::is_among(path, &self.preloaded) {
            ops.extend(declared_in(&self.operators, path));
        }
        for warning in warnings {
            if let Some(replaced) = replaced_op(&warning) {
                ops.insert(replaced);
            }
            tracing::warn!(library = %path.display(), "{warning}");
        }
        if ops.is_empty() {
            tracing::warn!(
                library = %path.display(),
                "the op library was opened and registered nothing with PyTorch's dispatcher"
            );
        }
        let report = LibraryReport {
            path: path.to_owned(),
            ops: ops.into_iter().collect(),
            api_level: None,
        };
        self.registrations.push(Registration {
            id,
            identity,
            report,
        });
        Ok(id)
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
            self.operators.clear();
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

    fn list(&self) -> Result<Operators, LoadError> {
        let mut operators = Operators::new();
        let bridge = &self.runtime.bridge;
        // SAFETY: the context is the map, which nobody else uses during the call.
        let listed = unsafe {
            bridge.check((bridge.functions().operators)(
                note_operator,
                (&raw mut operators).cast(),
            ))
        };
        listed.map_err(|Failure(reason)| {
            LoadError::new(format!(
                "the operators of {} cannot be listed: {reason}",
                self.runtime.name
            ))
        })?;
        Ok(operators)
    }
}

/// # Safety
/// `operators` is an [`Operators`] that nobody else uses; the texts are live.
unsafe extern "C" fn note_operator(
    operators: *mut c_void,
    name: Text,
    overload: Text,
    place: Text,
    kernels: u32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let operators = &mut *operators.cast::<Operators>();
        let source = source_of(&place.to_string()).to_owned();
        operators.insert(
            (name.to_string(), overload.to_string()),
            Operator { source, kernels },
        );
    }
}

/// The file in `registered at <file>:<line>`; nothing where it is something else.
fn source_of(place: &str) -> &str {
    place
        .strip_prefix(PLACE_PREFIX)
        .and_then(|place| place.rsplit_once(':'))
        .map_or("", |(file, _)| file)
}

/// The operators that are new, or have kernels that are.
fn registered_between(before: &Operators, after: &Operators) -> BTreeSet<RegisteredOp> {
    after
        .iter()
        .filter(|(key, operator)| {
            before
                .get(*key)
                .is_none_or(|earlier| earlier.kernels != operator.kernels)
        })
        .map(|((name, _), _)| op_named(name))
        .collect()
}

/// The operators whose source and namespace are named in the library's file, as `TORCH_LIBRARY`
/// leaves them there. One of the two alone would do for several libraries.
fn declared_in(operators: &Operators, library: &Path) -> BTreeSet<RegisteredOp> {
    let content = std::fs::read(library).unwrap_or_default();
    let texts: HashSet<&[u8]> = content.split(|byte| *byte == 0).collect();
    // A name may also stand there in full, or in front of a signature.
    let namespaces: HashSet<&[u8]> = texts
        .iter()
        .map(|text| {
            let end = text.windows(2).position(|pair| pair == b"::");
            &text[..end.unwrap_or(text.len())]
        })
        .collect();
    operators
        .iter()
        .filter(|(_, operator)| {
            !operator.source.is_empty() && texts.contains(operator.source.as_bytes())
        })
        .map(|((name, _), _)| op_named(name))
        .filter(|op| namespaces.contains(op.domain.as_bytes()))
        .collect()
}

/// `custom_ops::bias_gelu`, or a class such as `__torch__.torch.classes.vision.Video`.
pub(super) fn op_named(name: &str) -> RegisteredOp {
    let class = name.strip_prefix("__torch__.");
    let (domain, name) = match class {
        Some(class) => class.rsplit_once('.').unwrap_or(("", class)),
        None => name.split_once("::").unwrap_or(("", name)),
    };
    RegisteredOp {
        domain: domain.to_owned(),
        name: name.to_owned(),
        version: String::new(),
    }
}

/// The op of which a library replaced a kernel, from PyTorch's warning about it.
fn replaced_op(warning: &str) -> Option<RegisteredOp> {
    if !warning.contains("Overriding a previously registered kernel") {
        return None;
    }
    let line = warning
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(REPLACED_PREFIX))?;
    // Behind the name stands the overload or the signature.
    let end = line.find(['.', '(', ' ']).unwrap_or(line.len());
    Some(op_named(&line[..end]))
}

/// Collects PyTorch's warnings on this thread while it lives.
struct WarningWatch<'a> {
    runtime: &'a Runtime,
}

impl<'a> WarningWatch<'a> {
    fn begin(runtime: &'a Runtime, warnings: &'a mut Vec<String>) -> Self {
        let bridge = &runtime.bridge;
        // SAFETY: the list is borrowed for as long as the watch lives, and the bridge writes to it
        // on this thread, between begin and end.
        let begun = unsafe {
            bridge.check((bridge.functions().begin_warnings)(
                note_warning,
                std::ptr::from_mut(warnings).cast(),
            ))
        };
        if let Err(failure) = begun {
            tracing::warn!("PyTorch's warnings are not collected: {failure}");
        }
        Self { runtime }
    }
}

impl Drop for WarningWatch<'_> {
    fn drop(&mut self) {
        // SAFETY: ends what was begun on this thread; without a beginning it does nothing.
        unsafe { (self.runtime.bridge.functions().end_warnings)() };
    }
}

/// # Safety
/// `warnings` is a `Vec<String>` that nobody else uses; the text is live.
unsafe extern "C" fn note_warning(warnings: *mut c_void, text: Text) {
    // SAFETY: the caller's promise.
    unsafe { (*warnings.cast::<Vec<String>>()).push(text.to_string()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn operators(entries: &[(&str, &str, &str, u32)]) -> Operators {
        entries
            .iter()
            .map(|&(name, overload, source, kernels)| {
                let operator = Operator {
                    source: source.to_owned(),
                    kernels,
                };
                ((name.to_owned(), overload.to_owned()), operator)
            })
            .collect()
    }

    fn names(ops: &BTreeSet<RegisteredOp>) -> Vec<String> {
        ops.iter()
            .map(|op| format!("{}::{}", op.domain, op.name))
            .collect()
    }

    #[test]
    fn new_operators_and_new_kernels_are_told_once() {
        let before = operators(&[("aten::add", "Tensor", "", 3), ("aten::mul", "", "", 3)]);
        let after = operators(&[
            ("aten::add", "Tensor", "", 7),
            ("aten::mul", "", "", 3),
            ("vendor::op", "", "", 3),
            ("vendor::op", "out", "", 3),
            ("__torch__.torch.classes.vendor.State", "", "", 0),
        ]);
        assert_eq!(
            names(&registered_between(&before, &after)),
            ["aten::add", "torch.classes.vendor::State", "vendor::op"]
        );
        assert!(registered_between(&after, &after).is_empty());
    }

    #[test]
    fn a_preloaded_library_is_known_by_the_names_of_its_sources() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("lib.so");
        let content = b"\x7fELF\0/src/ops.cpp\0more/src/other.cpp\0vendor\0full::name(Tensor x)\0";
        std::fs::write(&library, content).unwrap();
        let all = operators(&[
            ("vendor::one", "", "/src/ops.cpp", 3),
            ("vendor::two", "", "/src/other.cpp", 3),
            ("vendor::three", "", "", 3),
            ("other::four", "", "/src/ops.cpp", 3),
            ("full::name", "", "/src/ops.cpp", 3),
        ]);
        assert_eq!(
            names(&declared_in(&all, &library)),
            ["full::name", "vendor::one"]
        );
    }

    #[test]
    fn a_replaced_kernel_is_read_from_the_warning() {
        let warning = "Warning only once for all operators,  other operators may also be \
                       overridden.\n  Overriding a previously registered kernel for the same \
                       operator and the same dispatch key\n  operator: custom_ops::modulo(Tensor \
                       x, Tensor divisor) -> Tensor\n    registered at a.cpp:1\n  dispatch key: CPU";
        let op = replaced_op(warning).unwrap();
        assert_eq!(
            (op.domain.as_str(), op.name.as_str()),
            ("custom_ops", "modulo")
        );
        assert_eq!(replaced_op("operator: other"), None);
    }

    #[test]
    fn the_source_is_the_place_without_its_line() {
        assert_eq!(source_of("registered at /a/b.cpp:12"), "/a/b.cpp");
        assert_eq!(source_of("registered by RegisterOperators()"), "");
    }

    proptest! {
        #[test]
        fn any_text_of_pytorch_is_read(text in ".{0,200}") {
            source_of(&text);
            replaced_op(&text);
            replaced_op(&format!("Overriding a previously registered kernel\noperator: {text}"));
            op_named(&text);
        }
    }
}
