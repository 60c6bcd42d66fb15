//! Element types of tensors.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Element type of a tensor.
///
/// `Display`, `FromStr` and serde use the protocol's name (`FP32`, `BYTES`); the model
/// configuration's name (`TYPE_FP32`, `TYPE_STRING`) is [`config_name`](Self::config_name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[repr(u8)]
pub enum DataType {
    /// One byte, 0 or 1.
    Bool = 1,
    /// Unsigned, 8 bits.
    Uint8 = 2,
    /// Unsigned, 16 bits.
    Uint16 = 3,
    /// Unsigned, 32 bits.
    Uint32 = 4,
    /// Unsigned, 64 bits.
    Uint64 = 5,
    /// Signed, 8 bits.
    Int8 = 6,
    /// Signed, 16 bits.
    Int16 = 7,
    /// Signed, 32 bits.
    Int32 = 8,
    /// Signed, 64 bits.
    Int64 = 9,
    /// IEEE 754 half precision.
    Fp16 = 10,
    /// IEEE 754 single precision.
    Fp32 = 11,
    /// IEEE 754 double precision.
    Fp64 = 12,
    /// Byte strings of any length, each behind its length as a little-endian `u32`.
    Bytes = 13,
    /// The upper half of an FP32.
    Bf16 = 14,
}

/// A data type name that the protocol does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown data type '{name}'; did you mean '{nearest}'?")]
pub struct UnknownDataType {
    /// The name as it was given.
    pub name: String,
    /// The nearest name that exists, in the vocabulary (`FP32` or `TYPE_FP32`) of the one given.
    pub nearest: &'static str,
}

impl DataType {
    /// All data types, in the order of their numbers in the model configuration.
    pub const ALL: [Self; 14] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp16,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
        Self::Bf16,
    ];

    /// The name in requests and responses: `FP32`, `BYTES`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
            Self::Bf16 => "BF16",
        }
    }

    /// The name in a model configuration: `TYPE_FP32`, `TYPE_STRING`.
    pub const fn config_name(self) -> &'static str {
        match self {
            Self::Bool => "TYPE_BOOL",
            Self::Uint8 => "TYPE_UINT8",
            Self::Uint16 => "TYPE_UINT16",
            Self::Uint32 => "TYPE_UINT32",
            Self::Uint64 => "TYPE_UINT64",
            Self::Int8 => "TYPE_INT8",
            Self::Int16 => "TYPE_INT16",
            Self::Int32 => "TYPE_INT32",
            Self::Int64 => "TYPE_INT64",
            Self::Fp16 => "TYPE_FP16",
            Self::Fp32 => "TYPE_FP32",
            Self::Fp64 => "TYPE_FP64",
            Self::Bytes => "TYPE_STRING",
            Self::Bf16 => "TYPE_BF16",
        }
    }

    /// Size of one element in bytes; `None` for [`Bytes`](Self::Bytes), whose elements differ.
    pub const fn element_size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }

    /// The type behind a number of the model configuration's enum; `None` for `TYPE_INVALID` and
    /// for numbers that the enum does not declare.
    pub fn from_config(number: i32) -> Option<Self> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        Self::ALL.get(index).copied()
    }

    /// The number of this type in the model configuration's enum.
    pub const fn config_number(self) -> i32 {
        self as i32
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DataType {
    type Err = UnknownDataType;

    /// Reads the protocol's or the model configuration's name.
    fn from_str(name: &str) -> Result<Self, UnknownDataType> {
        let found = match name {
            "BOOL" | "TYPE_BOOL" => Self::Bool,
            "UINT8" | "TYPE_UINT8" => Self::Uint8,
            "UINT16" | "TYPE_UINT16" => Self::Uint16,
            "UINT32" | "TYPE_UINT32" => Self::Uint32,
            "UINT64" | "TYPE_UINT64" => Self::Uint64,
            "INT8" | "TYPE_INT8" => Self::Int8,
            "INT16" | "TYPE_INT16" => Self::Int16,
            "INT32" | "TYPE_INT32" => Self::Int32,
            "INT64" | "TYPE_INT64" => Self::Int64,
            "FP16" | "TYPE_FP16" => Self::Fp16,
            "FP32" | "TYPE_FP32" => Self::Fp32,
            "FP64" | "TYPE_FP64" => Self::Fp64,
            "BYTES" | "TYPE_STRING" => Self::Bytes,
            "BF16" | "TYPE_BF16" => Self::Bf16,
            _ => return Err(unknown(name)),
        };
        Ok(found)
    }
}

#[cold]
fn unknown(name: &str) -> UnknownDataType {
    // Names of other tensor libraries that no edit distance finds.
    let nearest = match name.to_ascii_lowercase().as_str() {
        "float" | "float32" | "type_float" | "type_float32" => DataType::Fp32,
        "double" | "float64" | "type_float64" => DataType::Fp64,
        "half" | "float16" | "type_float16" => DataType::Fp16,
        "bfloat16" | "type_bfloat16" => DataType::Bf16,
        "string" | "str" | "object" | "type_bytes" => DataType::Bytes,
        "long" | "int" => DataType::Int64,
        "byte" => DataType::Uint8,
        _ => {
            let of_config = name.starts_with("TYPE");
            let upper = name.to_ascii_uppercase();
            let spelled = |candidate: DataType| {
                if of_config {
                    candidate.config_name()
                } else {
                    candidate.name()
                }
            };
            DataType::ALL
                .into_iter()
                .min_by_key(|candidate| strsim::damerau_levenshtein(&upper, spelled(*candidate)))
                .unwrap_or(DataType::Fp32)
        }
    };
    UnknownDataType {
        name: name.to_owned(),
        nearest: if name.starts_with("TYPE") {
            nearest.config_name()
        } else {
            nearest.name()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for data_type in DataType::ALL {
            assert_eq!(data_type.name().parse(), Ok(data_type));
            assert_eq!(data_type.config_name().parse(), Ok(data_type));
            assert_eq!(
                DataType::from_config(data_type.config_number()),
                Some(data_type)
            );
            let json = serde_json::to_string(&data_type).unwrap();
            assert_eq!(json, format!("\"{data_type}\""));
        }
    }

    #[test]
    fn numbers_are_those_of_the_configuration_enum() {
        for data_type in DataType::ALL {
            let declared = proto::inference::DataType::try_from(data_type.config_number()).unwrap();
            assert_eq!(declared.as_str_name(), data_type.config_name());
        }
        assert_eq!(DataType::from_config(0), None);
        assert_eq!(DataType::from_config(15), None);
        assert_eq!(DataType::from_config(-1), None);
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest_one() {
        for (given, nearest) in [
            ("FP23", "FP32"),
            ("float32", "FP32"),
            ("TYPE_FLOAT32", "TYPE_FP32"),
            ("STRING", "BYTES"),
            ("int64", "INT64"),
        ] {
            assert_eq!(
                given.parse::<DataType>().unwrap_err().nearest,
                nearest,
                "{given}"
            );
        }
    }
}
