//! Inference requests for sample models, and the tensors of the responses.

use serde_json::{Map, Value, json};
use test_ops::{DataType, Model, Tensor};

use super::client::{Request, Response};
use super::server::Server;

/// How a tensor is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Binary,
}

/// An inference request that is being put together.
#[derive(Debug, Clone)]
pub struct Inference {
    path: String,
    header: Map<String, Value>,
    section: Vec<u8>,
}

impl Inference {
    /// A request for `model` with `inputs` in its order, all in the same form; outputs come in
    /// that form too.
    pub fn new(model: &Model, inputs: &[Tensor], form: Form) -> Self {
        let mut request = Self::to(&model.name);
        for (specification, tensor) in model.inputs().iter().zip(inputs) {
            request = request.input(&specification.name, tensor, form);
        }
        request.parameter("binary_data_output", form == Form::Binary)
    }

    /// A request for the model of this name, without inputs.
    pub fn to(model: &str) -> Self {
        Self {
            path: format!("/v2/models/{model}/infer"),
            header: Map::from_iter([("inputs".to_owned(), json!([]))]),
            section: Vec::new(),
        }
    }

    /// The same request to this version of the model.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.path = self
            .path
            .replace("/infer", &format!("/versions/{version}/infer"));
        self
    }

    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.field("id", id)
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Self {
        let parameters = self.header.entry("parameters").or_insert_with(|| json!({}));
        parameters[name] = value.into();
        self
    }

    #[must_use]
    pub fn input(mut self, name: &str, tensor: &Tensor, form: Form) -> Self {
        let mut input = json!({
            "name": name,
            "datatype": tensor.data_type.protocol_name(),
            "shape": tensor.shape,
        });
        match form {
            Form::Json => input["data"] = numbers(tensor),
            Form::Binary => {
                let bytes = tensor.to_bytes();
                input["parameters"] = json!({"binary_data_size": bytes.len()});
                self.section.extend(bytes);
            }
        }
        let inputs = self.header["inputs"].as_array_mut().expect("a list");
        inputs.push(input);
        self
    }

    /// Asks for this output, in this form.
    #[must_use]
    pub fn output(mut self, name: &str, form: Form) -> Self {
        let outputs = self.header.entry("outputs").or_insert_with(|| json!([]));
        outputs
            .as_array_mut()
            .expect("a list")
            .push(json!({"name": name, "parameters": {"binary_data": form == Form::Binary}}));
        self
    }

    /// The body, and the length of its JSON part.
    pub fn body(&self) -> (Vec<u8>, usize) {
        let mut body = serde_json::to_vec(&self.header).expect("plain data");
        let length = body.len();
        body.extend_from_slice(&self.section);
        (body, length)
    }

    /// The HTTP request.
    pub fn request(&self) -> Request {
        let (body, length) = self.body();
        let request = Request::post(&self.path, body);
        if self.section.is_empty() {
            request
        } else {
            request.with_header("Inference-Header-Content-Length", length)
        }
    }
}

/// A tensor's elements as JSON numbers.
fn numbers(tensor: &Tensor) -> Value {
    let values = tensor.values.iter();
    if tensor.data_type.is_float() {
        values.copied().map(Value::from).collect()
    } else {
        values.map(|&value| Value::from(value as i64)).collect()
    }
}

/// The outputs of a response that must have succeeded: name, form and tensor.
#[track_caller]
pub fn outputs(response: &Response) -> Vec<(String, Form, Tensor)> {
    assert_eq!(response.status, 200, "{}", response.text());
    let header_length = match response.header("inference-header-content-length") {
        Some(length) => {
            assert_eq!(
                response.header("content-type"),
                Some("application/octet-stream")
            );
            length.parse().expect("a length")
        }
        None => {
            assert_eq!(response.header("content-type"), Some("application/json"));
            response.body.len()
        }
    };
    let (header, mut section) = response.body.split_at(header_length);
    let header: Value = serde_json::from_slice(header).expect("the header is JSON");
    let outputs = header["outputs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|output| {
            let name = output["name"].as_str().expect("a name").to_owned();
            let data_type = output["datatype"]
                .as_str()
                .and_then(DataType::from_protocol_name)
                .expect("a data type of the samples");
            let shape: Vec<usize> =
                serde_json::from_value(output["shape"].clone()).expect("dimensions");
            match output["parameters"]["binary_data_size"].as_u64() {
                Some(size) => {
                    assert!(output.get("data").is_none(), "{output}");
                    let (bytes, rest) = section.split_at(size as usize);
                    section = rest;
                    let tensor = Tensor::from_bytes(data_type, &shape, bytes)
                        .unwrap_or_else(|| panic!("{size} bytes do not fit {output}"));
                    (name, Form::Binary, tensor)
                }
                None => {
                    let values: Vec<f64> =
                        serde_json::from_value(output["data"].clone()).expect("flat numbers");
                    (name, Form::Json, Tensor::new(data_type, &shape, values))
                }
            }
        })
        .collect();
    assert!(section.is_empty(), "{} bytes too many", section.len());
    outputs
}

/// Checks the outputs of a response against the reference maths, all in the same form.
#[track_caller]
pub fn assert_computed(response: &Response, model: &Model, inputs: &[Tensor], form: Form) {
    let given = outputs(response);
    let expected = model.expected(inputs, &[]);
    let names: Vec<&str> = given.iter().map(|(name, ..)| name.as_str()).collect();
    let wanted: Vec<String> = model.outputs().into_iter().map(|spec| spec.name).collect();
    assert_eq!(names, wanted, "outputs of model '{}'", model.name);
    for ((name, sent, tensor), expected) in given.iter().zip(&expected) {
        assert_eq!(*sent, form, "output '{name}'");
        tensor
            .compare(expected)
            .unwrap_or_else(|error| panic!("model '{}', output '{name}': {error}", model.name));
    }
}

/// A good request to `model` is answered with the right values.
#[track_caller]
pub fn assert_serves(server: &Server, model: &Model) {
    let inputs = model.sample_inputs(3, 11);
    let response = server.send(&Inference::new(model, &inputs, Form::Binary).request());
    assert_computed(&response, model, &inputs, Form::Binary);
}
