//! Clients that never finish what they began to say over HTTP.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::inference::{Form, Inference};
use crate::support::samples::small;
use crate::victim::{Victim, assert_closed_in_time, connect};

/// Connections of each kind.
const EACH: usize = 25;
/// Pause between two bytes of a client that sends byte by byte.
const DRIP: Duration = Duration::from_millis(100);

fn connections(victim: &Victim, sent: &[u8]) -> Vec<TcpStream> {
    (0..EACH)
        .map(|_| {
            let mut stream = connect(victim.server.http());
            stream.write_all(sent).unwrap();
            stream
        })
        .collect()
}

#[test]
fn clients_that_say_nothing_or_half_a_head_are_let_go() {
    let victim = Victim::start(&[]);
    let path = "GET /v2/models/small HTTP/1.1\r\nX-Slow: ";
    victim.withstands(|| {
        let start = Instant::now();
        let mut silent = connections(&victim, b"");
        let mut half = connections(&victim, path.as_bytes());
        // What drips all the time is no more patient.
        let mut dripping = connections(&victim, path.as_bytes());
        thread::scope(|scope| {
            let drips: Vec<_> = dripping
                .iter()
                .map(|stream| stream.try_clone().unwrap())
                .collect();
            scope.spawn(move || {
                for mut stream in drips.iter().cycle() {
                    if stream.write_all(b"a").is_err() {
                        break;
                    }
                    thread::sleep(DRIP / EACH as u32);
                }
            });
            assert_closed_in_time(start, &mut silent);
            assert_closed_in_time(start, &mut half);
            assert_closed_in_time(start, &mut dripping);
        });
    });
}

#[test]
fn bodies_that_stop_coming_are_given_up() {
    let victim = Victim::start(&[]);
    let inputs = small().sample_inputs(100, 1);
    let request = Inference::new(&small(), &inputs, Form::Binary).request();
    let head = request.head().len();
    let whole = request.bytes();
    let chunked = request.in_chunks(1000).bytes();
    victim.withstands(|| {
        let start = Instant::now();
        let mut stopped = connections(&victim, &whole[..head]);
        stopped.extend(connections(&victim, &whole[..head + 10]));
        stopped.extend(connections(&victim, &whole[..whole.len() - 1]));
        stopped.extend(connections(&victim, &chunked[..chunked.len() - 3]));
        for answer in assert_closed_in_time(start, &mut stopped) {
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
            assert!(answer.contains("stopped coming for 3 s"), "{answer}");
        }
    });
    let statistics = victim.server.statistics_of("small");
    assert_eq!(statistics["inference_stats"]["fail"]["count"], 0);
}
