//! Cases about op libraries of ONNX Runtime.

mod load_time;

pub(crate) use load_time::cases;
