//! How ONNX Runtime's op libraries register their ops.

use std::path::Path;
use std::sync::Arc;

use ort::sys::{OrtApiBase, OrtSessionOptions, OrtStatus, OrtStatusPtr};

use super::custom_op::CustomOp;
use super::registration;
use super::runtime::Runtime;
use super::status::check;
use crate::worker::backend::{
    LibraryDescription, LibraryReport, LoadError, OpDescription, RefusedApi, RegisteredOp,
};
use crate::worker::exception_barrier;
use crate::worker::op_library::{Handle, LibraryId, OpLibraries, refused};
use crate::worker::recorder::{SharedRecorder, Step};

/// The signature of `RegisterCustomOps`, from ONNX Runtime's C interface.
type RegisterCustomOps = exception_barrier::Entry<OrtSessionOptions, OrtApiBase, OrtStatus>;

/// Since this level ONNX Runtime takes ops whose structs are newer than itself. Found by trying: 1.27.0
/// says "Unsupported version" when a model uses such an op, 1.28.0 and later do not.
const TAKES_ANY_STRUCT: u32 = 28;

/// Lets op libraries register their ops and takes note of what they do.
pub(super) struct Registrar {
    runtime: Arc<Runtime>,
    recorder: SharedRecorder,
    base: &'static OrtApiBase,
}

/// What a library registered with session options.
pub(super) struct Registered {
    pub(super) report: LibraryReport,
    /// The domains that it added.
    pub(super) domains: Vec<String>,
    /// The structs of its ops, which live until it registers again.
    structs: Vec<(RegisteredOp, CustomOp)>,
}

impl Registered {
    /// The same in the form of a description.
    ///
    /// # Safety
    /// The library is open and has not registered since. Its code runs.
    pub(super) unsafe fn describe(&self) -> LibraryDescription {
        let describe = |op: &RegisteredOp| {
            let mut description = OpDescription {
                op: op.clone(),
                schemas: Vec::new(),
                kernels: Vec::new(),
            };
            for (_, custom_op) in self.structs.iter().filter(|(other, _)| other == op) {
                // SAFETY: the caller's promise.
                let (signature, provider) =
                    unsafe { (custom_op.signature(), custom_op.provider()) };
                // Kernels of several providers have one schema.
                let known = &description.schemas;
                let new = signature.filter(|signature| !known.contains(signature));
                description.schemas.extend(new);
                if !description.kernels.contains(&provider) {
                    description.kernels.push(provider);
                }
            }
            description
        };
        LibraryDescription {
            path: self.report.path.clone(),
            ops: self.report.ops.iter().map(describe).collect(),
        }
    }
}

/// A library registers nothing, or asks for a level that the runtime lacks, or fails.
struct Refusal {
    reason: String,
    refused_api: Option<RefusedApi>,
    registers_nothing: bool,
}

impl Registrar {
    /// A registrar that hands `runtime` to op libraries, with the calls that register ops recorded.
    pub(super) fn new(runtime: Arc<Runtime>, recorder: SharedRecorder) -> Self {
        let offered = runtime.api_level;
        let noting = recorder.clone();
        let base = registration::interpose(runtime.base, runtime.api, move |requested| {
            (*noting)
                .as_ref()
                .refused_api(RefusedApi { requested, offered });
        });
        Self {
            runtime,
            recorder,
            base,
        }
    }

