//! The values that are sent.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::data_type::DataType;
use super::model::Input;

/// Where values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputData {
    /// Random, by the seed.
    Random,
    /// All zero.
    Zero,
    /// A JSON file as `perf_analyzer` reads it: `{"data": [{"x": [1, 2]}, …]}`, one entry for each
    /// request; requests are sent in turn. An input is a list of values, `{"content": […],
    /// "shape": […]}`, or `{"b64": "…"}` with its bytes.
    File(PathBuf),
}

/// A tensor that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub data_type: DataType,
    /// Its extents.
    pub shape: Vec<i64>,
    /// Its values, as the binary tensor extension has them.
    pub bytes: Vec<u8>,
}

/// Why a file has no requests.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It cannot be read.
    #[error("failed to read '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what is expected.
    #[error(
        "failed to read the requests in '{}': {reason}; expected {{\"data\": [{{\"INPUT\": [values]}}, …]}}",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl FromStr for InputData {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "random" => Self::Random,
            "zero" => Self::Zero,
            path => Self::File(path.into()),
        })
    }
}

impl fmt::Display for InputData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Zero => f.write_str("zero"),
            Self::File(path) => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                f.write_str(&name.to_string_lossy())
            }
        }
    }
}

impl InputData {
    /// The tensors of each request.
    ///
    /// # Errors
    /// [`DataError`], for a file.
    pub fn requests(&self, inputs: &[Input], seed: u64) -> Result<Vec<Vec<Tensor>>, DataError> {
        let made = |values: &mut dyn FnMut(&Input) -> Vec<u8>| {
            let tensor = |input: &Input| Tensor {
                name: input.name.clone(),
                data_type: input.data_type,
                shape: input.shape.clone(),
                bytes: values(input),
            };
            vec![inputs.iter().map(tensor).collect()]
        };
        match self {
            Self::Random => {
                let mut random = StdRng::seed_from_u64(seed);
                Ok(made(&mut |input| {
                    input.data_type.random(input.elements(), &mut random)
                }))
            }
            Self::Zero => Ok(made(&mut |input| input.data_type.zeros(input.elements()))),
            Self::File(path) => {
                let text = std::fs::read(path).map_err(|source| DataError::Read {
                    path: path.clone(),
                    source,
                })?;
                read(&text, inputs).map_err(|reason| DataError::Malformed {
                    path: path.clone(),
                    reason,
                })
            }
        }
    }
}

#[derive(Deserialize)]
struct File {
    data: Vec<Map<String, Value>>,
}

/// The requests of a file's text, or what is wrong with it.
fn read(text: &[u8], inputs: &[Input]) -> Result<Vec<Vec<Tensor>>, String> {
    let file: File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if file.data.is_empty() {
        return Err("its list 'data' is empty".to_owned());
    }
    let request = |(index, entry): (usize, &Map<String, Value>)| {
        if let Some(name) = entry
            .keys()
            .find(|name| inputs.iter().all(|input| input.name != **name))
        {
            return Err(format!("entry {index} names '{name}', which is no input"));
        }
        let tensor = |input: &Input| {
            let value = entry.get(&input.name);
            let value =
                value.ok_or_else(|| format!("entry {index} lacks the input '{}'", input.name))?;
            tensor(value, input)
                .map_err(|reason| format!("entry {index}, input '{}': {reason}", input.name))
        };
        inputs.iter().map(tensor).collect()
    };
    file.data.iter().enumerate().map(request).collect()
}

