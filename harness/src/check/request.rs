//! A request that nobody sent: the inputs that a model declares, filled with zeros.

use serde_json::json;
use suites::client::{InferenceRequest, TensorMetadata};

/// Most bytes of all inputs together: a model with larger ones is not run.
const LARGEST: usize = 1 << 30;

/// Why there is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nobody knows how long an element is.
    #[error("input '{name}' has the element type {datatype}, of which no value can be made up")]
    Type {
        /// The input.
        name: String,
        /// Its element type.
        datatype: String,
    },
    /// It would be too large.
    #[error("its inputs take more than {LARGEST} bytes, which are not sent on trial")]
    Size,
}

/// A request for all outputs of a model with these inputs. What a request decides (-1) becomes 1;
/// numbers are 0 and texts are empty.
///
/// # Errors
/// No values can be made up.
pub fn made_up(inputs: &[TensorMetadata]) -> Result<InferenceRequest, RequestError> {
    let mut headers = Vec::new();
    let mut binary: Vec<u8> = Vec::new();
    for input in inputs {
        let shape: Vec<usize> = input
            .shape
            .iter()
            .map(|&extent| usize::try_from(extent).unwrap_or(1))
            .collect();
        let width = width(&input.datatype).ok_or_else(|| RequestError::Type {
            name: input.name.clone(),
            datatype: input.datatype.clone(),
        })?;
        let size = shape
            .iter()
            .try_fold(width, |size: usize, extent| size.checked_mul(*extent))
            .filter(|size| *size <= LARGEST - binary.len())
            .ok_or(RequestError::Size)?;
        binary.resize(binary.len() + size, 0);
        headers.push(json!({
            "name": input.name,
            "datatype": input.datatype,
            "shape": shape,
            "parameters": { "binary_data_size": size },
        }));
    }
    let header = json!({
        "inputs": headers,
        "parameters": { "binary_data_output": true },
    });
    let mut body = header.to_string().into_bytes();
    let header_length = Some(body.len());
    body.append(&mut binary);
    Ok(InferenceRequest {
        body,
        header_length,
    })
}

/// Bytes of one element in a request; an empty text is its length, four bytes.
fn width(datatype: &str) -> Option<usize> {
    Some(match datatype {
        "BOOL" | "INT8" | "UINT8" => 1,
        "INT16" | "UINT16" | "FP16" | "BF16" => 2,
        "INT32" | "UINT32" | "FP32" | "BYTES" => 4,
        "INT64" | "UINT64" | "FP64" => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn input(datatype: &str, shape: &[i64]) -> TensorMetadata {
        TensorMetadata {
            name: "x".to_owned(),
            datatype: datatype.to_owned(),
            shape: shape.to_vec(),
        }
    }

    #[test]
    fn what_is_open_becomes_one() {
        let request = made_up(&[input("FP16", &[-1, 3]), input("BYTES", &[2])]).unwrap();
        let (header, binary) = request.body.split_at(request.header_length.unwrap());
        let header: serde_json::Value = serde_json::from_slice(header).unwrap();
        assert_eq!(header["inputs"][0]["shape"], json!([1, 3]));
        assert_eq!(header["inputs"][1]["parameters"]["binary_data_size"], 8);
        assert_eq!(binary, [0; 6 + 8]);
    }

    #[test]
    fn what_cannot_be_made_up_is_told() {
        let error = made_up(&[input("FP8", &[1])]).unwrap_err();
        assert!(error.to_string().contains("FP8"), "{error}");
        for shape in [[i64::MAX, 2], [1 << 30, 2]] {
            assert_eq!(made_up(&[input("INT8", &shape)]), Err(RequestError::Size));
        }
    }

    proptest! {
        #[test]
        fn the_announced_sizes_are_those_of_the_values(
            shapes in proptest::collection::vec(proptest::collection::vec(-2i64..4, 0..4), 0..4),
        ) {
            let inputs: Vec<_> = shapes.iter().map(|shape| input("INT32", shape)).collect();
            let request = made_up(&inputs).unwrap();
            let (header, binary) = request.body.split_at(request.header_length.unwrap());
            let header: serde_json::Value = serde_json::from_slice(header).unwrap();
            let inputs = header["inputs"].as_array().unwrap();
            let sizes = inputs.iter().map(|input| input["parameters"]["binary_data_size"].as_u64());
            prop_assert_eq!(sizes.map(Option::unwrap).sum::<u64>(), binary.len() as u64);
        }
    }
}
