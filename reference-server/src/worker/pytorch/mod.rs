//! PyTorch as a worker's backend: TorchScript models.
//!
//! PyTorch has no C interface. A bridge in C++, compiled for each installed version, stands between
//! ([`bridge`] declares its functions); [`runtime`] maps it with PyTorch itself. A TorchScript
//! [`module`] tells the names of its arguments and no types, so a model's [`signature`] comes from
//! its configuration. Op libraries register when they are opened ([`op_library`]): the operators of
//! the [`dispatcher`] before and after tell what, and its [`warnings`] what they replace. The hot path is [`instance`]. When a model cannot be loaded,
//! [`diagnosis`] finds the ops that nobody registered.

mod backend;
mod bridge;
mod diagnosis;
mod dispatcher;
mod element_type;
mod instance;
mod module;
mod op_library;
mod parameters;
mod runtime;
mod signature;
mod warnings;

pub use backend::PyTorchBackend;
pub use runtime::wait_policy;