    /// Lets the library register its ops with `options`.
    ///
    /// # Errors
    /// The library has no entry point, asks for an API level that the runtime does not offer,
    /// returns an error, registers nothing, or has ops that the runtime cannot use.
    pub(super) fn register(
        &self,
        libraries: &OpLibraries,
        id: LibraryId,
        options: *mut OrtSessionOptions,
    ) -> Result<Registered, LoadError> {
        let path = libraries.path(id);
        let entry = register_custom_ops(libraries.handle(id)).ok_or_else(|| {
            refused(
                path,
                "it exports no function 'RegisterCustomOps', through which ONNX Runtime asks a \
                 library for its ops; declare the function extern \"C\" with default visibility",
            )
        })?;
        registration::begin();
        (*self.recorder).as_ref().enter(Step::Register, path);
        // SAFETY: the entry point has the signature that ONNX Runtime prescribes; options and base
        // are live. What the library does is its own: that is what the worker process is for.
        let status = unsafe { exception_barrier::call(entry, options, self.base) };
        (*self.recorder).as_ref().idle();
        let observed = registration::finish();
        // SAFETY: the library created the status through the runtime's table, and gave it to us.
        let outcome = unsafe { check(OrtStatusPtr(status)) };
        let refusal = match (outcome, observed.refused_level) {
            (Ok(()), None) if observed.ops.is_empty() && registers_through_us(path) => {
                Some(Refusal {
                    registers_nothing: true,
                    ..Refusal::new(
                        "its function 'RegisterCustomOps' registered no ops and reported no \
                         error; check that it adds a custom op domain to the session options",
                    )
                })
            }
            (Ok(()), Some(level)) if observed.ops.is_empty() => {
                Some(self.level_refusal(level, None))
            }
            (Ok(()), _) => self.struct_refusal(&observed.structs),
            (Err(failure), Some(level)) => Some(self.level_refusal(level, Some(&failure.message))),
            (Err(failure), None) => Some(Refusal::new(format!(
                "its function 'RegisterCustomOps' failed with \"{}\" ({:?}); the message is the \
                 library's own, and its source tells what it expects",
                failure.message, failure.code
            ))),
        };
        match refusal {
            Some(refusal) => Err(LoadError {
                refused_api: refusal.refused_api,
                registers_nothing: refusal.registers_nothing,
                ..refused(path, &refusal.reason)
            }),
            None => Ok(Registered {
                report: LibraryReport {
                    path: path.to_owned(),
                    ops: observed.ops,
                    extends: Vec::new(),
                    api_level: observed.requested_level,
                },
                domains: observed.domains,
                structs: observed.structs,
            }),
        }
    }

    /// Why no op of the library can be used, where their structs are newer than the runtime takes. It
    /// accepts them all the same, and every model that uses one fails.
    fn struct_refusal(&self, structs: &[(RegisteredOp, CustomOp)]) -> Option<Refusal> {
        let offered = self.runtime.api_level;
        if offered >= TAKES_ANY_STRUCT {
            return None;
        }
        // SAFETY: the library has just registered them.
        let versions = structs.iter().map(|(_, op)| unsafe { op.version() });
        let oldest = versions.min().filter(|&oldest| oldest > offered)?;
        let runtime = &self.runtime.version;
        let enough = oldest.min(TAKES_ANY_STRUCT);
        Some(Refusal {
            refused_api: Some(RefusedApi {
                requested: enough,
                offered,
            }),
            ..Refusal::new(format!(
                "its ops are structs of version {oldest}, and ONNX Runtime {runtime} takes them up \
                 to version {offered}: it accepts them, and no model that uses one can be loaded; \
                 build it for API level {offered} or lower, or serve the model with ONNX Runtime \
                 1.{enough} or newer"
            ))
        })
    }

    fn level_refusal(&self, level: u32, message: Option<&str>) -> Refusal {
        let offered = self.runtime.api_level;
        let version = &self.runtime.version;
        let says = message.map_or_else(String::new, |text| {
            format!(" (the library says \"{text}\")")
        });
        Refusal {
            refused_api: Some(RefusedApi {
                requested: level,
                offered,
            }),
            ..Refusal::new(format!(
                "it asks for ONNX Runtime API level {level}, and ONNX Runtime {version} offers at \
                 most level {offered}{says}; build it for level {offered} or lower, or serve the \
                 model with a runtime that offers level {level}: ONNX Runtime 1.{level} or newer"
            ))
        }
    }
}

/// The library's entry point, if it has one. ONNX Runtime accepts one of a library that this one
/// needs.
fn register_custom_ops(library: &Handle) -> Option<RegisterCustomOps> {
    // SAFETY: the name belongs to this signature by ONNX Runtime's convention.
    unsafe { library.symbol(c"RegisterCustomOps") }
}

/// Whether all that the library registers is seen by us: it reaches ONNX Runtime through the
/// entry that it gets, not through one that it links.
fn registers_through_us(path: &Path) -> bool {
    ::op_library::inspect(path).is_ok_and(|library| !library.mentions("OrtGetApiBase"))
}

impl Refusal {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            refused_api: None,
            registers_nothing: false,
        }
    }
}
