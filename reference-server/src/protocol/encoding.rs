//! Compressed bodies: `Content-Encoding` of requests, `Accept-Encoding` for responses.

use std::{
    fmt,
    io::{self, Read, Write},
};

use flate2::{
    Compression,
    read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};

use super::RequestError;

/// The encodings that bodies may have, as the value of an `Accept-Encoding` header.
pub const SUPPORTED: &str = "gzip, deflate";

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950 (zlib); RFC 1951 without the zlib frame is accepted in requests.
    Deflate,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }
}

impl Encoding {
    /// Reads the `Content-Encoding` header of a request.
    ///
    /// # Errors
    /// 501, as Triton answers, for an encoding that is not supported; the answer should carry
    /// `Accept-Encoding:` [`SUPPORTED`].
    pub fn of_request(content_encoding: Option<&str>) -> Result<Self, RequestError> {
        let name = content_encoding.unwrap_or_default().trim();
        if name.is_empty() || name.eq_ignore_ascii_case("identity") {
            Ok(Self::Identity)
        } else if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            Ok(Self::Gzip)
        } else if name.eq_ignore_ascii_case("deflate") {
            Ok(Self::Deflate)
        } else {
            Err(RequestError::unsupported(format!(
                "Unsupported compression type: Content-Encoding is '{name}', supported are \
                 {SUPPORTED} and identity"
            )))
        }
    }

    /// The encoding of the response to a request with this `Accept-Encoding` header: the supported
    /// one that the client weighs most, the first of several with equal weight, identity where
    /// none is accepted.
    pub fn of_response(accept_encoding: Option<&str>) -> Self {
        let mut best = (Self::Identity, 0.0);
        for item in accept_encoding.unwrap_or_default().split(',') {
            let mut parts = item.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let weight = parts
                .filter_map(|part| part.trim().strip_prefix("q="))
                .find_map(|weight| weight.trim().parse::<f32>().ok())
                .unwrap_or(1.0);
            let encoding = if name.eq_ignore_ascii_case("gzip") {
                Self::Gzip
            } else if name.eq_ignore_ascii_case("deflate") {
                Self::Deflate
            } else {
                continue;
            };
            if weight > best.1 {
                best = (encoding, weight);
            }
        }
        best.0
    }

    /// The value of the `Content-Encoding` header; `None` where there is none to send.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
        }
    }

    /// Decodes `body`. At most `limit` bytes are produced, whatever the body pretends.
    ///
    /// # Errors
    /// 400 where the body is damaged or would become larger than `limit` bytes.
    pub fn decode(self, body: &[u8], limit: usize) -> Result<Vec<u8>, RequestError> {
        match self {
            Self::Identity if body.len() > limit => Err(RequestError::too_large(body.len(), limit)),
            Self::Identity => Ok(body.to_vec()),
            Self::Gzip => self.read(MultiGzDecoder::new(body), body, limit),
            Self::Deflate if has_zlib_header(body) => {
                self.read(ZlibDecoder::new(body), body, limit)
            }
            Self::Deflate => self.read(DeflateDecoder::new(body), body, limit),
        }
    }

    fn read(self, decoder: impl Read, body: &[u8], limit: usize) -> Result<Vec<u8>, RequestError> {
        // Four times is what numbers in JSON usually shrink to; it is only a first guess.
        let mut decoded = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
        let bound = (limit as u64).saturating_add(1);
        decoder
            .take(bound)
            .read_to_end(&mut decoded)
            .map_err(|error| {
                RequestError::invalid(format!(
                    "the request body is not valid {self} data, as its Content-Encoding says: \
                     {error}"
                ))
            })?;
        if decoded.len() > limit {
            return Err(RequestError::too_large(
                format_args!("more than {limit} decompressed"),
                limit,
            ));
        }
        Ok(decoded)
    }

    /// Encodes the concatenation of `parts`, which are the JSON part and the tensors of a response.
    pub fn encode<'a>(self, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        fn write_all<'a>(
            writer: &mut impl Write,
            parts: impl IntoIterator<Item = &'a [u8]>,
        ) -> io::Result<()> {
            parts
                .into_iter()
                .try_for_each(|part| writer.write_all(part))
        }

        const IN_MEMORY: &str = "writing into memory does not fail";
        let mut out = Vec::new();
        match self {
            Self::Identity => write_all(&mut out, parts).expect(IN_MEMORY),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(&mut out, Compression::fast());
                write_all(&mut encoder, parts).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY);
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(&mut out, Compression::fast());
                write_all(&mut encoder, parts).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY);
            }
        }
        out
    }
}

/// RFC 1950: method 8 in the low half of the first byte, and the first two bytes as a big-endian
/// number are a multiple of 31.
fn has_zlib_header(body: &[u8]) -> bool {
    match body {
        [first, second, ..] => {
            first & 0x0F == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_choose_the_encoding() {
        assert_eq!(Encoding::of_request(None), Ok(Encoding::Identity));
        assert_eq!(Encoding::of_request(Some("GZIP")), Ok(Encoding::Gzip));
        assert_eq!(Encoding::of_request(Some("deflate")), Ok(Encoding::Deflate));
        let error = Encoding::of_request(Some("br")).unwrap_err();
        assert_eq!(error.status(), 501);
        assert!(error.message.contains("'br'"), "{}", error.message);
        for (header, expected) in [
            ("gzip, deflate", Encoding::Gzip),
            ("deflate;q=1.0, gzip;q=0.5", Encoding::Deflate),
            ("gzip;q=0", Encoding::Identity),
            ("br, *", Encoding::Identity),
            ("", Encoding::Identity),
            ("identity;q=1, gzip;q=nonsense", Encoding::Gzip),
        ] {
            assert_eq!(Encoding::of_response(Some(header)), expected, "{header}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let zeros = vec![0; 1 << 20];
        for encoding in [Encoding::Gzip, Encoding::Deflate] {
            let bomb = encoding.encode([&zeros[..]]);
            assert!(bomb.len() < zeros.len() / 50);
            let error = encoding.decode(&bomb, 1000).unwrap_err();
            assert_eq!(error.status(), 400);
            assert!(
                error.message.contains("--http-max-input-size"),
                "{}",
                error.message
            );
            assert_eq!(encoding.decode(&bomb, zeros.len()), Ok(zeros.clone()));
        }
    }

    #[test]
    fn raw_deflate_is_accepted() {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(b"{\"inputs\":[]}").unwrap();
        let body = encoder.finish().unwrap();
        assert_eq!(
            Encoding::Deflate.decode(&body, 100).unwrap(),
            b"{\"inputs\":[]}"
        );
    }

    #[test]
    fn a_damaged_body_is_refused() {
        let mut body = Encoding::Gzip.encode([&b"hello"[..]]);
        body.truncate(body.len() - 3);
        let error = Encoding::Gzip.decode(&body, 100).unwrap_err();
        assert!(
            error.message.contains("not valid gzip"),
            "{}",
            error.message
        );
    }

    proptest! {
        #[test]
        fn every_body_reads_back(parts in prop::collection::vec(any::<Vec<u8>>(), 0..4)) {
            let whole = parts.concat();
            for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Deflate] {
                let encoded = encoding.encode(parts.iter().map(Vec::as_slice));
                prop_assert_eq!(encoding.decode(&encoded, whole.len()), Ok(whole.clone()));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>(), header in ".{0,20}") {
            for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Deflate] {
                let _ = encoding.decode(&bytes, 64);
            }
            let _ = Encoding::of_request(Some(&header));
            let _ = Encoding::of_response(Some(&header));
        }
    }
}
