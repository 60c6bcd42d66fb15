//! Clients that ask for much and take none of it.

use std::io::Write;
use std::time::{Duration, Instant};

use prost::Message;
use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::http2::{Http2, flag, frame, headers_of_call, kind, setting};
use crate::request;
use crate::support::deadline::wait_until;
use crate::support::inference::{Form, Inference};
use crate::support::samples::small;
use crate::victim::{PATIENCE, Victim, connect};

/// Clients.
const CLIENTS: usize = 4;
/// Rows of 64 bytes: more than the sockets between client and server hold.
const ROWS: usize = (8 << 20) / 64;
/// Calls of a client over gRPC, which have so much together: each fits into the window that the server
/// opens for it.
const CALLS: u32 = 4;
/// Memory of the front: input and output of each client, which are mapped from its worker too, and the
/// messages of gRPC.
const MEMORY: u64 = 5 * CLIENTS as u64 * (8 << 20);

/// Checks that the server lets go of connections whose clients still hold them.
fn assert_let_go(victim: &Victim, start: Instant, descriptors: usize) {
    wait_until("the server has the connections", || {
        victim.footprint().descriptors > descriptors
    });
    wait_until("the server lets go of the connections", || {
        victim.footprint().descriptors <= descriptors
    });
    assert!(start.elapsed() >= PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn answers_that_nobody_reads_are_thrown_away_over_http() {
    let victim = Victim::start(&[]);
    let inputs = small().sample_inputs(ROWS, 1);
    let request = Inference::new(&small(), &inputs, Form::Binary)
        .request()
        .bytes();
    victim.withstands_with(MEMORY, || {
        let before = victim.footprint().descriptors;
        let start = Instant::now();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut stream = connect(victim.server.http());
                set_socket_recv_buffer_size(&stream, 4096).unwrap();
                stream.write_all(&request).unwrap();
                stream
            })
            .collect();
        assert_let_go(&victim, start, before);
        drop(clients);
    });
}

#[test]
fn answers_that_nobody_reads_are_thrown_away_over_grpc() {
    let victim = Victim::start(&[]);
    let inputs = small().sample_inputs(ROWS / CALLS as usize, 1);
    let message = request::raw(&small(), &inputs).encode_to_vec();
    let whole = [&[0], &(message.len() as u32).to_be_bytes()[..], &message].concat();
    let calls: Vec<u8> = (0..CALLS)
        .flat_map(|number| call(2 * number + 1, &whole))
        .collect();
    victim.withstands_with(MEMORY, || {
        let before = victim.footprint().descriptors;
        let start = Instant::now();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                // Windows as wide as they can be: it is TCP that is not read.
                let wide = setting(4, i32::MAX as u32);
                let mut connection = Http2::open_with(victim.server.grpc(), &wide);
                connection.accept_settings();
                let rest = (i32::MAX - 65_535).to_be_bytes();
                let update = frame(kind::WINDOW_UPDATE, flag::NONE, 0, &rest);
                connection.write(&update).unwrap();
                let mut stream = connection.into_stream();
                set_socket_recv_buffer_size(&stream, 4096).unwrap();
                // A server that cannot write reads no further.
                stream
                    .set_write_timeout(Some(Duration::from_millis(500)))
                    .unwrap();
                stream.write_all(&calls).ok();
                stream
            })
            .collect();
        assert_let_go(&victim, start, before);
        drop(clients);
    });
}

/// The frames of an inference with this message.
fn call(stream: u32, message: &[u8]) -> Vec<u8> {
    let headers = headers_of_call("ModelInfer");
    let mut frames = frame(kind::HEADERS, flag::END_HEADERS, stream, &headers);
    for part in message.chunks(16_384) {
        frames.extend(frame(kind::DATA, flag::NONE, stream, part));
    }
    frames.extend(frame(kind::DATA, flag::END_STREAM, stream, &[]));
    frames
}
