//! KServe v2 over HTTP, as a client sees it.

mod body;
mod connection;
mod metadata;

pub use body::{Answer, Encoding, InferenceRequest, MalformedAnswer, NamedTensor};
pub use connection::{Client, ClientError, IndexEntry};
pub use metadata::{ModelMetadata, TensorMetadata};
