//! What works without TLS works with it.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::certificates::{Certificates, Identity, Secured, handshake};
use crate::support::client::{Connection, Request};
use crate::support::inference::{Form, Inference, assert_computed};
use crate::support::samples::{Samples, small};

/// The beginning of an HTTP/2 connection: its preface, and settings without an entry.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn http(certificates: &Certificates, address: SocketAddr) -> Connection<Secured> {
    let config = certificates.client(Some(Identity::Client), &["http/1.1"]);
    Connection::over(handshake(address, config).unwrap())
}

#[test]
fn requests_of_any_size_share_a_connection() {
    let certificates = Certificates::new();
    let samples = Samples::with_small();
    for is_mutual in [false, true] {
        let server = certificates.start(samples.root(), &[], is_mutual);
        let mut connection = http(&certificates, server.http());
        // 4 MB there and back: many records of TLS each way.
        for rows in [1, 70_000, 2, 1000] {
            let inputs = small().sample_inputs(rows, 4);
            let request = Inference::new(&small(), &inputs, Form::Binary).request();
            let response = connection.send(&request).unwrap();
            assert_computed(&response, &small(), &inputs, Form::Binary);
        }
        // The metrics stay without TLS, as in Triton.
        assert_eq!(server.metrics().status, 200);
    }
}

#[test]
fn both_versions_of_tls_are_spoken_and_the_protocol_is_agreed_on() {
    let certificates = Certificates::new();
    let samples = Samples::with_small();
    let server = certificates.start(samples.root(), &[], false);
    for version in rustls::ALL_VERSIONS {
        for (address, protocol) in [(server.http(), "http/1.1"), (server.grpc(), "h2")] {
            let agreed = |offered: &[&str]| {
                let config = certificates.client_of(None, offered, &[version]);
                let stream = handshake(address, config)?;
                assert_eq!(stream.conn.protocol_version(), Some(version.version));
                Ok::<_, std::io::Error>(stream.conn.alpn_protocol().map(<[u8]>::to_vec))
            };
            let both = agreed(&["h2", "http/1.1"]).unwrap();
            assert_eq!(both.as_deref(), Some(protocol.as_bytes()));
            // Old clients say nothing of it.
            assert_eq!(agreed(&[]).unwrap(), None);
            let refused = agreed(&["spdy/3"]).unwrap_err().to_string();
            assert!(refused.contains("NoApplicationProtocol"), "{refused}");
        }
    }
}

#[test]
fn restricted_parts_need_their_header() {
    let certificates = Certificates::new();
    let samples = Samples::with_small();
    let flags = ["--http-restricted-api", "metadata:secret=7"];
    let server = certificates.start(samples.root(), &flags, false);
    let mut connection = http(&certificates, server.http());
    let request = Request::get("/v2");
    assert_eq!(connection.send(&request).unwrap().status, 403);
    let request = request.with_header("secret", 7);
    assert_eq!(connection.send(&request).unwrap().status, 200);
}

#[test]
fn an_old_connection_is_closed() {
    let certificates = Certificates::new();
    let samples = Samples::with_small();
    let flags = [
        "--grpc-max-connection-age",
        "200",
        "--grpc-max-connection-age-grace",
        "100",
    ];
    let server = certificates.start(samples.root(), &flags, false);
    let config = certificates.client(None, &["h2"]);
    let mut stream = handshake(server.grpc(), config).unwrap();
    stream.write_all(PREFACE).unwrap();
    let mut answer = Vec::new();
    // A server may leave without a farewell of TLS.
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    }
    assert!(answer.len() > 9, "settings, and that it is going away");
}

#[test]
fn connections_without_a_request_do_not_keep_the_server_from_ending() {
    let certificates = Certificates::new();
    let samples = Samples::with_small();
    let mut server = certificates.start(samples.root(), &[], true);
    let mut idle = http(&certificates, server.http());
    assert_eq!(idle.send(&Request::get("/v2")).unwrap().status, 200);
    let config = certificates.client(Some(Identity::Client), &["h2"]);
    let _called_nothing = handshake(server.grpc(), config).unwrap();
    let _silent = [server.http(), server.grpc()].map(crate::certificates::connect);
    let start = Instant::now();
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(start.elapsed() < Duration::from_secs(5), "{}", ended.log);
}
