//! Bytes to the gRPC port that are no HTTP/2, no call, or no message.

use crate::http2::{Frame, Http2, PREFACE, flag, frame, headers_of_call, kind, setting};
use crate::victim::Victim;

/// Clients that send each of them.
const EACH: usize = 5;

#[test]
fn frames_that_break_the_protocol_end_their_connection() {
    let victim = Victim::start(&[]);
    let settings = frame(kind::SETTINGS, flag::NONE, 0, &[]);
    let begun = |rest: &[u8]| [PREFACE, &settings, rest].concat();
    let headers = headers_of_call("ModelInfer");
    let call = frame(kind::HEADERS, flag::END_HEADERS, 1, &headers);
    // A length of 16 MiB, of which nothing else comes.
    let huge = [&[0xff, 0xff, 0xff, kind::DATA, 0][..], &1_u32.to_be_bytes()].concat();
    let cases = [
        (
            "HTTP/1.1",
            b"GET /v2 HTTP/1.1\r\nHost: test\r\n\r\n".repeat(2),
        ),
        (
            "TLS",
            [
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
                vec![0; 512],
            ]
            .concat(),
        ),
        (
            "another preface",
            b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n........".to_vec(),
        ),
        ("a frame above the limit", begun(&huge)),
        (
            "a frame above the limit of a call",
            begun(&[&call[..], &huge].concat()),
        ),
        (
            "PING of 7 bytes",
            begun(&frame(kind::PING, flag::NONE, 0, &[0; 7])),
        ),
        (
            "PING of a call",
            begun(&frame(kind::PING, flag::NONE, 1, &[0; 8])),
        ),
        (
            "SETTINGS of 5 bytes",
            begun(&frame(kind::SETTINGS, flag::NONE, 0, &[0; 5])),
        ),
        (
            "an acknowledgement with settings",
            begun(&frame(kind::SETTINGS, flag::ACK, 0, &setting(3, 1))),
        ),
        (
            "a window beyond 31 bits",
            begun(&frame(kind::SETTINGS, flag::NONE, 0, &setting(4, u32::MAX))),
        ),
        (
            "a frame size below the least",
            begun(&frame(kind::SETTINGS, flag::NONE, 0, &setting(5, 1))),
        ),
        (
            "WINDOW_UPDATE of 3 bytes",
            begun(&frame(kind::WINDOW_UPDATE, flag::NONE, 0, &[0; 3])),
        ),
        (
            "a window that overflows",
            begun(&frame(kind::WINDOW_UPDATE, flag::NONE, 0, &i32::MAX.to_be_bytes()).repeat(2)),
        ),
        (
            "DATA of no call",
            begun(&frame(kind::DATA, flag::NONE, 0, &[0; 9])),
        ),
        (
            "DATA of a call that was not begun",
            begun(&frame(kind::DATA, flag::NONE, 7, &[0; 9])),
        ),
        (
            "HEADERS of no call",
            begun(&frame(kind::HEADERS, flag::END_HEADERS, 0, &headers)),
        ),
        (
            "HEADERS of a call that is the server's",
            begun(&frame(kind::HEADERS, flag::END_HEADERS, 2, &headers)),
        ),
        (
            "CONTINUATION of nothing",
            begun(&frame(kind::CONTINUATION, flag::END_HEADERS, 1, &headers)),
        ),
        (
            "another frame between headers",
            begun(
                &[
                    frame(kind::HEADERS, flag::NONE, 1, &headers),
                    frame(kind::PING, flag::NONE, 0, &[0; 8]),
                ]
                .concat(),
            ),
        ),
        (
            "headers that are no HPACK",
            begun(&frame(kind::HEADERS, flag::END_HEADERS, 1, &[0xff; 100])),
        ),
        (
            "padding longer than the frame",
            begun(&[&call[..], &frame(kind::DATA, 8, 1, &[200, 0])].concat()),
        ),
        (
            "PUSH_PROMISE",
            begun(&frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &[0; 8])),
        ),
        (
            "RST_STREAM of a call that was not begun",
            begun(&frame(kind::RST_STREAM, flag::NONE, 9, &[0; 4])),
        ),
        (
            "RST_STREAM of 3 bytes",
            begun(&[&call[..], &frame(kind::RST_STREAM, flag::NONE, 1, &[0; 3])].concat()),
        ),
    ];
    victim.withstands(|| {
        for (what, bytes) in &cases {
            for _ in 0..EACH {
                let mut connection = Http2::silent(victim.server.grpc());
                // The server may have seen enough.
                connection.write(bytes).ok();
                let frames = connection.rest();
                let served = frames.iter().any(|frame| frame.kind == kind::DATA);
                assert!(!served, "{what}: {frames:?}");
            }
        }
    });
}

/// The status with which a call ended, as its trailers have it in plain text, and the other frames.
fn ended(connection: &mut Http2, stream: u32) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = connection.next() {
        let ends = frame.stream == stream
            && (frame.kind == kind::RST_STREAM
                || frame.kind == kind::HEADERS && frame.flags & flag::END_STREAM != 0);
        frames.push(frame);
        if ends {
            return frames;
        }
    }
    panic!("the connection was closed: {frames:?}");
}

#[test]
fn messages_that_are_none_end_their_call_alone() {
    let victim = Victim::start(&["--grpc-max-input-size", "100000"]);
    let cases = [
        ("no message", Vec::new()),
        ("half a prefix", vec![0, 0, 0]),
        (
            "a length above the limit",
            [&[0][..], &100_001_u32.to_be_bytes()].concat(),
        ),
        ("the greatest length", vec![0, 0xff, 0xff, 0xff, 0xff]),
        (
            "shorter than its length",
            [&[0][..], &10_u32.to_be_bytes(), &[0; 3]].concat(),
        ),
        (
            "compressed in a way that nobody named",
            [&[1][..], &3_u32.to_be_bytes(), &[0; 3]].concat(),
        ),
        (
            "a flag that is none",
            [&[9][..], &3_u32.to_be_bytes(), &[0; 3]].concat(),
        ),
        (
            "no protocol buffer",
            [&[0][..], &4_u32.to_be_bytes(), &[0xff; 4]].concat(),
        ),
        (
            "two messages",
            [&[0][..], &0_u32.to_be_bytes()].concat().repeat(2),
        ),
    ];
    victim.withstands(|| {
        let mut connection = Http2::open(victim.server.grpc());
        let mut stream = 1;
        for call in ["ModelInfer", "ModelStreamInfer", "RepositoryIndex"] {
            for (what, bytes) in &cases {
                connection.headers(call, stream, false);
                connection
                    .write(&frame(kind::DATA, flag::END_STREAM, stream, bytes))
                    .unwrap();
                let frames = ended(&mut connection, stream);
                assert!(!frames.is_empty(), "{call}: {what}");
                stream += 2;
            }
        }
        // The connection still serves.
        connection.call("ServerLive", stream, &[]);
        let served = ended(&mut connection, stream);
        assert!(served.iter().any(|frame| frame.kind == kind::DATA));
    });
}
