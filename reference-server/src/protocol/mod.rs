//! KServe v2 over HTTP as Triton speaks it: codecs on bytes, no I/O.

mod data_type;
pub mod shape;

pub use data_type::{DataType, UnknownDataType};
pub use shape::Shape;
