//! Where the JSON part of a request body ends.

use super::RequestError;

/// Name of the header that tells the length of the JSON part, in requests and in responses.
pub const INFERENCE_HEADER_CONTENT_LENGTH: &str = "inference-header-content-length";

/// How the body of an inference request is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON of this many bytes, then the binary section.
    Json(usize),
    /// No JSON at all: the body is the data of the model's only input.
    Raw,
}

/// Reads the value of the `Inference-Header-Content-Length` header of a request whose (decoded)
/// body has `body_length` bytes. Without that header the whole body is JSON.
///
/// # Errors
/// 400 where the value is no number or exceeds the body.
pub fn split(header: Option<&str>, body_length: usize) -> Result<Form, RequestError> {
    let Some(header) = header else {
        return Ok(Form::Json(body_length));
    };
    let text = header.trim();
    match text.parse::<i128>() {
        Ok(0) => Ok(Form::Raw),
        Ok(length) => match usize::try_from(length) {
            Ok(length) if length <= body_length => Ok(Form::Json(length)),
            _ => Err(RequestError::invalid(format!(
                "inference header size should be in range (0, {body_length}), got: {text}"
            ))),
        },
        Err(_) => Err(RequestError::invalid(format!(
            "Unable to parse Inference-Header-Content-Length, got: {text}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_optional_and_bounded() {
        assert_eq!(split(None, 10), Ok(Form::Json(10)));
        assert_eq!(split(Some("4"), 10), Ok(Form::Json(4)));
        assert_eq!(split(Some(" 10 "), 10), Ok(Form::Json(10)));
        assert_eq!(split(Some("0"), 10), Ok(Form::Raw));
        for value in ["11", "-1", "99999999999999999999"] {
            let error = split(Some(value), 10).unwrap_err();
            assert!(
                error.message.contains("in range (0, 10)"),
                "{}",
                error.message
            );
        }
        for value in ["", "4x", "1e2"] {
            let error = split(Some(value), 10).unwrap_err();
            assert!(
                error.message.contains("Unable to parse"),
                "{}",
                error.message
            );
        }
    }
}
