//! ONNX Runtime's element types and the protocol's.

use ort::sys::ONNXTensorElementDataType as Element;

use crate::protocol::DataType;

/// The protocol's type for ONNX Runtime's element type number `code`; the name of the type where
/// the protocol has none for it.
///
/// The numbers are those of `TensorProto.DataType` of ONNX up to 16, and grow with every version:
/// hence a number and not the enum, which knows the types of one API level only.
pub(super) fn from_code(code: i32) -> Result<DataType, String> {
    Ok(match code {
        1 => DataType::Fp32,
        2 => DataType::Uint8,
        3 => DataType::Int8,
        4 => DataType::Uint16,
        5 => DataType::Int16,
        6 => DataType::Int32,
        7 => DataType::Int64,
        8 => DataType::Bytes,
        9 => DataType::Bool,
        10 => DataType::Fp16,
        11 => DataType::Fp64,
        12 => DataType::Uint32,
        13 => DataType::Uint64,
        16 => DataType::Bf16,
        14 => return Err("complex64".to_owned()),
        15 => return Err("complex128".to_owned()),
        17..=20 => return Err("an 8-bit floating-point type".to_owned()),
        21 | 22 => return Err("a 4-bit integer type".to_owned()),
        _ => return Err(format!("element type number {code}")),
    })
}

/// ONNX Runtime's element type for the protocol's.
#[inline]
pub(super) fn of(data_type: DataType) -> Element {
    match data_type {
        DataType::Bool => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,
        DataType::Uint8 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        DataType::Uint16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16,
        DataType::Uint32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32,
        DataType::Uint64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64,
        DataType::Int8 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
        DataType::Int16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16,
        DataType::Int32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        DataType::Int64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
        DataType::Fp16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
        DataType::Fp32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        DataType::Fp64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,
        DataType::Bytes => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING,
        DataType::Bf16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16,
    }
}

/// ONNX's name of an element type, `any` for an undefined one.
pub(super) fn name(code: i32) -> String {
    let name = match code {
        0 => "any",
        1 => "float",
        2 => "uint8",
        3 => "int8",
        4 => "uint16",
        5 => "int16",
        6 => "int32",
        7 => "int64",
        8 => "string",
        9 => "bool",
        10 => "float16",
        11 => "double",
        12 => "uint32",
        13 => "uint64",
        14 => "complex64",
        15 => "complex128",
        16 => "bfloat16",
        17 => "float8e4m3fn",
        18 => "float8e4m3fnuz",
        19 => "float8e5m2",
        20 => "float8e5m2fnuz",
        21 => "uint4",
        22 => "int4",
        23 => "float4e2m1",
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
            assert_eq!(from_code(of(data_type) as i32), Ok(data_type));
        }
    }

    #[test]
    fn types_without_a_counterpart_are_named() {
        assert_eq!(from_code(14), Err("complex64".to_owned()));
        assert_eq!(from_code(99), Err("element type number 99".to_owned()));
    }
}
