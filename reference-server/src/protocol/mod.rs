//! KServe v2 as Triton speaks it: codecs on bytes and messages, no I/O.
//!
//! The way of an inference request over HTTP: [`body::split`] finds where the JSON part ends,
//! [`InferenceRequest::parse`] reads it, [`plan::plan`] holds it against the model's [`Signature`]
//! and says where each tensor's bytes are, [`plan::PlannedInput::write`] puts them where the
//! framework reads them; [`response::write_header`] writes the JSON part of the answer. Over gRPC
//! [`message::read`] gives the same request, with the bytes of its tensors beside it.

pub mod base64_text;
pub mod body;
pub mod byte_strings;
pub mod classification;
mod data_type;
mod diagnosis;
pub mod encoding;
mod error;
pub mod json_tensor;
pub mod log_setting;
pub mod message;
pub mod metadata;
pub mod plan;
pub mod repository;
pub mod request;
pub mod response;
pub mod shape;
pub mod shared_memory;
mod signature;
pub mod statistics;
mod tensor_contents;
pub mod trace_setting;

pub use data_type::{DataType, UnknownDataType};
pub use error::{ErrorKind, RequestError};
pub use request::InferenceRequest;
pub use shape::Shape;
pub use signature::{Signature, TensorSpecification};
