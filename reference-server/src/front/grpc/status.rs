//! How a refusal is told over gRPC.

use tonic::{Code, Status};

use crate::protocol::{ErrorKind, RequestError};

/// Longest message as it is sent, percent-encoded, in bytes. Clients refuse trailers above 8 KiB, and
/// then show their own complaint in place of the error.
const LONGEST_MESSAGE: usize = 6 << 10;

/// The status code of a refusal; where Triton knows the kind, its code.
pub const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Invalid => Code::InvalidArgument,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Internal => Code::Internal,
        ErrorKind::WrongMethod | ErrorKind::Unsupported => Code::Unimplemented,
        ErrorKind::Stalled => Code::DeadlineExceeded,
        ErrorKind::Restricted | ErrorKind::Unavailable => Code::Unavailable,
    }
}

/// A refusal as the client sees it.
pub fn refusal(error: RequestError) -> Status {
    Status::new(code(error.kind), shortened(error.message))
}

/// `message`, cut where it would not fit into the trailers.
fn shortened(mut message: String) -> String {
    let mut encoded = 0;
    for (position, character) in message.char_indices() {
        // Most of what is no letter and no digit is sent as `%` and two digits for each byte.
        encoded += if character.is_ascii_alphanumeric() {
            1
        } else {
            3 * character.len_utf8()
        };
        if encoded > LONGEST_MESSAGE {
            message.truncate(position);
            message.push_str(" (cut)");
            break;
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_tritons() {
        for (error, expected) in [
            (RequestError::invalid("x"), Code::InvalidArgument),
            (RequestError::not_found("x"), Code::NotFound),
            (RequestError::internal("x"), Code::Internal),
            (RequestError::unsupported("x"), Code::Unimplemented),
            (
                RequestError::new(ErrorKind::Unavailable, "x"),
                Code::Unavailable,
            ),
        ] {
            let status = refusal(error);
            assert_eq!((status.code(), status.message()), (expected, "x"));
        }
    }

    #[test]
    fn a_message_fits_into_the_trailers() {
        let kept = "a plain message of 100 %".to_owned();
        assert_eq!(shortened(kept.clone()), kept);
        for character in ["a", "ä", "\n", "%"] {
            let cut = shortened(character.repeat(10_000));
            assert!(cut.ends_with(" (cut)"));
            let status = Status::internal(cut);
            let mut headers = http::HeaderMap::new();
            status.add_header(&mut headers).unwrap();
            let sent = headers["grpc-message"].len();
            assert!((6_000..7_000).contains(&sent), "{sent}");
        }
    }
}
