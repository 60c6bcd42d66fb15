//! Bridges: C++ with a C ABI between a worker and a framework that has no stable C interface.
//!
//! The sources are part of this package ([`Bridge::of`] lists them, one folder a framework). They
//! are compiled against each installed runtime with the machine's compiler, because the C++
//! interface of these frameworks changes with every version. [`build`] keeps the results in the
//! cache, by the hash of everything that goes into them.

mod bridge;
mod build;
mod error;

pub use bridge::{Bridge, Source};
pub use build::{build, is_missing, request};
pub use error::BridgeError;
