//! A request that both servers get.

use serde_json::{Value, json};

use crate::support::client::Request;

/// A request and its name, under which differences between the answers are listed.
pub struct Exchange {
    /// Protocol, subject and what is special: `http infer: no inputs`.
    pub name: String,
    /// What is sent.
    pub asked: Asked,
}

/// What is sent.
pub enum Asked {
    /// Over HTTP.
    Http(Request),
    /// Over gRPC.
    Call(Call),
}

/// A call of a gRPC service.
pub struct Call {
    /// Such as `inference.GRPCInferenceService/ModelInfer`.
    pub path: String,
    /// The messages of the call, in protobuf's JSON form; one, but for streams.
    pub messages: Vec<Value>,
    /// Metadata of the call.
    pub metadata: Vec<(&'static str, &'static str)>,
}

/// A request over HTTP.
pub fn http(name: &str, request: Request) -> Exchange {
    Exchange {
        name: format!("http {name}"),
        asked: Asked::Http(request),
    }
}

/// A GET request.
pub fn get(name: &str, path: &str) -> Exchange {
    http(name, Request::get(path))
}

/// A POST request with a JSON body; `null` is none at all.
pub fn post(name: &str, path: &str, body: Value) -> Exchange {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    http(name, Request::post(path, body))
}

/// A request with a JSON part of an inference and a binary section.
pub fn binary(model: &str, header: &Value, section: &[u8]) -> Request {
    let header = header.to_string();
    let body = [header.as_bytes(), section].concat();
    Request::post(format!("/v2/models/{model}/infer"), body)
        .with_header("Inference-Header-Content-Length", header.len())
}

/// A call of the inference service.
pub fn call(name: &str, method: &str, message: Value) -> Exchange {
    stream(name, method, vec![message])
}

/// The same with several messages.
pub fn stream(name: &str, method: &str, messages: Vec<Value>) -> Exchange {
    let path = format!("inference.GRPCInferenceService/{method}");
    of_service(name, path, messages)
}

/// A call of any service.
pub fn of_service(name: &str, path: String, messages: Vec<Value>) -> Exchange {
    Exchange {
        name: format!("grpc {name}"),
        asked: Asked::Call(Call {
            path,
            messages,
            metadata: Vec::new(),
        }),
    }
}

impl Exchange {
    /// The same call with metadata.
    #[must_use]
    pub fn with_metadata(mut self, key: &'static str, value: &'static str) -> Self {
        if let Asked::Call(call) = &mut self.asked {
            call.metadata.push((key, value));
        }
        self
    }
}

/// `value` with changes: each is a JSON pointer and what is put there, `null` to remove it. Objects on
/// the way are made.
pub fn but<const N: usize>(value: &Value, changes: [(&str, Value); N]) -> Value {
    let mut value = value.clone();
    for (pointer, new) in changes {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
        if value.pointer(parent).is_none() {
            let (grandparent, parent) = parent.rsplit_once('/').expect("one level is made");
            value.pointer_mut(grandparent).expect("it is there")[parent] = json!({});
        }
        let parent = value.pointer_mut(parent).expect("it is there");
        match (parent, new) {
            (Value::Object(fields), Value::Null) => drop(fields.remove(key)),
            (Value::Object(fields), new) => drop(fields.insert(key.to_owned(), new)),
            (Value::Array(items), new) => {
                let index: usize = key.parse().expect("a position");
                match new {
                    Value::Null => drop(items.remove(index)),
                    new if index == items.len() => items.push(new),
                    new => items[index] = new,
                }
            }
            (other, _) => panic!("{pointer} leads into {other}"),
        }
    }
    value
}
