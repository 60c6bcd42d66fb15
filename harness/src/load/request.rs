//! Requests, encoded once and sent any number of times.

use std::collections::BTreeMap;

use hyper::Uri;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, TE};
use hyper::http::Method;
use prost::Message;
use proto::inference::infer_parameter::ParameterChoice;
use proto::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use proto::inference::{InferParameter, ModelInferRequest};
use serde_json::{Value, json};

use super::data::Tensor;
use super::endpoint::{Endpoint, Protocol};
use super::shared_memory::{Part, Placed};
use crate::measurement::JSON_LENGTH_HEADER;

/// A request as it goes over a connection.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: Method,
    /// The path; with scheme and authority for HTTP/2.
    pub uri: Uri,
    /// All headers beside the body's length.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What cannot be part of an address, such as a blank in a model's name.
#[derive(Debug, thiserror::Error)]
#[error("failed to build a request to {path}: {source}")]
pub struct RequestError {
    path: String,
    source: hyper::http::Error,
}

impl Request {
    /// A request over HTTP to `path`.
    ///
    /// # Errors
    /// The path is none.
    pub fn http(
        endpoint: &Endpoint,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Self, RequestError> {
        let failed = |source| RequestError {
            path: path.to_owned(),
            source,
        };
        let uri: Uri = path
            .parse()
            .map_err(|error| failed(hyper::http::Error::from(error)))?;
        let host = HeaderValue::try_from(&endpoint.authority);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.map_err(|error| failed(error.into()))?);
        Ok(Self {
            method,
            uri,
            headers,
            body: body.into(),
        })
    }

    /// A unary call of the service, such as `ModelInfer`. The message gets the five bytes before it
    /// that say that it is not compressed and how long it is (gRPC over HTTP/2, length-prefixed
    /// message).
    ///
    /// # Errors
    /// The authority is none.
    pub fn grpc(
        endpoint: &Endpoint,
        method: &str,
        message: &impl Message,
    ) -> Result<Self, RequestError> {
        let path = format!("/inference.GRPCInferenceService/{method}");
        let uri = Uri::builder()
            .scheme(if endpoint.tls { "https" } else { "http" })
            .authority(endpoint.authority.as_str())
            .path_and_query(path.as_str())
            .build()
            .map_err(|source| RequestError { path, source })?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        Ok(Self {
            method: Method::POST,
            uri,
            headers,
            body: framed(message),
        })
    }

    /// An inference.
    ///
    /// # Errors
    /// The model's name or version cannot be part of a path.
    pub fn inference(
        endpoint: &Endpoint,
        model: &str,
        version: Option<&str>,
        tensors: &[Tensor],
    ) -> Result<Self, RequestError> {
        match endpoint.protocol {
            Protocol::Http => {
                let path = format!("{}/infer", model_path(model, version));
                let (body, json_length) = http_body(tensors);
                let mut request = Self::http(endpoint, Method::POST, &path, body)?;
                request.headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/octet-stream"),
                );
                request.headers.insert(
                    HeaderName::from_static("inference-header-content-length"),
                    HeaderValue::from(json_length),
                );
                debug_assert!(request.headers.contains_key(JSON_LENGTH_HEADER));
                Ok(request)
            }
            Protocol::Grpc => Self::grpc(
                endpoint,
                "ModelInfer",
                &grpc_message(model, version, tensors),
            ),
        }
    }

    /// An inference whose tensors lie in a region of shared memory.
    ///
    /// # Errors
    /// As [`inference`](Self::inference).
    pub fn inference_in_region(
        endpoint: &Endpoint,
        model: &str,
        version: Option<&str>,
        placed: &Placed,
    ) -> Result<Self, RequestError> {
        match endpoint.protocol {
            Protocol::Http => {
                let path = format!("{}/infer", model_path(model, version));
                let body = http_body_in_region(placed);
                let mut request = Self::http(endpoint, Method::POST, &path, body)?;
                request
                    .headers
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok(request)
            }
            Protocol::Grpc => Self::grpc(
                endpoint,
                "ModelInfer",
                &grpc_message_in_region(model, version, placed),
            ),
        }
    }
}

/// A message with its length before it.
pub fn framed(message: &impl Message) -> Bytes {
    let mut body = vec![0];
    let length = u32::try_from(message.encoded_len()).unwrap_or(u32::MAX);
    body.extend(length.to_be_bytes());
    body.extend(message.encode_to_vec());
    body.into()
}

