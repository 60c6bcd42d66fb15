use std::fmt;

use crate::DataType;

/// One of the sample operators.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Op {
    /// `gelu(x + bias)`, elementwise, `bias` over the last axis.
    BiasGelu,
    /// `x / sqrt(mean(x²) + epsilon) · weight`, over the last axis.
    RmsNorm,
    /// Remainder of a floored division, elementwise.
    Modulo,
    /// The values greater than a threshold, in order: the output's length depends on the data.
    SelectAbove,
}

impl Op {
    /// All sample operators.
    pub const ALL: [Op; 4] = [Op::BiasGelu, Op::RmsNorm, Op::Modulo, Op::SelectAbove];

    /// The name under which every framework registers the operator.
    pub fn name(self) -> &'static str {
        match self {
            Op::BiasGelu => "BiasGelu",
            Op::RmsNorm => "RmsNorm",
            Op::Modulo => "Modulo",
            Op::SelectAbove => "SelectAbove",
        }
    }

    /// The data types that the operator's kernels exist for.
    pub fn data_types(self) -> &'static [DataType] {
        match self {
            Op::Modulo => &[
                DataType::Fp32,
                DataType::Fp16,
                DataType::Int32,
                DataType::Int64,
            ],
            _ => &[DataType::Fp32, DataType::Fp16],
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How [`Op::BiasGelu`] computes the normal distribution: its attribute `approximate`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub enum Approximation {
    /// `none`: by the error function.
    #[default]
    None,
    /// `tanh`: `0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`.
    Tanh,
}

impl Approximation {
    /// The attribute's text.
    pub fn name(self) -> &'static str {
        match self {
            Approximation::None => "none",
            Approximation::Tanh => "tanh",
        }
    }
}
