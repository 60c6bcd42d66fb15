//! HTTP/2 as little as an attack needs: frames as they are, right or wrong (RFC 9113).

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::victim::connect;

/// With which every client begins.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    pub const NONE: u8 = 0;
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
}

/// A frame that the server sent.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (payload.len() as u32).to_be_bytes();
    let mut bytes = length.to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A setting of a SETTINGS frame.
pub fn setting(number: u16, value: u32) -> Vec<u8> {
    [&number.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A header as HPACK has it without any table (RFC 7541, section 6.2.2).
pub fn header(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        integer(&mut bytes, text.len());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
fn integer(bytes: &mut Vec<u8>, value: usize) {
    let Some(mut rest) = value.checked_sub(127) else {
        bytes.push(value as u8);
        return;
    };
    bytes.push(127);
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
}

/// The headers of a call of the inference service.
pub fn headers_of_call(call: &str) -> Vec<u8> {
    let path = format!("/inference.GRPCInferenceService/{call}");
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", &path),
        (":authority", "test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    .iter()
    .flat_map(|(name, value)| header(name, value))
    .collect()
}

/// A connection that was begun.
pub struct Http2 {
    stream: TcpStream,
}

impl Http2 {
    /// A connection with the preface and empty settings.
    pub fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[])
    }

    /// A connection with the preface and these settings.
    pub fn open_with(address: SocketAddr, settings: &[u8]) -> Self {
        let mut connection = Self::silent(address);
        let beginning = [PREFACE, &frame(kind::SETTINGS, flag::NONE, 0, settings)].concat();
        connection.write(&beginning).unwrap();
        connection
    }

    /// A connection over which nothing was said.
    pub fn silent(address: SocketAddr) -> Self {
        Self {
            stream: connect(address),
        }
    }

    /// Waits for the server's settings and accepts them; only then its windows are as wide as they say.
    pub fn accept_settings(&mut self) {
        let first = self.next().expect("the server's settings");
        assert_eq!(first.kind, kind::SETTINGS, "{first:?}");
        self.write(&frame(kind::SETTINGS, flag::ACK, 0, &[]))
            .unwrap();
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Begins a call.
    pub fn headers(&mut self, call: &str, stream: u32, ends: bool) {
        let flags = flag::END_HEADERS | if ends { flag::END_STREAM } else { flag::NONE };
        let bytes = frame(kind::HEADERS, flags, stream, &headers_of_call(call));
        self.write(&bytes).unwrap();
    }

    /// The five bytes in front of a message of this length.
    pub fn message_head(&mut self, stream: u32, length: u32) {
        let head = [&[0], &length.to_be_bytes()[..]].concat();
        self.write(&frame(kind::DATA, flag::NONE, stream, &head))
            .unwrap();
    }

    /// A whole call, with a message that fits into a frame.
    pub fn call(&mut self, call: &str, stream: u32, message: &[u8]) {
        assert!(message.len() < 16_000, "{}", message.len());
        let head = (message.len() as u32).to_be_bytes();
        let data = [&[0], &head[..], message].concat();
        self.headers(call, stream, false);
        self.write(&frame(kind::DATA, flag::END_STREAM, stream, &data))
            .unwrap();
    }

    /// The next frame; `None` where the server closed the connection.
    pub fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.read(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.read(&mut payload)?;
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    /// Every frame until the server closes the connection, which it must do in time.
    pub fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// The connection below.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) => {
                let timed_out = error.kind() == io::ErrorKind::WouldBlock;
                assert!(
                    !timed_out,
                    "the server neither answers nor closes the connection"
                );
                None
            }
        }
    }
}

/// The code of the GOAWAY frame with which the server ended a connection.
pub fn code_of_end(frames: &[Frame]) -> Option<u32> {
    let end = frames
        .iter()
        .rev()
        .find(|frame| frame.kind == kind::GOAWAY)?;
    let code = end.payload.get(4..8)?;
    Some(u32::from_be_bytes(code.try_into().unwrap()))
}
