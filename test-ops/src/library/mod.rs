//! The op libraries that exist for the suites. A library is a value: its framework and its
//! content, which is the same for all frameworks that have it.

mod broken;
mod content;
mod device_code;
mod fault;
mod sample;

pub use broken::Broken;
pub use content::{Content, Library};
pub use device_code::DeviceCode;
pub use fault::Fault;
pub use sample::{PluginEntry, Sample, TorchInterface};
