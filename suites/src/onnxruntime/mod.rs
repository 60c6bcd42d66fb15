//! Cases about op libraries of ONNX Runtime.

mod recipe;

pub use recipe::{Element, Graph, Op, Recipe};
