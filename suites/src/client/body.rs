//! Bodies of inference requests and answers: JSON, and the binary tensor extension.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use test_ops::{DataType, Tensor};

/// The header that tells where the JSON part of a body ends and its binary part begins.
pub const HEADER_LENGTH: &str = "Inference-Header-Content-Length";

/// A tensor with the name under which a model knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Name of the model's input or output.
    pub name: String,
    /// Type, shape and values.
    pub tensor: Tensor,
}

/// How tensors travel in a request and in its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Little-endian bytes behind the JSON part (the binary tensor extension).
    Binary,
    /// Numbers in the JSON part. There are none for FP16.
    Json,
}

/// An inference request, encoded once, to be sent any number of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InferenceRequest {
    /// The whole body.
    pub body: Vec<u8>,
    /// Length of the JSON part in bytes, where a binary part follows: the value of the header
    /// `Inference-Header-Content-Length`.
    pub header_length: Option<usize>,
}

#[derive(Serialize)]
struct RequestHeader<'a> {
    inputs: Vec<TensorHeader<'a>>,
    parameters: RequestParameters,
}

#[derive(Serialize)]
struct RequestParameters {
    binary_data_output: bool,
}

#[derive(Serialize)]
struct TensorHeader<'a> {
    name: &'a str,
    shape: &'a [usize],
    datatype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<TensorParameters>,
}

#[derive(Serialize)]
struct TensorParameters {
    binary_data_size: usize,
}

impl InferenceRequest {
    /// Encodes a request for all outputs of a model.
    pub fn new(inputs: &[NamedTensor], encoding: Encoding) -> Self {
        let mut binary = Vec::new();
        let headers = inputs
            .iter()
            .map(|NamedTensor { name, tensor }| {
                let (data, parameters) = match encoding {
                    Encoding::Binary => {
                        let bytes = tensor.to_bytes();
                        binary.extend_from_slice(&bytes);
                        (
                            None,
                            Some(TensorParameters {
                                binary_data_size: bytes.len(),
                            }),
                        )
                    }
                    Encoding::Json => (Some(numbers(tensor)), None),
                };
                let datatype = tensor.data_type.protocol_name();
                TensorHeader {
                    name,
                    shape: &tensor.shape,
                    datatype,
                    data,
                    parameters,
                }
            })
            .collect();
        let parameters = RequestParameters {
            binary_data_output: encoding == Encoding::Binary,
        };
        let header = RequestHeader {
            inputs: headers,
            parameters,
        };
        let mut body =
            serde_json::to_vec(&header).expect("names, numbers and lists have a JSON form");
        let header_length = (encoding == Encoding::Binary).then_some(body.len());
        body.append(&mut binary);
        Self {
            body,
            header_length,
        }
    }
}

fn numbers(tensor: &Tensor) -> Vec<Value> {
    let number = |&value: &f64| {
        if tensor.data_type.is_float() {
            Value::from(value)
        } else {
            Value::from(value as i64)
        }
    };
    tensor.values.iter().map(number).collect()
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The model's name, as the server wrote it.
    pub model_name: String,
    /// The version that answered, as the server wrote it.
    pub model_version: String,
    /// The outputs in the server's order.
    pub outputs: Vec<NamedTensor>,
}

/// An answer that does not follow the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed answer to an inference request: {0}")]
pub struct MalformedAnswer(pub String);

#[derive(Deserialize)]
struct AnswerHeader {
    model_name: String,
    #[serde(default)]
    model_version: String,
    outputs: Vec<OutputHeader>,
}

#[derive(Deserialize)]
struct OutputHeader {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    #[serde(default)]
    data: Option<Vec<f64>>,
    #[serde(default)]
    parameters: OutputParameters,
}

#[derive(Default, Deserialize)]
struct OutputParameters {
    binary_data_size: Option<usize>,
}

impl Answer {
    /// Decodes the body of an answer; `header_length` is the value of the header
    /// `Inference-Header-Content-Length`, where the answer has one.
    ///
    /// # Errors
    /// What about the body is wrong.
    pub fn decode(body: &[u8], header_length: Option<usize>) -> Result<Self, MalformedAnswer> {
        let header_length = header_length.unwrap_or(body.len());
        let (json, mut binary) = body.split_at_checked(header_length).ok_or_else(|| {
            MalformedAnswer(format!(
                "its JSON part is announced with {header_length} bytes, the whole body has {}",
                body.len()
            ))
        })?;
        let header: AnswerHeader = serde_json::from_slice(json)
            .map_err(|error| MalformedAnswer(format!("its JSON part cannot be read: {error}")))?;
        let outputs = header
            .outputs
            .into_iter()
            .map(|output| output.decode(&mut binary))
            .collect::<Result<_, _>>()?;
        if !binary.is_empty() {
            return Err(MalformedAnswer(format!(
                "{} bytes at its end belong to no output",
                binary.len()
            )));
        }
        Ok(Self {
            model_name: header.model_name,
            model_version: header.model_version,
            outputs,
        })
    }
}

