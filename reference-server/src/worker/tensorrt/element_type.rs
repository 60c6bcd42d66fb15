//! TensorRT's element types (`nvinfer1::DataType`).

use crate::protocol::DataType;

/// The data type of a number; the name of a type that the protocol does not carry.
pub(super) fn from_code(code: i32) -> Result<DataType, String> {
    Ok(match code {
        0 => DataType::Fp32,
        1 => DataType::Fp16,
        2 => DataType::Int8,
        3 => DataType::Int32,
        4 => DataType::Bool,
        5 => DataType::Uint8,
        7 => DataType::Bf16,
        8 => DataType::Int64,
        6 => return Err("an 8-bit floating-point type".to_owned()),
        9 | 10 => return Err("a 4-bit type".to_owned()),
        _ => return Err(format!("TensorRT's element type number {code}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_without_a_counterpart_are_named() {
        assert_eq!(from_code(3), Ok(DataType::Int32));
        assert!(from_code(9).unwrap_err().contains("4-bit"));
        assert!(from_code(77).unwrap_err().contains("77"));
    }
}
