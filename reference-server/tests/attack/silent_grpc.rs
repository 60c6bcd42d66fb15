//! Clients of the gRPC port that do not get on.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use crate::http2::{Http2, PREFACE, flag, frame, kind, setting};
use crate::support::deadline::wait_until;
use crate::victim::{PATIENCE, Victim, assert_closed_in_time, connect};

/// Connections of each kind.
const EACH: usize = 25;

#[test]
fn clients_that_do_not_begin_are_let_go() {
    let victim = Victim::start(&[]);
    let settings = frame(kind::SETTINGS, flag::NONE, 0, &[]);
    let beginnings = [
        b"".to_vec(),
        PREFACE[..10].to_vec(),
        PREFACE.to_vec(),
        [PREFACE, &settings[..8]].concat(),
    ];
    victim.withstands(|| {
        let start = Instant::now();
        let mut streams: Vec<_> = beginnings
            .iter()
            .cycle()
            .take(EACH * beginnings.len())
            .map(|sent| {
                let mut stream = connect(victim.server.grpc());
                stream.write_all(sent).unwrap();
                stream
            })
            .collect();
        // One sends the preface byte by byte, and would take longer than it has.
        let mut dripping = connect(victim.server.grpc());
        for byte in PREFACE {
            if dripping.write_all(&[*byte]).is_err() {
                break;
            }
            thread::sleep(2 * PATIENCE / PREFACE.len() as u32);
        }
        streams.push(dripping);
        assert_closed_in_time(start, &mut streams);
    });
}

#[test]
fn a_client_that_began_may_be_idle() {
    let victim = Victim::start(&[]);
    let mut connection = Http2::open(victim.server.grpc());
    thread::sleep(2 * PATIENCE);
    connection.call("ServerLive", 1, &[]);
    let answer = std::iter::from_fn(|| connection.next()).find(|frame| frame.stream == 1);
    assert_eq!(answer.expect("an answer").kind, kind::HEADERS);
}

#[test]
fn messages_that_stop_coming_are_given_up() {
    let victim = Victim::start(&[]);
    victim.withstands(|| {
        let start = Instant::now();
        let mut connections: Vec<_> = ["ModelInfer", "ModelStreamInfer"]
            .iter()
            .cycle()
            .take(EACH)
            .map(|call| {
                let mut connection = Http2::open(victim.server.grpc());
                for number in 0..10 {
                    let stream = 2 * number + 1;
                    connection.headers(call, stream, false);
                    connection.message_head(stream, 1000);
                    let part = frame(kind::DATA, flag::NONE, stream, &[0; 10]);
                    connection.write(&part).unwrap();
                }
                connection
            })
            .collect();
        for connection in &mut connections {
            let mut ended = 0;
            while ended < 10 {
                let frame = connection.next().expect("the connection stays open");
                let ends = frame.kind == kind::HEADERS && frame.flags & flag::END_STREAM != 0;
                ended += usize::from(ends);
            }
        }
        assert!(start.elapsed() >= PATIENCE);
    });
}

/// The answers are small; what counts is that the client says it takes none and looks alive.
#[test]
fn a_window_that_is_never_opened_ends_the_connection() {
    let victim = Victim::start(&[]);
    victim.withstands(|| {
        let start = Instant::now();
        let no_window = setting(4, 0);
        let mut connection = Http2::open_with(victim.server.grpc(), &no_window);
        for number in 0..200 {
            connection.call("ServerMetadata", 2 * number + 1, &[]);
        }
        let ping = frame(kind::PING, flag::NONE, 0, &[0; 8]);
        wait_until("the server closes the connection", || {
            thread::sleep(Duration::from_millis(20));
            connection.write(&ping).is_err()
        });
        assert!(start.elapsed() >= PATIENCE, "{:?}", start.elapsed());
        let frames = connection.rest();
        assert!(frames.iter().all(|frame| frame.kind != kind::DATA));
    });
}
