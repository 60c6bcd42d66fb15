//! Static facts about one op library, and what they mean for a runtime.
//!
//! [`inspect`] reads a file and says what it is; [`OpLibrary::verdict`] says whether a worker of a
//! runtime can use it, and what to change where it cannot. Nothing is loaded, and no file is
//! mapped: whatever is in it, the inspecting process lives on. What shows only when a library is
//! opened is the record of a [`Probe`], which another process makes.
//!
//! ```no_run
//! use std::path::Path;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = runtimes::Runtime::in_place(runtimes::Framework::OnnxRuntime, Path::new("x"))?;
//! let library = op_library::inspect(Path::new("/models/gelu/libgelu.so"))?;
//! if let op_library::Verdict::Fails { reason, remedy } = library.verdict(&runtime) {
//!     eprintln!("{reason}; {remedy}");
//! }
//! # Ok(())
//! # }
//! ```

mod before;
mod built_for;
mod check;
mod code;
mod collision;
mod content;
mod elf;
mod error;
mod finding;
mod framework;
mod gpu;
mod library;
mod loader;
mod machine;
mod names;
mod package;
mod probe;
mod signature;
mod stable_abi;
mod symbol_name;
mod system_needs;
mod verdict;

pub use before::Before;
pub use built_for::PyTorchRelease;
pub use collision::{Collision, CollisionKind, Consequence, Providers};
pub use elf::content_without_code;
pub use error::InspectError;
pub use finding::{Finding, FindingId, Severity};
pub use gpu::{Architecture, ComputeCapability, GpuCode, Portability};
pub use library::{OpLibrary, inspect};
pub use loader::{locate, missing_libraries, needed_op_libraries};
pub use machine::gpu_count;
pub use names::{NameSource, RegisteredKind, RegisteredName};
pub use package::{Package, Requirement};
pub use probe::{Probe, ProbeOutcome, ProbePhase, ProbedLibrary, ProbedOp};
pub use stable_abi::{Interface, StableAbi};
pub use system_needs::{SystemNeeds, system_needs};
pub use verdict::{Judgement, Verdict};
