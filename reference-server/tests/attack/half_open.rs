//! Clients that leave in the middle, in each way that TCP has.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use prost::Message;
use rustix::net::sockopt::set_socket_linger;

use crate::http2::Http2;
use crate::request;
use crate::support::inference::{Form, Inference};
use crate::support::samples::small;
use crate::victim::{Victim, connect, finish};

/// Clients that leave in each way.
const EACH: usize = 50;

/// Closes a connection with a reset.
fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[test]
fn clients_that_leave_before_their_answer_over_http() {
    let victim = Victim::start(&[]);
    let inputs = small().sample_inputs(100, 1);
    let request = Inference::new(&small(), &inputs, Form::Binary)
        .request()
        .bytes();
    victim.withstands(|| {
        for _ in 0..EACH {
            let ask = || {
                let mut stream = connect(victim.server.http());
                stream.write_all(&request).unwrap();
                stream
            };
            // The end of what a client sends counts as its end.
            finish(ask());
            let deaf = ask();
            deaf.shutdown(Shutdown::Read).unwrap();
            drop(deaf);
            reset(ask());
            // In the middle of the request.
            let mut stream = connect(victim.server.http());
            stream.write_all(&request[..request.len() / 2]).unwrap();
            reset(stream);
        }
    });
}

#[test]
fn clients_that_leave_before_their_answer_over_grpc() {
    let victim = Victim::start(&[]);
    let inputs = small().sample_inputs(100, 1);
    let message = request::raw(&small(), &inputs).encode_to_vec();
    victim.withstands(|| {
        for _ in 0..EACH {
            let ask = || {
                let mut connection = Http2::open(victim.server.grpc());
                connection.call("ModelInfer", 1, &message);
                connection.into_stream()
            };
            let mut listening = ask();
            listening.shutdown(Shutdown::Write).unwrap();
            listening.read_exact(&mut [0; 9]).unwrap();
            drop(listening);
            let deaf = ask();
            deaf.shutdown(Shutdown::Read).unwrap();
            drop(deaf);
            reset(ask());
            let mut connection = Http2::open(victim.server.grpc());
            connection.headers("ModelInfer", 1, false);
            connection.message_head(1, 1 << 20);
            reset(connection.into_stream());
        }
    });
}
