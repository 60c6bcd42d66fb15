//! Finds the field that made a request unreadable.
//!
//! The decoder on the request path keeps no track of where it is. Only after it failed is the text
//! read a second time, field by field, to tell the client which one is wrong.

use serde_json::Value;

use super::RequestError;

/// Explains why `json` is no inference request; `error` is what the decoder said.
#[cold]
pub(super) fn explain(json: &[u8], error: &serde_json::Error) -> RequestError {
    let message = match serde_json::from_slice::<Value>(json) {
        Err(syntax) => format!("failed to parse the request JSON buffer: {syntax}"),
        Ok(value) => request(&value)
            .unwrap_or_else(|| format!("failed to parse the request JSON buffer: {error}")),
    };
    RequestError::invalid(message)
}

/// What is told of another body than an inference request that cannot be read.
#[cold]
pub(super) fn unreadable(error: &serde_json::Error) -> RequestError {
    RequestError::invalid(format!("failed to parse the request JSON buffer: {error}"))
}

/// The kinds of value that the protocol's fields have.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Count,
    Dimension,
    Array,
    Object,
    TextOrCount,
}

impl Kind {
    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Count => value.is_u64(),
            Self::Dimension => value.as_i64().is_some_and(|dim| dim >= 0),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
            Self::TextOrCount => value.is_string() || value.is_u64(),
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Flag => "true or false",
            Self::Count => "a non-negative integer",
            Self::Dimension => "a non-negative integer below 2^63",
            Self::Array => "an array",
            Self::Object => "an object",
            Self::TextOrCount => "a string or a non-negative integer",
        }
    }
}

const REQUEST_PARAMETERS: [(&str, Kind); 6] = [
    ("binary_data_output", Kind::Flag),
    ("priority", Kind::Count),
    ("timeout", Kind::Count),
    ("sequence_id", Kind::TextOrCount),
    ("sequence_start", Kind::Flag),
    ("sequence_end", Kind::Flag),
];

const TENSOR_PARAMETERS: [(&str, Kind); 6] = [
    ("binary_data_size", Kind::Count),
    ("binary_data", Kind::Flag),
    ("classification", Kind::Count),
    ("shared_memory_region", Kind::Text),
    ("shared_memory_offset", Kind::Count),
    ("shared_memory_byte_size", Kind::Count),
];

fn request(request: &Value) -> Option<String> {
    if !request.is_object() {
        return Some(format!(
            "the request must be a JSON object, got {}",
            excerpt(request)
        ));
    }
    field(request, "id", Kind::Text, false, "", "")
        .or_else(|| parameters(request, &REQUEST_PARAMETERS, "", ""))
        .or_else(|| field(request, "inputs", Kind::Array, true, "", ""))
        .or_else(|| tensors(request, "inputs", true))
        .or_else(|| field(request, "outputs", Kind::Array, false, "", ""))
        .or_else(|| tensors(request, "outputs", false))
}

fn tensors(request: &Value, list: &str, input: bool) -> Option<String> {
    let tensors = request.get(list)?.as_array()?;
    tensors.iter().enumerate().find_map(|(index, tensor)| {
        let path = format!("{list}[{index}]");
        if !tensor.is_object() {
            return Some(wrong(&path, "", Kind::Object, tensor));
        }
        let path = format!("{path}.");
        let of = match tensor.get("name") {
            Some(Value::String(name)) => format!(" of '{name}'"),
            _ => String::new(),
        };
        field(tensor, "name", Kind::Text, true, &path, &of)
            .or_else(|| parameters(tensor, &TENSOR_PARAMETERS, &path, &of))
            .or_else(|| {
                input
                    .then(|| {
                        field(tensor, "datatype", Kind::Text, true, &path, &of)
                            .or_else(|| field(tensor, "shape", Kind::Array, true, &path, &of))
                            .or_else(|| dimensions(tensor, &path, &of))
                    })
                    .flatten()
            })
    })
}

fn dimensions(tensor: &Value, path: &str, of: &str) -> Option<String> {
    let dims = tensor.get("shape")?.as_array()?;
    dims.iter().enumerate().find_map(|(index, dim)| {
        (!Kind::Dimension.accepts(dim))
            .then(|| wrong(&format!("{path}shape[{index}]"), of, Kind::Dimension, dim))
    })
}

fn parameters(parent: &Value, known: &[(&str, Kind)], path: &str, of: &str) -> Option<String> {
    let parameters = parent.get("parameters")?;
    if !parameters.is_object() {
        return Some(wrong(
            &format!("{path}parameters"),
            of,
            Kind::Object,
            parameters,
        ));
    }
    let path = format!("{path}parameters.");
    known
        .iter()
        .find_map(|(name, kind)| field(parameters, name, *kind, false, &path, of))
}

fn field(
    parent: &Value,
    name: &str,
    kind: Kind,
    required: bool,
    path: &str,
    of: &str,
) -> Option<String> {
    match parent.get(name) {
        None if required => Some(format!(
            "Unable to parse '{path}{name}'{of}: the field is missing"
        )),
        Some(value) if !kind.accepts(value) => {
            Some(wrong(&format!("{path}{name}"), of, kind, value))
        }
        _ => None,
    }
}

fn wrong(path: &str, of: &str, kind: Kind, value: &Value) -> String {
    format!(
        "Unable to parse '{path}'{of}: {} is expected, got {}",
        kind.description(),
        excerpt(value)
    )
}

/// The beginning of a value, short enough for a message.
fn excerpt(value: &Value) -> String {
    const LIMIT: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(LIMIT) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
