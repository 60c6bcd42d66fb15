//! Tensor data in JSON: numbers and strings in an array, flat or nested, to and from the bytes
//! that a framework reads.
//!
//! Decoding walks over the text once and writes each element where it belongs; no tree of values
//! is built. Decisions that the protocol leaves open:
//!
//! - FP16 and BF16 are refused in both directions, as Triton does.
//! - Numbers that are not finite are written as `NaN`, `Infinity` and `-Infinity`. That is no
//!   strict JSON, but it is what Triton writes and what common clients read. In a request the same
//!   three words are accepted as strings.
//! - An FP32 is written with the fewest digits that read back as the same FP32.
//! - How an array is nested is not compared with the shape, only the number of elements is.

use std::{borrow::Cow, str::FromStr};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DataType, RequestError, byte_strings, error::write_json};

/// Writes the elements of `data` into `target` in little-endian order.
///
/// `target` has exactly the size of the tensor; `input` is the tensor's name, for messages.
///
/// # Errors
/// 400 naming the input: `data` is no array, holds another number of elements, or an element that
/// is not of type `data_type` or out of its range. FP16, BF16 and BYTES (whose size is not known
/// before, see [`decode_byte_strings`]) are refused.
pub fn decode(
    data: &RawValue,
    data_type: DataType,
    target: &mut [u8],
    input: &str,
) -> Result<(), RequestError> {
    let elements = Elements::new(data, input)?;
    match data_type {
        DataType::Bool => fill(elements, target, data_type, input, |text| match text {
            "true" => Ok([1]),
            "false" => Ok([0]),
            _ => Err(Mismatch::Kind),
        }),
        DataType::Uint8 => fill(elements, target, data_type, input, |text| {
            integer::<u8>(text).map(u8::to_le_bytes)
        }),
        DataType::Uint16 => fill(elements, target, data_type, input, |text| {
            integer::<u16>(text).map(u16::to_le_bytes)
        }),
        DataType::Uint32 => fill(elements, target, data_type, input, |text| {
            integer::<u32>(text).map(u32::to_le_bytes)
        }),
        DataType::Uint64 => fill(elements, target, data_type, input, |text| {
            integer::<u64>(text).map(u64::to_le_bytes)
        }),
        DataType::Int8 => fill(elements, target, data_type, input, |text| {
            integer::<i8>(text).map(i8::to_le_bytes)
        }),
        DataType::Int16 => fill(elements, target, data_type, input, |text| {
            integer::<i16>(text).map(i16::to_le_bytes)
        }),
        DataType::Int32 => fill(elements, target, data_type, input, |text| {
            integer::<i32>(text).map(i32::to_le_bytes)
        }),
        DataType::Int64 => fill(elements, target, data_type, input, |text| {
            integer::<i64>(text).map(i64::to_le_bytes)
        }),
        DataType::Fp32 => fill(elements, target, data_type, input, |text| {
            float(
                text,
                f32::is_finite,
                [f32::NAN, f32::INFINITY, f32::NEG_INFINITY],
            )
            .map(f32::to_le_bytes)
        }),
        DataType::Fp64 => fill(elements, target, data_type, input, |text| {
            float(
                text,
                f64::is_finite,
                [f64::NAN, f64::INFINITY, f64::NEG_INFINITY],
            )
            .map(f64::to_le_bytes)
        }),
        DataType::Fp16 | DataType::Bf16 => Err(RequestError::invalid(format!(
            "receiving {data_type} data via JSON is not supported. Please use the binary data \
             format for input {input}"
        ))),
        DataType::Bytes => Err(RequestError::internal(format!(
            "the byte strings of input '{input}' have no size that is known before"
        ))),
    }
}

/// The strings of `data` as a tensor of `count` byte strings (see [`byte_strings`]).
///
/// # Errors
/// 400 naming the input: `data` is no array, holds another number of elements, or an element that
/// is no string.
pub fn decode_byte_strings(
    data: &RawValue,
    count: usize,
    input: &str,
) -> Result<Vec<u8>, RequestError> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let mut tensor = Vec::with_capacity(data.get().len());
    let mut found = 0;
    for element in Elements::new(data, input)? {
        let text = element.map_err(|object| mismatch(&object, found, DataType::Bytes, input))?;
        let Ok(Text(string)) = serde_json::from_str::<Text<'_>>(text) else {
            let object = Unsuitable {
                text,
                reason: Mismatch::Kind,
            };
            return Err(mismatch(&object, found, DataType::Bytes, input));
        };
        byte_strings::append(&mut tensor, string.as_bytes())?;
        found += 1;
    }
    if found == count {
        Ok(tensor)
    } else {
        Err(wrong_count(found, count, input))
    }
}

