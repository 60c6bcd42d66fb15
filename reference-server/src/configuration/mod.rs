//! Model configuration: where it comes from, what is valid, and what the model itself adds.
//!
//! [`ModelConfiguration::read`] takes `config.pbtxt` (or nothing) and checks it;
//! [`versions::scan`] and [`VersionPolicy::select`] tell which versions are served;
//! [`SearchPlaces::resolve`] finds the op libraries; once the model is loaded,
//! [`ModelConfiguration::with_model`] completes the configuration and gives the
//! [`Signature`](crate::protocol::Signature) that requests are held against.

mod completion;
mod devices;
mod error;
mod json;
mod model;
mod op_library;
mod platform;
pub mod text_format;
mod validation;
pub mod versions;

pub use completion::{DeclaredTensor, ReportedTensor};
pub use devices::Device;
pub use error::ConfigurationError;
pub use model::{
    DynamicBatching, ModelConfiguration, QueuePolicy, QueueTimeoutAction, RUNTIME_PARAMETER,
};
pub use op_library::{OpLibraryPathError, SearchPlaces};
pub use platform::platform_name;
pub use text_format::FILE_NAME;
pub use versions::{VersionFolder, VersionPolicy};
