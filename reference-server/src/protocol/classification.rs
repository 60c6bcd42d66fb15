//! The classification extension: the largest elements of an output in place of the output.

use super::{DataType, RequestError, byte_strings};

/// The `most` largest elements of each of the `rows` of a tensor, as a tensor of byte strings
/// `value:index` or `value:index:label`, and how many there are of each row.
///
/// Values are written as Triton writes them: with six decimals where they are no integers. Elements that
/// are equal keep their order, and what is no number comes last.
///
/// # Errors
/// 400 where the elements are of a type that has no order here; 500 where they do not fit the rows.
pub fn classify(
    data_type: DataType,
    tensor: &[u8],
    rows: usize,
    most: u64,
    labels: &[String],
    output: &str,
) -> Result<(Vec<u8>, usize), RequestError> {
    let read: fn(&[u8]) -> Value = match data_type {
        DataType::Int8 => |bytes| Value::Integer(i8::from_le_bytes(array(bytes)).into()),
        DataType::Int16 => |bytes| Value::Integer(i16::from_le_bytes(array(bytes)).into()),
        DataType::Int32 => |bytes| Value::Integer(i32::from_le_bytes(array(bytes)).into()),
        DataType::Int64 => |bytes| Value::Integer(i64::from_le_bytes(array(bytes)).into()),
        DataType::Uint8 => |bytes| Value::Integer(u8::from_le_bytes(array(bytes)).into()),
        DataType::Uint16 => |bytes| Value::Integer(u16::from_le_bytes(array(bytes)).into()),
        DataType::Uint32 => |bytes| Value::Integer(u32::from_le_bytes(array(bytes)).into()),
        DataType::Uint64 => |bytes| Value::Integer(u64::from_le_bytes(array(bytes)).into()),
        DataType::Fp32 => |bytes| Value::Real(f32::from_le_bytes(array(bytes)).into()),
        DataType::Fp64 => |bytes| Value::Real(f64::from_le_bytes(array(bytes))),
        DataType::Bool | DataType::Fp16 | DataType::Bf16 | DataType::Bytes => {
            return Err(RequestError::invalid(format!(
                "class result not available for output '{output}' due to unsupported type \
                 '{data_type}'"
            )));
        }
    };
    let size = data_type.element_size().unwrap_or(1);
    let row_bytes = tensor.len() / rows.max(1);
    if row_bytes * rows != tensor.len() || !row_bytes.is_multiple_of(size) {
        return Err(RequestError::internal(format!(
            "output '{output}' cannot be classified: its {} bytes are not {rows} rows of {data_type}",
            tensor.len()
        )));
    }
    let elements = row_bytes / size;
    let count = usize::try_from(most).unwrap_or(usize::MAX).min(elements);
    let mut classes = Vec::new();
    for row in 0..rows {
        let row = &tensor[row * row_bytes..][..row_bytes];
        let mut order: Vec<(Value, usize)> = row.chunks_exact(size).map(read).zip(0..).collect();
        order.sort_by(|(a, _), (b, _)| a.descending(b));
        for (value, index) in &order[..count] {
            let text = match labels.get(*index) {
                Some(label) => format!("{value}:{index}:{label}"),
                None => format!("{value}:{index}"),
            };
            byte_strings::append(&mut classes, text.as_bytes())?;
        }
    }
    Ok((classes, count))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("chunks of an element's size")
}

/// One element.
#[derive(Clone, Copy, Debug)]
enum Value {
    Integer(i128),
    Real(f64),
}

impl Value {
    fn descending(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => b.cmp(a),
            (Self::Real(a), Self::Real(b)) => b
                .partial_cmp(a)
                .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
            // Elements of a tensor are of one type.
            _ => std::cmp::Ordering::Equal,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) if value.is_nan() => f.write_str("nan"),
            Self::Real(value) => write!(f, "{value:.6}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(tensor: &[u8]) -> Vec<String> {
        byte_strings::elements(tensor)
            .map(|element| String::from_utf8(element.to_vec()).unwrap())
            .collect()
    }

    fn bytes(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    #[test]
    fn the_largest_come_first_with_index_and_label() {
        let tensor = bytes(&[0.5, -1.0, 2.25, f32::NAN, 2.25, f32::INFINITY]);
        let labels = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let (classes, count) = classify(DataType::Fp32, &tensor, 1, 9, &labels, "y").unwrap();
        assert_eq!(count, 6);
        assert_eq!(
            texts(&classes),
            [
                "inf:5",
                "2.250000:2:c",
                "2.250000:4",
                "0.500000:0:a",
                "-1.000000:1:b",
                "nan:3"
            ]
        );
        let (classes, count) = classify(DataType::Fp32, &tensor, 2, 1, &[], "y").unwrap();
        assert_eq!(
            (texts(&classes), count),
            (vec!["2.250000:2".into(), "inf:2".into()], 1)
        );
    }

    #[test]
    fn integers_have_no_decimals_and_some_types_no_order() {
        let (classes, _) = classify(DataType::Int8, &[1, 0xfe, 3], 1, 2, &[], "y").unwrap();
        assert_eq!(texts(&classes), ["3:2", "1:0"]);
        let largest = [u64::MAX, 0].map(u64::to_le_bytes).concat();
        let (classes, _) = classify(DataType::Uint64, &largest, 1, 1, &[], "y").unwrap();
        assert_eq!(texts(&classes), [format!("{}:0", u64::MAX)]);
        for refused in [
            DataType::Bool,
            DataType::Fp16,
            DataType::Bf16,
            DataType::Bytes,
        ] {
            let error = classify(refused, &[0; 4], 1, 1, &[], "y").unwrap_err();
            assert!(error.message.contains("unsupported type"), "{error}");
        }
        assert!(classify(DataType::Fp32, &[0; 12], 2, 1, &[], "y").is_err());
        assert_eq!(
            classify(DataType::Fp32, &[], 0, 1, &[], "y").unwrap(),
            (vec![], 0)
        );
    }

    proptest! {
        #[test]
        fn each_row_gives_as_many_as_are_asked_for_in_order(
            rows in prop::collection::vec(prop::array::uniform4(any::<i32>()), 1..5),
            most in 0_u64..6,
        ) {
            let tensor: Vec<u8> = rows.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
            let (classes, count) =
                classify(DataType::Int32, &tensor, rows.len(), most, &[], "y").unwrap();
            prop_assert_eq!(count, most.min(4) as usize);
            let texts = texts(&classes);
            prop_assert_eq!(texts.len(), count * rows.len());
            for (row, texts) in rows.iter().zip(texts.chunks(count.max(1))) {
                let mut sorted = *row;
                sorted.sort_unstable_by(|a, b| b.cmp(a));
                for (text, value) in texts.iter().zip(sorted) {
                    let (told, index) = text.split_once(':').unwrap();
                    prop_assert_eq!(told.parse::<i32>().unwrap(), value);
                    prop_assert_eq!(row[index.parse::<usize>().unwrap()], value);
                }
            }
        }
    }
}