/// Appends the elements of `tensor` as a flat JSON array; `output` is the tensor's name, for
/// messages.
///
/// # Errors
/// 400 for FP16 and BF16, and for byte strings that are no UTF-8; 500 where the bytes are not a
/// whole number of elements.
pub fn encode(
    out: &mut Vec<u8>,
    data_type: DataType,
    tensor: &[u8],
    output: &str,
) -> Result<(), RequestError> {
    match data_type {
        DataType::Bool => list(out, tensor, output, |out, [element]: [u8; 1]| {
            write_json(out, &(element != 0));
        }),
        DataType::Uint8 => list(out, tensor, output, |out, element| {
            write_json(out, &u8::from_le_bytes(element));
        }),
        DataType::Uint16 => list(out, tensor, output, |out, element| {
            write_json(out, &u16::from_le_bytes(element));
        }),
        DataType::Uint32 => list(out, tensor, output, |out, element| {
            write_json(out, &u32::from_le_bytes(element));
        }),
        DataType::Uint64 => list(out, tensor, output, |out, element| {
            write_json(out, &u64::from_le_bytes(element));
        }),
        DataType::Int8 => list(out, tensor, output, |out, element| {
            write_json(out, &i8::from_le_bytes(element));
        }),
        DataType::Int16 => list(out, tensor, output, |out, element| {
            write_json(out, &i16::from_le_bytes(element));
        }),
        DataType::Int32 => list(out, tensor, output, |out, element| {
            write_json(out, &i32::from_le_bytes(element));
        }),
        DataType::Int64 => list(out, tensor, output, |out, element| {
            write_json(out, &i64::from_le_bytes(element));
        }),
        DataType::Fp32 => list(out, tensor, output, |out, element| {
            let element = f32::from_le_bytes(element);
            if element.is_finite() {
                write_json(out, &element);
            } else {
                out.extend_from_slice(non_finite(f64::from(element)));
            }
        }),
        DataType::Fp64 => list(out, tensor, output, |out, element| {
            let element = f64::from_le_bytes(element);
            if element.is_finite() {
                write_json(out, &element);
            } else {
                out.extend_from_slice(non_finite(element));
            }
        }),
        DataType::Fp16 | DataType::Bf16 => Err(json_refused(data_type, output)),
        DataType::Bytes => strings(out, tensor, output),
    }
}

/// Refuses an output that JSON cannot carry.
pub(super) fn json_refused(data_type: DataType, output: &str) -> RequestError {
    RequestError::invalid(format!(
        "sending {data_type} data via JSON is not supported. Please use the binary data format \
         for output '{output}'"
    ))
}

fn non_finite(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    }
}

fn list<const SIZE: usize>(
    out: &mut Vec<u8>,
    tensor: &[u8],
    output: &str,
    write: impl Fn(&mut Vec<u8>, [u8; SIZE]),
) -> Result<(), RequestError> {
    let (elements, rest) = tensor.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(wrong_size(output));
    }
    out.reserve(elements.len() * (SIZE + 2) + 2);
    out.push(b'[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, *element);
    }
    out.push(b']');
    Ok(())
}

fn strings(out: &mut Vec<u8>, tensor: &[u8], output: &str) -> Result<(), RequestError> {
    let mut elements = byte_strings::elements(tensor);
    out.push(b'[');
    for (index, element) in elements.by_ref().enumerate() {
        let text = str::from_utf8(element).map_err(|error| {
            RequestError::invalid(format!(
                "element {index} of output '{output}' is no UTF-8 ({error}) and cannot be sent \
                 in JSON. Please use the binary data format for output '{output}'"
            ))
        })?;
        if index > 0 {
            out.push(b',');
        }
        write_json(out, text);
    }
    out.push(b']');
    if elements.rest().is_empty() {
        Ok(())
    } else {
        Err(wrong_size(output))
    }
}

#[cold]
fn wrong_size(output: &str) -> RequestError {
    RequestError::internal(format!(
        "output tensor shape does not match size of output for '{output}'"
    ))
}