fn tensor(value: &Value, input: &Input) -> Result<Tensor, String> {
    let shape = match value.get("shape") {
        None => input.shape.clone(),
        Some(shape) => serde_json::from_value(shape.clone())
            .map_err(|error| format!("its shape cannot be read: {error}"))?,
    };
    let bytes = match (value.get("b64"), value.get("content")) {
        (Some(text), _) => {
            let text = text.as_str().ok_or("its b64 is no text")?;
            let bytes = BASE64_STANDARD.decode(text);
            bytes.map_err(|error| format!("its b64 cannot be read: {error}"))?
        }
        (None, content) => {
            let mut bytes = Vec::new();
            encode(content.unwrap_or(value), input.data_type, &mut bytes)?;
            bytes
        }
    };
    let tensor = Tensor {
        name: input.name.clone(),
        data_type: input.data_type,
        shape,
        bytes,
    };
    let is_positive = tensor.shape.iter().all(|extent| *extent >= 0);
    let elements = tensor
        .shape
        .iter()
        .try_fold(1_i64, |product, extent| product.checked_mul(*extent));
    let elements = elements.and_then(|elements| usize::try_from(elements).ok());
    let (Some(elements), true) = (elements, is_positive) else {
        return Err(format!("its shape {:?} is none", tensor.shape));
    };
    let found = match tensor.data_type.size() {
        Some(size) => tensor
            .bytes
            .len()
            .is_multiple_of(size)
            .then_some(tensor.bytes.len() / size),
        None => tensor
            .data_type
            .decode(&tensor.bytes)
            .map(|values| values.len()),
    };
    match found {
        Some(found) if found == elements => Ok(tensor),
        Some(found) => Err(format!(
            "it has {found} values, its shape {:?} has {elements}",
            tensor.shape
        )),
        None => Err(format!("its bytes are no values of {}", tensor.data_type)),
    }
}

/// Values of nested lists, in their order.
fn encode(value: &Value, data_type: DataType, bytes: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::Array(values) => values
            .iter()
            .try_for_each(|value| encode(value, data_type, bytes)),
        value => {
            let encoded = data_type.encode(value);
            bytes.extend(encoded.ok_or_else(|| format!("{value} is no {data_type}"))?);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn input(data_type: DataType, shape: &[i64]) -> Input {
        Input {
            name: "x".into(),
            data_type,
            shape: shape.to_vec(),
        }
    }

    #[test]
    fn a_file_holds_requests_in_three_forms() {
        let text = br#"{"data": [{"x": [[1, 2]]}, {"x": {"content": [3], "shape": [1, 1]}},
            {"x": {"b64": "BQAGAA=="}}]}"#;
        let requests = read(text, &[input(DataType::Int16, &[1, 2])]).unwrap();
        let told: Vec<(&[i64], &[u8])> = requests
            .iter()
            .map(|tensors| (&*tensors[0].shape, &*tensors[0].bytes))
            .collect();
        assert_eq!(
            told,
            [
                (&[1, 2][..], &[1, 0, 2, 0][..]),
                (&[1, 1], &[3, 0]),
                (&[1, 2], &[5, 0, 6, 0]),
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        for (text, why) in [
            (r#"{"data": []}"#, "is empty"),
            (r#"{"data": [{"x": [1]}]}"#, "it has 1 values"),
            (r#"{"data": [{"x": [1, 70000]}]}"#, "70000 is no INT16"),
            (r#"{"data": [{}]}"#, "lacks the input 'x'"),
            (
                r#"{"data": [{"x": [1, 2], "y": 1}]}"#,
                "'y', which is no input",
            ),
            (
                r#"{"data": [{"x": {"b64": "AQ=="}}]}"#,
                "no values of INT16",
            ),
            (
                r#"{"data": [{"x": {"content": [], "shape": [-1]}}]}"#,
                "is none",
            ),
            ("[]", "data"),
        ] {
            let error = read(text.as_bytes(), &[input(DataType::Int16, &[1, 2])]).unwrap_err();
            assert!(error.contains(why) || why == "data", "{text}: {error}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_values() {
        let inputs = [input(DataType::Fp32, &[4, 4])];
        let made = |seed| InputData::Random.requests(&inputs, seed).unwrap();
        assert_eq!(made(3), made(3));
        assert_ne!(made(3), made(4));
        assert_eq!(made(3)[0][0].bytes.len(), 64);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[{}\[\]":,a-z0-9 ]{0,60}"#) {
            let _ = read(text.as_bytes(), &[input(DataType::Bytes, &[1])]);
            let inside = format!(r#"{{"data":[{{"x":{text}}}]}}"#);
            let _ = read(inside.as_bytes(), &[input(DataType::Bytes, &[1])]);
        }
    }
}
