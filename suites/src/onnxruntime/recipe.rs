//! What a library file or a model of a case is made of.

use serde::Serialize;

/// A sample op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Elementwise, with the error function.
    BiasGelu,
    /// Elementwise, with the hyperbolic tangent.
    BiasGeluTanh,
    /// Row reduction.
    RmsNorm,
    /// Elementwise on integers.
    Modulo,
    /// Output length depends on the data.
    SelectAbove,
}

/// Element type of a sample model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Element {
    /// IEEE single precision.
    Fp32,
    /// IEEE half precision.
    Fp16,
}

/// What a model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Graph {
    /// One node with this op.
    Single(Op, Element),
}

/// What a library file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// The sample op library.
    Sample,
    /// No file at all.
    Missing,
}