impl OutputHeader {
    /// Takes the output's values from the header or from the front of `binary`.
    fn decode(self, binary: &mut &[u8]) -> Result<NamedTensor, MalformedAnswer> {
        let Self {
            name,
            shape,
            datatype,
            data,
            parameters,
        } = self;
        let data_type = DataType::from_protocol_name(&datatype).ok_or_else(|| {
            MalformedAnswer(format!(
                "output '{name}' has data type {datatype}, which no sample op has"
            ))
        })?;
        let tensor = match (parameters.binary_data_size, data) {
            (Some(size), None) => {
                let (bytes, rest) = binary.split_at_checked(size).ok_or_else(|| {
                    MalformedAnswer(format!(
                        "output '{name}' is announced with {size} bytes, {} are left",
                        binary.len()
                    ))
                })?;
                *binary = rest;
                Tensor::from_bytes(data_type, &shape, bytes)
            }
            (None, Some(values)) => shape
                .iter()
                .try_fold(1usize, |product, &extent| product.checked_mul(extent))
                .filter(|&elements| elements == values.len())
                .map(|_| Tensor::new(data_type, &shape, values)),
            (Some(_), Some(_)) => {
                return Err(MalformedAnswer(format!(
                    "output '{name}' has its values twice"
                )));
            }
            (None, None) => {
                return Err(MalformedAnswer(format!("output '{name}' has no values")));
            }
        };
        let tensor = tensor.ok_or_else(|| {
            MalformedAnswer(format!(
                "output '{name}' does not have the number of {datatype} values that its shape \
                 {shape:?} tells"
            ))
        })?;
        Ok(NamedTensor { name, tensor })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tensor(data_type: DataType, values: Vec<f64>) -> NamedTensor {
        let shape = [1, values.len()];
        NamedTensor {
            name: "x".into(),
            tensor: Tensor::new(data_type, &shape, values),
        }
    }

    #[test]
    fn a_json_request_has_numbers() {
        let request =
            InferenceRequest::new(&[tensor(DataType::Int64, vec![1.0, -2.0])], Encoding::Json);
        assert_eq!(request.header_length, None);
        assert_eq!(
            String::from_utf8(request.body).unwrap(),
            r#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"INT64","data":[1,-2]}],"parameters":{"binary_data_output":false}}"#
        );
    }

    #[test]
    fn a_binary_request_has_bytes_behind_its_header() {
        let request =
            InferenceRequest::new(&[tensor(DataType::Int32, vec![1.0, 2.0])], Encoding::Binary);
        let (header, binary) = request.body.split_at(request.header_length.unwrap());
        assert!(
            std::str::from_utf8(header)
                .unwrap()
                .contains(r#""binary_data_size":8"#)
        );
        assert_eq!(binary, [1, 0, 0, 0, 2, 0, 0, 0]);
    }

    #[test]
    fn contradictions_in_an_answer_are_told() {
        for (output, complaint) in [
            (
                r#"{"name":"y","shape":[2],"datatype":"FP32","data":[1]}"#,
                "does not have the number",
            ),
            (
                r#"{"name":"y","shape":[2],"datatype":"FP32"}"#,
                "has no values",
            ),
            (
                r#"{"name":"y","shape":[2],"datatype":"FP8","data":[1,2]}"#,
                "data type FP8",
            ),
            (
                r#"{"name":"y","shape":[1],"datatype":"FP32","data":[1],"parameters":{"binary_data_size":4}}"#,
                "values twice",
            ),
            (
                r#"{"name":"y","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}"#,
                "0 are left",
            ),
        ] {
            let body = format!(r#"{{"model_name":"m","outputs":[{output}]}}"#);
            let error = Answer::decode(body.as_bytes(), None).unwrap_err();
            assert!(error.to_string().contains(complaint), "{error}");
        }
        let error =
            Answer::decode(br#"{"model_name":"m","outputs":[]}1234"#, Some(31)).unwrap_err();
        assert!(error.to_string().contains("4 bytes at its end"), "{error}");
        assert!(Answer::decode(b"", Some(1)).is_err());
    }

    proptest! {
        #[test]
        fn an_answer_round_trips(
            values in prop::collection::vec(-1000.0..1000.0f64, 0..20),
            kind in 0..4usize,
            binary in any::<bool>(),
        ) {
            let output = tensor(DataType::ALL[kind], values);
            let encoding = if binary { Encoding::Binary } else { Encoding::Json };
            // An answer differs from a request by the name of its list of tensors.
            let request = InferenceRequest::new(std::slice::from_ref(&output), encoding);
            let length = request.header_length.unwrap_or(request.body.len());
            let header = String::from_utf8(request.body[..length].to_vec()).unwrap();
            let header = header.replacen(r#"{"inputs""#, r#"{"model_name":"m","model_version":"1","outputs""#, 1);
            let body = [header.as_bytes(), &request.body[length..]].concat();
            let answer = Answer::decode(&body, request.header_length.map(|_| header.len())).unwrap();
            prop_assert_eq!(answer.model_version, "1");
            prop_assert_eq!(answer.outputs, [output]);
        }

        #[test]
        fn arbitrary_bytes_are_read_or_refused(
            body in prop::collection::vec(any::<u8>(), 0..200),
            header_length in prop::option::of(0..300usize),
        ) {
            let _ = Answer::decode(&body, header_length);
        }

        #[test]
        fn arbitrary_announcements_are_read_or_refused(
            shape in prop::collection::vec(any::<usize>(), 0..4),
            size in any::<usize>(),
            binary in prop::collection::vec(any::<u8>(), 0..16),
        ) {
            let header = format!(
                r#"{{"model_name":"m","outputs":[{{"name":"y","shape":{shape:?},"datatype":"FP16","parameters":{{"binary_data_size":{size}}}}}]}}"#
            );
            let body = [header.as_bytes(), &binary].concat();
            if let Ok(answer) = Answer::decode(&body, Some(header.len())) {
                prop_assert_eq!(answer.outputs[0].tensor.to_bytes(), binary);
            }
        }
    }
}
