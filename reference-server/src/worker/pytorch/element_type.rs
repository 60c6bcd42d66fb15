//! The numbers of PyTorch's element types (`c10::ScalarType`), which are part of its file format
//! and therefore fixed.

use super::bridge::STRINGS;
use crate::protocol::DataType;

/// The number of a data type; [`STRINGS`] for byte strings.
pub(super) const fn of(data_type: DataType) -> i32 {
    match data_type {
        DataType::Uint8 => 0,
        DataType::Int8 => 1,
        DataType::Int16 => 2,
        DataType::Int32 => 3,
        DataType::Int64 => 4,
        DataType::Fp16 => 5,
        DataType::Fp32 => 6,
        DataType::Fp64 => 7,
        DataType::Bool => 11,
        DataType::Bf16 => 15,
        DataType::Uint16 => 27,
        DataType::Uint32 => 28,
        DataType::Uint64 => 29,
        DataType::Bytes => STRINGS,
    }
}

/// The data type of a number, or the name of a type that the protocol does not carry.
pub(super) fn from_code(code: i32) -> Result<DataType, String> {
    DataType::ALL
        .into_iter()
        .find(|data_type| of(*data_type) == code)
        .ok_or_else(|| match code {
            8 => "complex32".to_owned(),
            9 => "complex64".to_owned(),
            10 => "complex128".to_owned(),
            12..=14 | 16 | 17 => "a quantized type".to_owned(),
            23..=26 | 44 | 45 => "an 8-bit or smaller floating-point type".to_owned(),
            _ => format!("PyTorch's element type number {code}"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_type_has_a_number_of_its_own() {
        for data_type in DataType::ALL {
            assert_eq!(from_code(of(data_type)), Ok(data_type));
        }
        assert_eq!(from_code(9), Err("complex64".to_owned()));
        assert!(from_code(77).unwrap_err().contains("77"));
    }
}
