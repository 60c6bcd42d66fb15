//! Clients that do not get in, and those beside them that do.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use crate::certificates::{Certificates, Identity, connect, handshake};
use crate::support::samples::Samples;
use crate::support::server::Server;

/// How long a client may take for its handshake, as the server has it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first byte of an alert of TLS.
const ALERT: u8 = 21;

/// Nothing of what clients do wrong is a warning.
#[track_caller]
fn assert_quiet(server: &Server) {
    let log = server.log();
    let loud = |line: &&str| line.contains("WARN") || line.contains("ERROR");
    assert_eq!(log.lines().find(loud), None);
}

/// What comes until the server closes the connection.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => answer,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => answer,
        Err(error) => panic!("the server did not close the connection: {error}"),
    }
}

#[test]
fn a_client_without_tls_gets_an_alert() {
    let certificates = Certificates::new();
    let samples = Samples::with_small();
    let server = certificates.start(samples.root(), &[], false);
    for address in [server.http(), server.grpc()] {
        for words in [
            &b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            &[0; 100_000],
            // A handshake of no known version.
            b"\x16\x09\x09\0\x05\x01\0\0\x01\x09",
        ] {
            let mut stream = connect(address).unwrap();
            // The server may have closed it before all is sent.
            let _ = stream.write_all(words);
            let answer = rest(&mut stream);
            assert!(matches!(answer.first(), Some(&ALERT) | None), "{answer:?}");
        }
        assert_eq!(certificates.get(&server, "/v2/health/live").status, 200);
    }
    assert_quiet(&server);
}

#[test]
fn mutual_tls_takes_clients_of_its_authority_alone() {
    let certificates = Certificates::new();
    let samples = Samples::with_small();
    let server = certificates.start(samples.root(), &[], true);
    // With TLS 1.3 the client has done its part before the server has judged it.
    let judged = |address: SocketAddr, config: ClientConfig| {
        let mut stream = handshake(address, config)?;
        stream.write_all(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n")?;
        stream.read_exact(&mut [0])
    };
    for (address, protocol) in [(server.http(), "http/1.1"), (server.grpc(), "h2")] {
        for version in rustls::ALL_VERSIONS {
            let of = |identity| {
                let config = certificates.client_of(identity, &[protocol], &[version]);
                judged(address, config)
            };
            of(Some(Identity::Client)).unwrap();
            let alert = |identity| of(identity).unwrap_err().to_string();
            let none = alert(None);
            // TLS 1.2 has no word for a certificate that is missing.
            assert!(
                none.contains("CertificateRequired") || none.contains("HandshakeFailure"),
                "{none}"
            );
            let foreign = alert(Some(Identity::Foreign));
            assert!(
                foreign.contains("UnknownCA") || foreign.contains("DecryptError"),
                "{foreign}"
            );
            let expired = alert(Some(Identity::Expired));
            assert!(expired.contains("CertificateExpired"), "{expired}");
        }
    }
    assert_eq!(certificates.get(&server, "/v2/health/live").status, 200);
    assert_quiet(&server);
}

#[test]
fn a_handshake_that_does_not_end_is_ended_and_holds_up_nobody() {
    let certificates = Certificates::new();
    let samples = Samples::with_small();
    let flags = ["--http-thread-count", "1", "--client-timeout", "10"];
    let server = certificates.start(samples.root(), &flags, false);
    let start = Instant::now();
    let mut slow = Vec::new();
    for address in [server.http(), server.grpc()] {
        // Some say nothing, some begin a record of 512 bytes, of which the rest does not come.
        for words in [&b""[..], b"\x16\x03\x01\x02\0\x01"] {
            for _ in 0..25 {
                let mut stream = connect(address).unwrap();
                stream.write_all(words).unwrap();
                stream.set_read_timeout(Some(PATIENCE * 2)).unwrap();
                slow.push(stream);
            }
        }
    }
    let grpc = certificates.client(None, &["h2"]);
    for _ in 0..5 {
        assert_eq!(certificates.get(&server, "/v2/health/ready").status, 200);
        handshake(server.grpc(), grpc.clone()).unwrap();
    }
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    for stream in &mut slow {
        assert_eq!(rest(stream), b"");
        let waited = start.elapsed();
        assert!(waited > PATIENCE - Duration::from_secs(1), "{waited:?}");
        assert!(waited < PATIENCE + Duration::from_secs(20), "{waited:?}");
    }
    assert_eq!(certificates.get(&server, "/v2/health/ready").status, 200);
    assert_quiet(&server);
}