/// Why an element does not fit the data type.
#[derive(Clone, Copy)]
enum Mismatch {
    Kind,
    Range,
}

fn integer<T: FromStr<Err = std::num::ParseIntError>>(text: &str) -> Result<T, Mismatch> {
    use std::num::IntErrorKind;

    text.parse()
        .map_err(|error: std::num::ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => Mismatch::Range,
            // For an unsigned type a minus sign is an invalid digit.
            _ if text
                .strip_prefix('-')
                .is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit())) =>
            {
                Mismatch::Range
            }
            _ => Mismatch::Kind,
        })
}

/// `words` are the values of `"NaN"`, `"Infinity"` and `"-Infinity"`.
fn float<T: FromStr + Copy>(
    text: &str,
    is_finite: impl Fn(T) -> bool,
    words: [T; 3],
) -> Result<T, Mismatch> {
    let [nan, infinity, negative_infinity] = words;
    match text.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => match text.parse::<T>() {
            Ok(value) if is_finite(value) => Ok(value),
            Ok(_) => Err(Mismatch::Range),
            Err(_) => Err(Mismatch::Kind),
        },
        _ => match text {
            "\"NaN\"" => Ok(nan),
            "\"Infinity\"" => Ok(infinity),
            "\"-Infinity\"" => Ok(negative_infinity),
            _ => Err(Mismatch::Kind),
        },
    }
}

fn fill<const SIZE: usize>(
    elements: Elements<'_>,
    target: &mut [u8],
    data_type: DataType,
    input: &str,
    read: impl Fn(&str) -> Result<[u8; SIZE], Mismatch>,
) -> Result<(), RequestError> {
    let (slots, _) = target.as_chunks_mut::<SIZE>();
    let count = slots.len();
    let mut found = 0;
    for element in elements {
        let bytes = element
            .and_then(|text| read(text).map_err(|reason| Unsuitable { text, reason }))
            .map_err(|unsuitable| mismatch(&unsuitable, found, data_type, input))?;
        if let Some(slot) = slots.get_mut(found) {
            *slot = bytes;
        }
        found += 1;
    }
    if found == count {
        Ok(())
    } else {
        Err(wrong_count(found, count, input))
    }
}

/// An element that does not belong into the tensor.
struct Unsuitable<'a> {
    text: &'a str,
    reason: Mismatch,
}

#[cold]
fn mismatch(
    unsuitable: &Unsuitable<'_>,
    index: usize,
    data_type: DataType,
    input: &str,
) -> RequestError {
    let text: String = unsuitable.text.chars().take(40).collect();
    let what = match (unsuitable.reason, data_type) {
        (Mismatch::Range, _) => format!("is out of range for {data_type}"),
        (Mismatch::Kind, DataType::Bool) => "is not true or false".to_owned(),
        (Mismatch::Kind, DataType::Bytes) => "is no string".to_owned(),
        (Mismatch::Kind, DataType::Fp32 | DataType::Fp64) => "is no number".to_owned(),
        (Mismatch::Kind, _) => "is no integer".to_owned(),
    };
    RequestError::invalid(format!(
        "Unable to parse 'data' of input '{input}': element {index} ({text}) {what}"
    ))
}

#[cold]
fn wrong_count(found: usize, count: usize, input: &str) -> RequestError {
    RequestError::invalid(format!(
        "Unable to parse 'data' of input '{input}': Shape does not match true shape of 'data' \
         field: the shape has {count} elements, 'data' has {found}"
    ))
}

