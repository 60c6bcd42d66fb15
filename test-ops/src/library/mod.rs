//! The op libraries that exist for the suites: one module a framework, a library is a value.

pub mod onnxruntime;
