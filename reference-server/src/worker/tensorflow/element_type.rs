//! TensorFlow's element types and the protocol's.

use crate::protocol::DataType;

/// `TF_STRING`
pub(super) const STRING: i32 = 7;

/// The protocol's type for TensorFlow's element type number `code`; the name of the type where the
/// protocol has none for it.
///
/// The numbers are those of `DataType` in TensorFlow's `types.proto`.
pub(super) fn from_code(code: i32) -> Result<DataType, String> {
    Ok(match code {
        1 => DataType::Fp32,
        2 => DataType::Fp64,
        3 => DataType::Int32,
        4 => DataType::Uint8,
        5 => DataType::Int16,
        6 => DataType::Int8,
        STRING => DataType::Bytes,
        9 => DataType::Int64,
        10 => DataType::Bool,
        14 => DataType::Bf16,
        17 => DataType::Uint16,
        19 => DataType::Fp16,
        22 => DataType::Uint32,
        23 => DataType::Uint64,
        other => return Err(name(other)),
    })
}

/// TensorFlow's element type for the protocol's.
#[inline]
pub(super) const fn of(data_type: DataType) -> i32 {
    match data_type {
        DataType::Fp32 => 1,
        DataType::Fp64 => 2,
        DataType::Int32 => 3,
        DataType::Uint8 => 4,
        DataType::Int16 => 5,
        DataType::Int8 => 6,
        DataType::Bytes => STRING,
        DataType::Int64 => 9,
        DataType::Bool => 10,
        DataType::Bf16 => 14,
        DataType::Uint16 => 17,
        DataType::Fp16 => 19,
        DataType::Uint32 => 22,
        DataType::Uint64 => 23,
    }
}

/// TensorFlow's name of an element type: `float`, `half`.
pub(super) fn name(code: i32) -> String {
    let name = match code {
        1 => "float",
        2 => "double",
        3 => "int32",
        4 => "uint8",
        5 => "int16",
        6 => "int8",
        STRING => "string",
        8 => "complex64",
        9 => "int64",
        10 => "bool",
        11 => "qint8",
        12 => "quint8",
        13 => "qint32",
        14 => "bfloat16",
        15 => "qint16",
        16 => "quint16",
        17 => "uint16",
        18 => "complex128",
        19 => "half",
        20 => "resource",
        21 => "variant",
        22 => "uint32",
        23 => "uint64",
        _ => return format!("element type number {code}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_way_there_and_back() {
        for data_type in DataType::ALL {
            assert_eq!(from_code(of(data_type)), Ok(data_type));
        }
    }

    #[test]
    fn types_without_a_counterpart_are_named() {
        assert_eq!(from_code(20), Err("resource".to_owned()));
        assert_eq!(from_code(99), Err("element type number 99".to_owned()));
    }
}