/// The elements of a JSON array of any nesting, as text.
///
/// The text is valid JSON already, so only the structure has to be followed.
struct Elements<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Elements<'a> {
    fn new(data: &'a RawValue, input: &str) -> Result<Self, RequestError> {
        let text = data.get();
        if text.trim_start().starts_with('[') {
            Ok(Self { text, at: 0 })
        } else {
            Err(RequestError::invalid(format!(
                "Unable to parse 'data' of input '{input}': an array is expected"
            )))
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    /// An element, or the object that stands where an element should be.
    type Item = Result<&'a str, Unsuitable<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        while matches!(
            bytes.get(at),
            Some(b'[' | b']' | b',' | b' ' | b'\n' | b'\r' | b'\t')
        ) {
            at += 1;
        }
        let start = at;
        match bytes.get(at)? {
            b'"' => {
                at += 1;
                while let Some(byte) = bytes.get(at) {
                    at += match byte {
                        b'\\' => 2,
                        b'"' => break,
                        _ => 1,
                    };
                }
                at = bytes.len().min(at + 1);
            }
            b'{' => {
                self.at = bytes.len();
                return Some(Err(Unsuitable {
                    text: &self.text[start..],
                    reason: Mismatch::Kind,
                }));
            }
            _ => {
                while !matches!(
                    bytes.get(at),
                    None | Some(b']' | b',' | b' ' | b'\n' | b'\r' | b'\t')
                ) {
                    at += 1;
                }
            }
        }
        self.at = at;
        Some(Ok(&self.text[start..at]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn decoded<const SIZE: usize>(json: &str, data_type: DataType) -> [u8; SIZE] {
        let mut target = [0xAA; SIZE];
        decode(&raw(json), data_type, &mut target, "X").unwrap();
        target
    }

    fn refused(json: &str, data_type: DataType, size: usize) -> String {
        let mut target = vec![0; size];
        let error = decode(&raw(json), data_type, &mut target, "X").unwrap_err();
        assert_eq!(error.status(), 400);
        assert!(error.message.contains('X'), "{}", error.message);
        error.message
    }

    #[test]
    fn nesting_does_not_matter() {
        assert_eq!(
            decoded("[ [1, 2],\n[-1 ,4] ]", DataType::Int8),
            [1, 2, 255, 4]
        );
        assert_eq!(decoded("[true,false]", DataType::Bool), [1, 0]);
        assert_eq!(decoded("[[],[]]", DataType::Int8), [0_u8; 0]);
        assert_eq!(decoded::<4>("[1.5]", DataType::Fp32), 1.5_f32.to_le_bytes());
        assert_eq!(
            decoded::<4>("[1e-3]", DataType::Fp32),
            1e-3_f32.to_le_bytes()
        );
        assert_eq!(decoded::<8>("[7]", DataType::Fp64), 7_f64.to_le_bytes());
        assert_eq!(
            decoded::<4>("[\"-Infinity\"]", DataType::Fp32),
            f32::NEG_INFINITY.to_le_bytes()
        );
    }

    #[test]
    fn elements_that_do_not_fit_are_refused() {
        for (json, data_type, expected) in [
            (
                "[256]",
                DataType::Uint8,
                "element 0 (256) is out of range for UINT8",
            ),
            ("[-1]", DataType::Uint8, "is out of range for UINT8"),
            (
                "[1,-129]",
                DataType::Int8,
                "element 1 (-129) is out of range for INT8",
            ),
            ("[1.0]", DataType::Int32, "is no integer"),
            ("[1]", DataType::Bool, "is not true or false"),
            ("[null]", DataType::Fp32, "is no number"),
            ("[\"1\"]", DataType::Fp32, "is no number"),
            ("[{\"a\":1}]", DataType::Fp32, "is no number"),
            ("[1e39]", DataType::Fp32, "is out of range for FP32"),
            (
                "[1]",
                DataType::Fp16,
                "receiving FP16 data via JSON is not supported",
            ),
            (
                "[1]",
                DataType::Bf16,
                "receiving BF16 data via JSON is not supported",
            ),
            ("3", DataType::Int8, "an array is expected"),
            ("{}", DataType::Int8, "an array is expected"),
        ] {
            let message = refused(json, data_type, 8);
            assert!(message.contains(expected), "{json} {message}");
        }
    }

    #[test]
    fn another_number_of_elements_is_refused() {
        for (json, size) in [("[1,2,3]", 2), ("[1]", 2), ("[]", 1)] {
            let message = refused(json, DataType::Int8, size);
            assert!(message.contains("Shape does not match"), "{message}");
        }
        assert!(decode_byte_strings(&raw("[\"a\"]"), 2, "X").is_err());
    }

    #[test]
    fn strings_are_unescaped() {
        let tensor = decode_byte_strings(&raw(r#"[["a\n\"]", "é\u00e9"],[""]]"#), 3, "X").unwrap();
        let elements: Vec<&[u8]> = byte_strings::elements(&tensor).collect();
        assert_eq!(elements, ["a\n\"]".as_bytes(), "éé".as_bytes(), b""]);
        for json in ["[1]", "[null]", "[{}]"] {
            let message = decode_byte_strings(&raw(json), 1, "X").unwrap_err().message;
            assert!(message.contains("is no string"), "{message}");
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_written_as_words() {
        let mut tensor = Vec::new();
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.1] {
            tensor.extend_from_slice(&value.to_le_bytes());
        }
        let mut out = Vec::new();
        encode(&mut out, DataType::Fp32, &tensor, "Y").unwrap();
        assert_eq!(out, b"[NaN,Infinity,-Infinity,0.1]");
    }

    #[test]
    fn outputs_that_json_cannot_carry_are_refused() {
        let mut strings = Vec::new();
        byte_strings::append(&mut strings, &[0xFF]).unwrap();
        for (data_type, tensor, status) in [
            (DataType::Fp16, &[0, 0][..], 400),
            (DataType::Bf16, &[0, 0], 400),
            (DataType::Bytes, &strings, 400),
            (DataType::Bytes, &[1, 2], 500),
            (DataType::Int32, &[1, 2], 500),
        ] {
            let error = encode(&mut Vec::new(), data_type, tensor, "Y").unwrap_err();
            assert_eq!(error.status(), status, "{}", error.message);
            assert!(error.message.contains('Y'));
        }
    }

    /// A data type whose elements may be any bits, and a tensor of it.
    fn tensors() -> impl Strategy<Value = (DataType, Vec<u8>)> {
        let types: Vec<DataType> = DataType::ALL
            .into_iter()
            .filter(|data_type| {
                !matches!(
                    data_type,
                    DataType::Bool | DataType::Bytes | DataType::Fp16 | DataType::Bf16
                )
            })
            .collect();
        (prop::sample::select(types), 0_usize..9).prop_flat_map(|(data_type, count)| {
            let size = data_type.element_size().unwrap() * count;
            (Just(data_type), prop::collection::vec(any::<u8>(), size))
        })
    }

    proptest! {
        #[test]
        fn every_numeric_tensor_reads_back((data_type, tensor) in tensors()) {
            let mut json = Vec::new();
            encode(&mut json, data_type, &tensor, "Y").unwrap();
            let json = String::from_utf8(json).unwrap();
            let json = json
                .replace("-Infinity", "\"minus\"")
                .replace("Infinity", "\"Infinity\"")
                .replace("\"minus\"", "\"-Infinity\"")
                .replace("NaN", "\"NaN\"");
            let mut read = vec![0; tensor.len()];
            decode(&raw(&json), data_type, &mut read, "X").unwrap();
            // All NaN are one NaN in JSON.
            let mut again = Vec::new();
            encode(&mut again, data_type, &read, "Y").unwrap();
            let mut first = Vec::new();
            encode(&mut first, data_type, &tensor, "Y").unwrap();
            prop_assert_eq!(first, again);
            if !json.contains("NaN") {
                prop_assert_eq!(read, tensor);
            }
        }

        #[test]
        fn booleans_and_strings_read_back(
            flags in prop::collection::vec(any::<bool>(), 0..9),
            strings in prop::collection::vec(any::<String>(), 0..5),
        ) {
            let tensor: Vec<u8> = flags.iter().map(|flag| u8::from(*flag)).collect();
            let mut json = Vec::new();
            encode(&mut json, DataType::Bool, &tensor, "Y").unwrap();
            let mut read = vec![9; tensor.len()];
            decode(&raw(str::from_utf8(&json).unwrap()), DataType::Bool, &mut read, "X").unwrap();
            prop_assert_eq!(read, tensor);

            let mut tensor = Vec::new();
            for string in &strings {
                byte_strings::append(&mut tensor, string.as_bytes()).unwrap();
            }
            let mut json = Vec::new();
            encode(&mut json, DataType::Bytes, &tensor, "Y").unwrap();
            let json = raw(str::from_utf8(&json).unwrap());
            prop_assert_eq!(decode_byte_strings(&json, strings.len(), "X").unwrap(), tensor);
        }

        #[test]
        fn arbitrary_json_never_panics(text in "[\\[\\]{}\",:0-9eE.+\\-a-z\\\\ ]{0,40}") {
            if let Ok(json) = RawValue::from_string(text) {
                let _ = decode_byte_strings(&json, 3, "X");
                for data_type in DataType::ALL {
                    let _ = decode(&json, data_type, &mut [0; 8], "X");
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic_the_encoder(bytes in any::<Vec<u8>>()) {
            for data_type in DataType::ALL {
                let _ = encode(&mut Vec::new(), data_type, &bytes, "Y");
            }
        }
    }
}
