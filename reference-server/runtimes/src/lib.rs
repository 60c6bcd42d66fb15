//! Runtimes: which versions of a framework can be installed, which are installed, and where their
//! libraries lie.
//!
//! A [`Catalog`] lists what can be installed, pinned by SHA-256. A [`Cache`] is the folder that
//! installed runtimes live in; [`install()`] puts a runtime there with pip, all or nothing. A
//! runtime that is on the machine already is used where it is ([`Runtime::in_place`]). A
//! [`RuntimeSet`] puts both together into the ordered list that a server chooses from.
//!
//! ```no_run
//! use runtimes::{Cache, Catalog, Framework, Pip, RuntimeSet, Silent, Size};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let catalog = Catalog::builtin();
//! let cache = Cache::locate(None)?;
//! let entry = catalog.default_of(Framework::OnnxRuntime).expect("the catalogue has one");
//! if cache.find(&entry.name()).is_none() {
//!     runtimes::install(&cache, entry, Size::Small, &Pip::find()?, &Silent)?;
//! }
//! let set = RuntimeSet::assemble(catalog, &cache, &[])?;
//! println!("{}", set.default_of(Framework::OnnxRuntime).expect("installed").main_library.display());
//! # Ok(())
//! # }
//! ```

mod archive;
mod cache;
mod catalog;
mod compiler;
mod cuda_compiler;
mod framework;
mod install;
mod name;
mod pattern;
mod pip;
mod prebuilt;
mod progress;
mod python;
mod runtime;
mod selection;
mod size;
mod tool;
mod version;
mod wheel;

pub use cache::{CACHE_VARIABLE, Cache, CacheError};
pub use catalog::{Catalog, CatalogEntry, CatalogError, Package};
pub use compiler::{COMPILER_VARIABLE, CompileError, Compiler};
pub use cuda_compiler::{CUDA_COMPILER_VARIABLE, CudaCompiler, CudaCompilerError};
pub use framework::tensorrt::TENSORRT_INCLUDE_VARIABLE;
pub use framework::{Framework, ParseFrameworkError};
pub use install::{
    InstallError, install, install_package, install_tool, installed_package, installed_tool,
};
pub use name::{ParseRuntimeNameError, RuntimeName};
pub use pattern::{ParsePatternError, Pattern};
pub use pip::{Pip, PipError};
pub use prebuilt::{Prebuilt, PrebuiltError};
pub use progress::{Progress, Silent, Step};
pub use python::{python_libraries_for, python_library_name};
pub use runtime::{LocateError, Origin, Runtime};
pub use selection::{ParseRuntimeArgumentError, RuntimeArgument, RuntimeSet, SelectionError};
pub use size::Size;
pub use tool::Tool;
pub use version::{ParseVersionError, Version};
pub use wheel::{ParseWheelNameError, WheelName};
