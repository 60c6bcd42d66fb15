//! Bytes in JSON, as base64.

use base64::prelude::{BASE64_STANDARD, Engine};

/// The bytes. White space may stand anywhere between them: the clients' library for C++, and with it
/// `perf_analyzer`, breaks the text into lines.
///
/// # Errors
/// It is no base64, with where it is not.
pub fn decode(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let is_space = |byte: u8| byte.is_ascii_whitespace();
    if !text.bytes().any(is_space) {
        return BASE64_STANDARD.decode(text);
    }
    let packed: Vec<u8> = text.bytes().filter(|&byte| !is_space(byte)).collect();
    BASE64_STANDARD.decode(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_nonsense_is_refused() {
        assert_eq!(decode("aGVsbG8=").unwrap(), b"hello");
        assert_eq!(decode("aGVs\nbG8=\r\n").unwrap(), b"hello");
        assert_eq!(decode("").unwrap(), b"");
        for wrong in ["aGVs?G8=", "aGVsbG8", "aGVs\nbG8"] {
            assert!(decode(wrong).is_err(), "{wrong}");
        }
    }
}
