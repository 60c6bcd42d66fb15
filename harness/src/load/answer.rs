//! The outputs in an answer.

use hyper::body::Bytes;
use prost::Message;
use proto::inference::ModelInferResponse;
use serde::Deserialize;
use serde_json::Value;

use super::connection::Answer;
use super::data_type::DataType;
use super::endpoint::Protocol;

/// An output.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub datatype: String,
    /// Its extents.
    pub shape: Vec<i64>,
    /// Its values.
    pub content: Content,
}

/// Values as they came.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// As bytes.
    Bytes(Bytes),
    /// As JSON.
    Json(Vec<Value>),
}

#[derive(Deserialize)]
struct Header {
    outputs: Vec<HeaderOutput>,
}

#[derive(Deserialize)]
struct HeaderOutput {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    #[serde(default)]
    data: Vec<Value>,
    #[serde(default)]
    parameters: Value,
}

impl Output {
    /// The outputs of an answer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(protocol: Protocol, answer: &Answer) -> Result<Vec<Self>, String> {
        match protocol {
            Protocol::Http => of_http(answer),
            Protocol::Grpc => of_grpc(answer),
        }
    }

    /// Its values as JSON; `None` where they are of no known type.
    pub fn values(&self) -> Option<Vec<Value>> {
        match &self.content {
            Content::Json(values) => Some(values.clone()),
            Content::Bytes(bytes) => self.datatype.parse::<DataType>().ok()?.decode(bytes),
        }
    }
}

fn of_http(answer: &Answer) -> Result<Vec<Output>, String> {
    let length = answer.json_length.unwrap_or(answer.body.len());
    if length > answer.body.len() {
        return Err(format!(
            "its JSON part is announced with {length} bytes, the body has {}",
            answer.body.len()
        ));
    }
    let header: Header = serde_json::from_slice(&answer.body[..length])
        .map_err(|error| format!("its JSON part cannot be read: {error}"))?;
    let mut binary = answer.body.slice(length..);
    let output = |output: HeaderOutput| {
        let size = output.parameters.get("binary_data_size");
        let content = match size.and_then(Value::as_u64) {
            None => {
                let mut flat = Vec::new();
                flatten(output.data, &mut flat);
                Content::Json(flat)
            }
            Some(size) => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if size > binary.len() {
                    return Err(format!("output '{}' is cut off", output.name));
                }
                Content::Bytes(binary.split_to(size))
            }
        };
        Ok(Output {
            name: output.name,
            datatype: output.datatype,
            shape: output.shape,
            content,
        })
    };
    header.outputs.into_iter().map(output).collect()
}

fn flatten(values: Vec<Value>, flat: &mut Vec<Value>) {
    for value in values {
        match value {
            Value::Array(values) => flatten(values, flat),
            value => flat.push(value),
        }
    }
}

fn of_grpc(answer: &Answer) -> Result<Vec<Output>, String> {
    let message = ModelInferResponse::decode(answer.body.clone())
        .map_err(|error| format!("its message cannot be read: {error}"))?;
    let mut raw = message.raw_output_contents.into_iter();
    let outputs = message.outputs.into_iter().map(|output| Output {
        content: match &output.contents {
            // Contents by type are rare in answers; they are compared as a whole.
            Some(contents) => Content::Bytes(contents.encode_to_vec().into()),
            None => Content::Bytes(raw.next().unwrap_or_default()),
        },
        name: output.name,
        datatype: output.datatype,
        shape: output.shape,
    });
    Ok(outputs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(json: &str, binary: &[u8]) -> Answer {
        let mut body = json.as_bytes().to_vec();
        body.extend(binary);
        Answer {
            json_length: Some(json.len()),
            body: body.into(),
        }
    }

    #[test]
    fn binary_and_json_outputs_are_told_apart() {
        let json = r#"{"outputs":[{"name":"y","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":4}},
            {"name":"z","datatype":"INT16","shape":[1,2],"data":[[3,4]]}]}"#;
        let outputs = Output::decode(Protocol::Http, &answer(json, &[1, 0, 2, 0])).unwrap();
        let values: Vec<Vec<Value>> = outputs.iter().map(|it| it.values().unwrap()).collect();
        assert_eq!(values, [[1, 2].map(Value::from), [3, 4].map(Value::from)]);
        let error = Output::decode(Protocol::Http, &answer(json, &[1])).unwrap_err();
        assert!(error.contains("'y' is cut off"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            body in proptest::collection::vec(any::<u8>(), 0..60),
            length in proptest::option::of(0usize..80),
        ) {
            let answer = Answer { json_length: length, body: body.into() };
            let _ = Output::decode(Protocol::Http, &answer);
            let _ = Output::decode(Protocol::Grpc, &answer);
        }
    }
}
