//! What a client is told about a request that cannot be served.

use std::fmt;

use http::StatusCode;

/// What is wrong with a request. Each protocol has a number of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The client has to change the request.
    Invalid,
    /// Something of that name is there already.
    AlreadyExists,
    /// Nothing of that name is there.
    NotFound,
    /// The path is there and answers to another method.
    WrongMethod,
    /// The request stopped coming before it was whole.
    Stalled,
    /// The server or the model failed.
    Internal,
    /// Only clients with a header may ask for it.
    Restricted,
    /// The protocol has it and this server does not.
    Unsupported,
    /// The model cannot take the request now.
    Unavailable,
}

impl ErrorKind {
    /// The HTTP status of the answer.
    pub const fn http_status(self) -> StatusCode {
        match self {
            Self::Invalid | Self::AlreadyExists => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Restricted => StatusCode::FORBIDDEN,
            Self::Unsupported => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A request that is refused, with the text that the client gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// What is wrong, as a number.
    pub kind: ErrorKind,
    /// What is wrong, naming the field or the tensor.
    pub message: String,
}

impl RequestError {
    /// A refusal of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The HTTP status of the answer.
    pub const fn status(&self) -> StatusCode {
        self.kind.http_status()
    }

    /// A request that the client has to change: 400.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// A request that failed for a reason inside the server or the model: 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Something that does not exist: 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
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
        Self::new(ErrorKind::Unsupported, message)
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
