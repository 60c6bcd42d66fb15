//! What the dynamic loader would do with a library: which files it finds, and what they export.
//!
//! Nothing is loaded. The rules are those of `ld.so(8)` and `dlopen(3)` of the GNU C library.

mod ld_so_cache;
mod needed;
mod scope;
mod search;
mod store;

pub use needed::needed_op_libraries;
pub use scope::missing_libraries;
pub(crate) use scope::{InProcess, MissingLink, Object, Scope, is_python_symbol, system_library};
pub use search::locate;
pub(crate) use store::image_of;
