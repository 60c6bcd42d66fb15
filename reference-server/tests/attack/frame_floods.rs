//! HTTP/2 frames that cost the client little, as many as it can send.

use std::time::Instant;

use crate::http2::{
    Frame, Http2, code_of_end, flag, frame, header, headers_of_call, kind, setting,
};
use crate::victim::{PATIENCE, Victim};

/// Frames of a flood that the server may take.
const FRAMES: u32 = 50_000;
/// Frames that are sent in one go.
const BATCH: u32 = 100;
/// Code of GOAWAY for a client that asks for too much.
const ENHANCE_YOUR_CALM: u32 = 11;

/// Sends frames until the server closes the connection, and gives what it said then.
#[track_caller]
fn ended_by(connection: &mut Http2, mut next: impl FnMut(u32) -> Vec<u8>) -> Vec<Frame> {
    let ended = (0..FRAMES / BATCH).any(|batch| {
        let frames: Vec<u8> = (0..BATCH)
            .flat_map(|number| next(batch * BATCH + number))
            .collect();
        connection.write(&frames).is_err()
    });
    assert!(ended, "the server takes any number of them");
    connection.rest()
}

/// The server ended the connection with this code, where the client got to see it.
#[track_caller]
fn assert_code(frames: &[Frame], expected: u32) {
    let code = code_of_end(frames);
    assert!(code.is_none_or(|code| code == expected), "{code:?}");
}

#[test]
fn calls_that_are_taken_back_at_once() {
    let victim = Victim::start(&[]);
    let headers = headers_of_call("ModelInfer");
    victim.withstands(|| {
        for _ in 0..5 {
            let mut connection = Http2::open(victim.server.grpc());
            let frames = ended_by(&mut connection, |number| {
                let stream = 2 * number + 1;
                let begin = frame(kind::HEADERS, flag::END_HEADERS, stream, &headers);
                let reset = frame(kind::RST_STREAM, flag::NONE, stream, &8_u32.to_be_bytes());
                [begin, reset].concat()
            });
            assert_code(&frames, ENHANCE_YOUR_CALM);
        }
    });
}

/// The server itself resets each of these calls; it may go on with that, or not.
#[test]
fn calls_that_make_the_server_take_them_back() {
    let victim = Victim::start(&[]);
    let headers = headers_of_call("ModelInfer");
    let announced = [headers.clone(), header("content-length", "1")].concat();
    let offences: [(&[u8], u8, &[u8]); 2] = [
        // A window above 31 bits (RFC 9113, section 6.9.1).
        (&headers, kind::WINDOW_UPDATE, &i32::MAX.to_be_bytes()),
        // More data than was announced (RFC 9113, section 8.1.1).
        (&announced, kind::DATA, &[0; 2]),
    ];
    victim.withstands(|| {
        for (headers, offence, payload) in offences {
            let mut connection = Http2::open(victim.server.grpc());
            for batch in 0..FRAMES / 10 / BATCH {
                let frames: Vec<u8> = (0..BATCH)
                    .flat_map(|number| {
                        let stream = 2 * (batch * BATCH + number) + 1;
                        let begin = frame(kind::HEADERS, flag::END_HEADERS, stream, headers);
                        [begin, frame(offence, flag::NONE, stream, payload)].concat()
                    })
                    .collect();
                if connection.write(&frames).is_err() {
                    break;
                }
            }
        }
    });
}

#[test]
fn headers_that_go_on_and_on() {
    let victim = Victim::start(&[]);
    let begin = frame(kind::HEADERS, flag::NONE, 1, &headers_of_call("ModelInfer"));
    let filler = header("x-filler", &"a".repeat(100));
    for payload in [Vec::new(), filler.repeat(100)] {
        victim.withstands(|| {
            let mut connection = Http2::open(victim.server.grpc());
            connection.write(&begin).unwrap();
            ended_by(&mut connection, |_| {
                frame(kind::CONTINUATION, flag::NONE, 1, &payload)
            });
        });
    }
}

/// Larger headers than the server takes end their call alone.
#[test]
fn headers_above_the_limit_refuse_the_call() {
    let victim = Victim::start(&[]);
    let mut connection = Http2::open(victim.server.grpc());
    let filler = header("x-filler", &"a".repeat(1000)).repeat(15);
    let headers = [headers_of_call("ServerLive"), filler.clone()].concat();
    let begin = frame(kind::HEADERS, flag::END_STREAM, 1, &headers);
    connection.write(&begin).unwrap();
    let rest = frame(kind::CONTINUATION, flag::END_HEADERS, 1, &filler);
    connection.write(&rest).unwrap();
    connection.call("ServerLive", 3, &[]);
    let mut refused = false;
    let served = std::iter::from_fn(|| connection.next()).any(|frame| {
        refused |= frame.stream == 1;
        frame.stream == 3 && frame.kind == kind::DATA
    });
    assert!(refused && served);
}

/// Each of these asks for an answer; a client that reads none gets no further.
#[test]
fn pings_and_settings_whose_answers_are_not_read() {
    let victim = Victim::start(&[]);
    let floods = [
        frame(kind::PING, flag::NONE, 0, &[0; 8]),
        frame(kind::SETTINGS, flag::NONE, 0, &setting(3, 100)),
    ];
    victim.withstands(|| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for flood in &floods {
                scope.spawn(|| {
                    let mut connection = Http2::open(victim.server.grpc());
                    let many = flood.repeat(1000);
                    // The server closes the connection when its patience with what is not read ends.
                    let ended = (0..100_000).any(|_| connection.write(&many).is_err());
                    assert!(ended);
                });
            }
        });
        assert!(start.elapsed() >= PATIENCE);
    });
}

/// With every answer read, a client may ping as often as it likes, and others are still served.
#[test]
fn pings_whose_answers_are_read() {
    let victim = Victim::start(&[]);
    victim.withstands(|| {
        let mut connection = Http2::open(victim.server.grpc());
        let many = frame(kind::PING, flag::NONE, 0, &[7; 8]).repeat(100);
        for _ in 0..200 {
            connection.write(&many).unwrap();
            let mut answered = 0;
            while answered < 100 {
                let frame = connection.next().expect("the connection stays open");
                let is_answer = frame.kind == kind::PING && frame.flags & flag::ACK != 0;
                answered += usize::from(is_answer);
            }
        }
    });
}

/// Frames without content keep a call busy for nothing.
#[test]
fn data_frames_without_data() {
    let victim = Victim::start(&[]);
    victim.withstands(|| {
        let mut connection = Http2::open(victim.server.grpc());
        connection.headers("ModelInfer", 1, false);
        let empty = frame(kind::DATA, flag::NONE, 1, &[]);
        ended_by(&mut connection, |_| empty.clone());
    });
}
