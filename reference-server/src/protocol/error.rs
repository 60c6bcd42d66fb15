//! What a client is told about a request that cannot be served.

use std::fmt;

use http::StatusCode;

/// A request that is refused, with the HTTP status and the text that the client gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// HTTP status of the answer.
    pub status: StatusCode,
    /// What is wrong, naming the field or the tensor.
    pub message: String,
}

impl RequestError {
    /// A request that the client has to change: 400.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// A request that failed for a reason inside the server or the model: 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: message.into(),
        }
    }

    /// Something that does not exist: 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: message.into(),
        }
    }

    /// A body of `size` bytes above the server's limit of `limit` bytes: 400, as Triton answers.
    pub fn too_large(size: impl fmt::Display, limit: usize) -> Self {
        Self::invalid(format!(
            "Request size of {size} bytes exceeds the maximum allowed value of {limit} bytes. Use \
             --http-max-input-size to increase the limit."
        ))
    }

    /// Something that the protocol has and this server does not: 501.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_IMPLEMENTED,
            message: message.into(),
        }
    }

    /// The body of the answer: `{"error":"…"}`.
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.message.len() + 16);
        body.extend_from_slice(b"{\"error\":");
        write_json_string(&mut body, &self.message);
        body.push(b'}');
        body
    }

    /// The same error with the request's id in front, as messages about a request's content start:
    /// `[request id: 7] …`.
    #[must_use]
    pub fn about_request(mut self, id: Option<&str>) -> Self {
        self.message = format!("{}{}", RequestLabel(id), self.message);
        self
    }
}

/// Displays as `[request id: 7] `, or `[request id: <id_unknown>] ` for a request without an id.
pub(crate) struct RequestLabel<'a>(pub(crate) Option<&'a str>);

impl fmt::Display for RequestLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0.filter(|id| !id.is_empty()).unwrap_or("<id_unknown>");
        write!(f, "[request id: {id}] ")
    }
}

/// Appends `text` as a JSON string.
pub(crate) fn write_json_string(out: &mut Vec<u8>, text: &str) {
    write_json(out, text);
}

/// Appends a value in its JSON form; for types whose serialization cannot fail.
pub(crate) fn write_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(&mut *out, value).expect("serialization into memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_json_whatever_the_text() {
        let error = RequestError::invalid("unknown field \"a\\b\"\n").about_request(Some("7"));
        let body: serde_json::Value = serde_json::from_slice(&error.body()).unwrap();
        assert_eq!(body["error"], "[request id: 7] unknown field \"a\\b\"\n");
        let anonymous = RequestError::invalid("x").about_request(None);
        assert_eq!(anonymous.message, "[request id: <id_unknown>] x");
    }
}
