//! Sample op libraries and their models: sources, reference maths, builder.
//!
//! - [`Op`], [`DataType`] name what is computed, [`Tensor`] carries the values; [`spelling`] is
//!   what each framework calls an operator.
//! - [`mod@reference`] is the maths in `f64`, the one place every framework is judged by.
//! - [`model`] generates models, [`repository`] writes them as a model repository.
//! - [`library`] names every op library that a suite needs, broken ones included, and
//!   [`builder`] builds them.
//!
//! Sources of the libraries stand beside this package: `kernels/` holds the vectorized maths and
//! `kernels-c/` its C interface, `onnxruntime/` the library for that framework in Rust,
//! `sample-library/` what the libraries in C++ share, `device/` the kernels for GPUs and their
//! launches, and a folder each theirs: `pytorch/`, `tensorflow/`, `tensorrt/`.

mod data_type;
mod op;
mod tensor;

pub mod builder;
pub mod library;
pub mod model;
pub mod reference;
pub mod repository;
pub mod spelling;

pub use builder::{BuildError, Builder};
pub use data_type::DataType;
pub use library::{
    Broken, Content, DeviceCode, Fault, Library, PluginEntry, Sample, TorchInterface,
};
pub use model::{
    Format, Model, ModelError, Node, ParameterSource, PlanBuilder, PlanError, TensorSpec,
    torch_script, torch_script_with_buffers,
};
pub use op::{Approximation, Op};
pub use repository::{Configuration, DynamicBatching, ModelRepository};
pub use tensor::{Mismatch, Tensor};

/// The operator domain that the sample libraries register unless told otherwise.
pub const DEFAULT_DOMAIN: &str = "custom.ops";
