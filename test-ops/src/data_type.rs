use std::fmt;

/// Element type of a tensor.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum DataType {
    /// IEEE binary32.
    Fp32,
    /// IEEE binary16.
    Fp16,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
}

impl DataType {
    /// All element types that some sample operator has a kernel for.
    pub const ALL: [DataType; 4] = [
        DataType::Fp32,
        DataType::Fp16,
        DataType::Int32,
        DataType::Int64,
    ];

    /// The name in the KServe v2 protocol: `FP32`, `FP16`, `INT32`, `INT64`.
    pub fn protocol_name(self) -> &'static str {
        match self {
            DataType::Fp32 => "FP32",
            DataType::Fp16 => "FP16",
            DataType::Int32 => "INT32",
            DataType::Int64 => "INT64",
        }
    }

    /// The data type of a KServe v2 name, where a sample operator knows it.
    pub fn from_protocol_name(name: &str) -> Option<DataType> {
        DataType::ALL
            .into_iter()
            .find(|data_type| data_type.protocol_name() == name)
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DataType::Fp16 => 2,
            DataType::Fp32 | DataType::Int32 => 4,
            DataType::Int64 => 8,
        }
    }

    /// True for the floating-point types.
    pub fn is_float(self) -> bool {
        matches!(self, DataType::Fp32 | DataType::Fp16)
    }

    /// `value` as this type stores it: rounded to nearest, integers saturating.
    pub fn round(self, value: f64) -> f64 {
        match self {
            DataType::Fp32 => f64::from(value as f32),
            DataType::Fp16 => half::f16::from_f64(value).to_f64(),
            DataType::Int32 => f64::from(value as i32),
            DataType::Int64 => (value as i64) as f64,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.protocol_name())
    }
}
