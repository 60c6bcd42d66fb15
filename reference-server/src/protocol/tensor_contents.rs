//! Elements of a tensor in the typed fields of a protobuf message.

use std::borrow::Cow;
use std::fmt::Display;

use bytemuck::NoUninit;
use proto::inference::InferTensorContents;
use proto::inference::model_infer_request::InferInputTensor;

use super::{DataType, RequestError, byte_strings};

/// The bytes of the tensor that `contents`, those of `input`, holds. Types that have a field of their
/// own width are not copied.
///
/// # Errors
/// 400 where the elements are in the field of another type, do not fit the type, or the type has no
/// field.
pub fn bytes<'a>(
    contents: &'a InferTensorContents,
    input: &InferInputTensor,
    model: &str,
) -> Result<Cow<'a, [u8]>, RequestError> {
    // A type that does not exist is told when the request is held against the model.
    let Ok(data_type) = input.datatype.parse::<DataType>() else {
        return Ok(Cow::Borrowed(&[]));
    };
    let wanted = field_of(data_type);
    let filled = [
        ("bool_contents", contents.bool_contents.len()),
        ("int_contents", contents.int_contents.len()),
        ("int64_contents", contents.int64_contents.len()),
        ("uint_contents", contents.uint_contents.len()),
        ("uint64_contents", contents.uint64_contents.len()),
        ("fp32_contents", contents.fp32_contents.len()),
        ("fp64_contents", contents.fp64_contents.len()),
        ("bytes_contents", contents.bytes_contents.len()),
    ];
    let mut others = filled
        .into_iter()
        .filter(|(field, length)| *length > 0 && Some(*field) != wanted);
    if let Some((field, _)) = others.next() {
        let remedy = match wanted {
            Some(wanted) => format!("its elements belong in {wanted}"),
            None => "it has no typed form; send it in raw_input_contents".to_owned(),
        };
        return Err(RequestError::invalid(format!(
            "unexpected explicit tensor data for input tensor '{}' for model '{model}': {field} is \
             set, but the data type is {data_type}, and {remedy}",
            input.name
        )));
    }
    Ok(match data_type {
        DataType::Bool => Cow::Borrowed(bytemuck::cast_slice(&contents.bool_contents)),
        DataType::Int8 => narrowed::<_, i8>(&contents.int_contents, data_type, input)?,
        DataType::Int16 => narrowed::<_, i16>(&contents.int_contents, data_type, input)?,
        DataType::Int32 => Cow::Borrowed(bytemuck::cast_slice(&contents.int_contents)),
        DataType::Int64 => Cow::Borrowed(bytemuck::cast_slice(&contents.int64_contents)),
        DataType::Uint8 => narrowed::<_, u8>(&contents.uint_contents, data_type, input)?,
        DataType::Uint16 => narrowed::<_, u16>(&contents.uint_contents, data_type, input)?,
        DataType::Uint32 => Cow::Borrowed(bytemuck::cast_slice(&contents.uint_contents)),
        DataType::Uint64 => Cow::Borrowed(bytemuck::cast_slice(&contents.uint64_contents)),
        DataType::Fp32 => Cow::Borrowed(bytemuck::cast_slice(&contents.fp32_contents)),
        DataType::Fp64 => Cow::Borrowed(bytemuck::cast_slice(&contents.fp64_contents)),
        DataType::Fp16 | DataType::Bf16 => Cow::Borrowed(&[]),
        DataType::Bytes => {
            let mut tensor = Vec::new();
            for element in &contents.bytes_contents {
                byte_strings::append(&mut tensor, element)?;
            }
            Cow::Owned(tensor)
        }
    })
}

/// The field that carries elements of a type.
const fn field_of(data_type: DataType) -> Option<&'static str> {
    match data_type {
        DataType::Bool => Some("bool_contents"),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => Some("int_contents"),
        DataType::Int64 => Some("int64_contents"),
        DataType::Uint8 | DataType::Uint16 | DataType::Uint32 => Some("uint_contents"),
        DataType::Uint64 => Some("uint64_contents"),
        DataType::Fp32 => Some("fp32_contents"),
        DataType::Fp64 => Some("fp64_contents"),
        DataType::Bytes => Some("bytes_contents"),
        DataType::Fp16 | DataType::Bf16 => None,
    }
}

/// Elements of 32 bits as elements of `Narrow`.
fn narrowed<Wide, Narrow>(
    elements: &[Wide],
    data_type: DataType,
    input: &InferInputTensor,
) -> Result<Cow<'static, [u8]>, RequestError>
where
    Wide: Copy + Display,
    Narrow: TryFrom<Wide> + NoUninit,
{
    let mut tensor = Vec::with_capacity(size_of_val(elements));
    for element in elements {
        let narrow = Narrow::try_from(*element).map_err(|_| {
            RequestError::invalid(format!(
                "{element} in the contents of input '{}' does not fit its data type {data_type}",
                input.name
            ))
        })?;
        tensor.extend_from_slice(bytemuck::bytes_of(&narrow));
    }
    Ok(Cow::Owned(tensor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(data_type: DataType) -> InferInputTensor {
        InferInputTensor {
            name: "x".into(),
            datatype: data_type.name().into(),
            ..InferInputTensor::default()
        }
    }

    /// Contents with two elements in the field of this name.
    fn contents(field: &str) -> InferTensorContents {
        let mut contents = InferTensorContents::default();
        match field {
            "bool_contents" => contents.bool_contents = vec![true, false],
            "int_contents" => contents.int_contents = vec![1, -2],
            "int64_contents" => contents.int64_contents = vec![1, -2],
            "uint_contents" => contents.uint_contents = vec![1, 2],
            "uint64_contents" => contents.uint64_contents = vec![1, 2],
            "fp32_contents" => contents.fp32_contents = vec![1.0, 2.0],
            "fp64_contents" => contents.fp64_contents = vec![1.0, 2.0],
            _ => contents.bytes_contents = vec!["ab".into(), "".into()],
        }
        contents
    }

    #[test]
    fn every_type_reads_the_field_of_its_own_and_no_other() {
        let fields: Vec<&str> = DataType::ALL.into_iter().filter_map(field_of).collect();
        for data_type in DataType::ALL {
            for field in &fields {
                let contents = contents(field);
                let read = bytes(&contents, &input(data_type), "m");
                if field_of(data_type) != Some(*field) {
                    let message = read.unwrap_err().message;
                    assert!(
                        message.contains(field) && message.contains("'x'"),
                        "{message}"
                    );
                    continue;
                }
                let length = data_type.element_size().map_or(4 + 2 + 4, |size| 2 * size);
                assert_eq!(read.unwrap().len(), length, "{data_type}");
            }
        }
    }

    #[test]
    fn elements_are_little_endian() {
        let contents = InferTensorContents {
            int_contents: vec![-2, 300],
            ..InferTensorContents::default()
        };
        let wide = bytes(&contents, &input(DataType::Int16), "m").unwrap();
        assert_eq!(&wide[..], [0xfe, 0xff, 0x2c, 0x01]);
        let message = bytes(&contents, &input(DataType::Int8), "m")
            .unwrap_err()
            .message;
        assert!(
            message.contains("300") && message.contains("INT8"),
            "{message}"
        );
    }

    #[test]
    fn strings_stand_behind_their_lengths() {
        let contents = contents("bytes_contents");
        let tensor = bytes(&contents, &input(DataType::Bytes), "m").unwrap();
        assert_eq!(&tensor[..], b"\x02\0\0\0ab\0\0\0\0");
    }
}
