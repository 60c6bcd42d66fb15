use std::fmt;

use runtimes::{Framework, RuntimeName};

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

    /// The operator's name, which [`mod@crate::spelling`] puts into the form of a framework.
    pub fn name(self) -> &'static str {
        match self {
            Op::BiasGelu => "BiasGelu",
            Op::RmsNorm => "RmsNorm",
            Op::Modulo => "Modulo",
            Op::SelectAbove => "SelectAbove",
        }
    }

    /// The name in lower case with underscores: `bias_gelu`.
    pub fn snake_name(self) -> &'static str {
        match self {
            Op::BiasGelu => "bias_gelu",
            Op::RmsNorm => "rms_norm",
            Op::Modulo => "modulo",
            Op::SelectAbove => "select_above",
        }
    }

    /// The data types that the operator's library of one runtime has kernels for; none where the
    /// runtime cannot express the operator.
    ///
    /// TensorRT has plugins with data-dependent shapes, and 64-bit integers, from 10.0 on.
    pub fn data_types_on(self, runtime: &RuntimeName) -> &'static [DataType] {
        let old_tensorrt = runtime.framework == Framework::TensorRt && runtime.version.major() < 10;
        match self {
            Op::SelectAbove if old_tensorrt => &[],
            Op::Modulo if old_tensorrt => &[DataType::Fp32, DataType::Fp16, DataType::Int32],
            _ => self.data_types(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_tensorrt_lacks_what_it_cannot_express() {
        let on = |op: Op, runtime: &str| op.data_types_on(&runtime.parse().unwrap()).len();
        assert_eq!(on(Op::SelectAbove, "tensorrt-8.6.0"), 0);
        assert_eq!(on(Op::SelectAbove, "tensorrt-10.16.1"), 2);
        assert_eq!(on(Op::Modulo, "tensorrt-8.5.3.1"), 3);
        assert_eq!(on(Op::Modulo, "pytorch-2.11.0"), 4);
    }
}