/// `/v2/models/NAME` or `/v2/models/NAME/versions/VERSION`.
pub fn model_path(model: &str, version: Option<&str>) -> String {
    match version {
        None => format!("/v2/models/{model}"),
        Some(version) => format!("/v2/models/{model}/versions/{version}"),
    }
}

/// The body with its tensors behind the JSON part, and the length of that.
fn http_body(tensors: &[Tensor]) -> (Vec<u8>, usize) {
    let inputs: Vec<Value> = tensors
        .iter()
        .map(|tensor| {
            json!({
                "name": tensor.name,
                "datatype": tensor.data_type.name(),
                "shape": tensor.shape,
                "parameters": {"binary_data_size": tensor.bytes.len()},
            })
        })
        .collect();
    let header = json!({"inputs": inputs, "parameters": {"binary_data_output": true}});
    let mut body = header.to_string().into_bytes();
    let json_length = body.len();
    tensors
        .iter()
        .for_each(|tensor| body.extend_from_slice(&tensor.bytes));
    (body, json_length)
}

fn grpc_message(model: &str, version: Option<&str>, tensors: &[Tensor]) -> ModelInferRequest {
    let inputs = tensors.iter().map(|tensor| InferInputTensor {
        name: tensor.name.clone(),
        datatype: tensor.data_type.name().to_owned(),
        shape: tensor.shape.clone(),
        ..InferInputTensor::default()
    });
    ModelInferRequest {
        model_name: model.to_owned(),
        model_version: version.unwrap_or_default().to_owned(),
        inputs: inputs.collect(),
        raw_input_contents: tensors
            .iter()
            .map(|tensor| tensor.bytes.clone().into())
            .collect(),
        ..ModelInferRequest::default()
    }
}

/// The parameters of a tensor in a region (shared-memory extension).
fn http_part(region: &str, part: Part) -> Value {
    json!({
        "shared_memory_region": region,
        "shared_memory_byte_size": part.byte_size,
        "shared_memory_offset": part.offset,
    })
}

fn http_body_in_region(placed: &Placed) -> Vec<u8> {
    let inputs: Vec<Value> = placed
        .inputs
        .iter()
        .map(|input| {
            json!({
                "name": input.name,
                "datatype": input.datatype,
                "shape": input.shape,
                "parameters": http_part(&placed.region, input.part),
            })
        })
        .collect();
    let outputs: Vec<Value> = placed
        .outputs
        .iter()
        .map(|output| {
            json!({
                "name": output.name,
                "parameters": http_part(&placed.region, output.part),
            })
        })
        .collect();
    json!({"inputs": inputs, "outputs": outputs})
        .to_string()
        .into_bytes()
}

/// The same parameters in a message, where numbers are `int64`.
fn grpc_part(region: &str, part: Part) -> BTreeMap<String, InferParameter> {
    let number = |value: u64| ParameterChoice::Int64Param(i64::try_from(value).unwrap_or(i64::MAX));
    let parameters = [
        (
            "shared_memory_region",
            ParameterChoice::StringParam(region.to_owned()),
        ),
        ("shared_memory_byte_size", number(part.byte_size)),
        ("shared_memory_offset", number(part.offset)),
    ];
    let parameter = |(name, choice): (&str, ParameterChoice)| {
        let parameter = InferParameter {
            parameter_choice: Some(choice),
        };
        (name.to_owned(), parameter)
    };
    parameters.into_iter().map(parameter).collect()
}

fn grpc_message_in_region(
    model: &str,
    version: Option<&str>,
    placed: &Placed,
) -> ModelInferRequest {
    let inputs = placed.inputs.iter().map(|input| InferInputTensor {
        name: input.name.clone(),
        datatype: input.datatype.clone(),
        shape: input.shape.clone(),
        parameters: grpc_part(&placed.region, input.part),
        ..InferInputTensor::default()
    });
    let outputs = placed
        .outputs
        .iter()
        .map(|output| InferRequestedOutputTensor {
            name: output.name.clone(),
            parameters: grpc_part(&placed.region, output.part),
        });
    ModelInferRequest {
        model_name: model.to_owned(),
        model_version: version.unwrap_or_default().to_owned(),
        inputs: inputs.collect(),
        outputs: outputs.collect(),
        ..ModelInferRequest::default()
    }
}
