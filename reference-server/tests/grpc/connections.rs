//! Compression, limits, the age of connections, and the end of the server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proto::inference::ServerLiveRequest;
use rustix::process::Signal;
use tonic::Code;
use tonic::codec::CompressionEncoding;

use crate::client::{Client, Inference, assert_refused};
use crate::request::{assert_computed, one_input, raw};
use crate::support::deadline::{DEADLINE, wait_until};
use crate::support::samples::{Samples, batching, small};
use crate::support::server::{Server, run_to_end};

#[test]
fn both_directions_may_be_compressed() {
    let samples = Samples::with_small();
    for level in ["none", "high"] {
        let server = Server::start(
            samples.root(),
            &["--grpc-infer-response-compression-level", level],
        );
        for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Deflate] {
            let compressing = |inference: Inference| {
                inference
                    .send_compressed(encoding)
                    .accept_compressed(encoding)
            };
            let client = Client::connect(&server).with(compressing);
            let inputs = small().sample_inputs(500, 4);
            let request = raw(&small(), &inputs);
            let mut encoded = None;
            let response = client
                .call(async |service| {
                    let response = service.model_infer(request).await?;
                    encoded = response
                        .metadata()
                        .get("grpc-encoding")
                        .map(|value| value.to_str().unwrap().to_owned());
                    Ok(response)
                })
                .unwrap();
            assert_computed(&response, &small(), &inputs);
            let expected = (level == "high").then(|| encoding.to_string());
            assert_eq!(encoded, expected, "level {level}");
        }
    }
}

#[test]
fn a_message_above_the_limit_is_refused() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &["--grpc-max-input-size", "100000"]);
    let client = Client::connect(&server);
    let request = |rows: usize| {
        one_input(
            "small",
            "FP32",
            &[rows as i64, 16],
            Bytes::from(vec![0; rows * 64]),
        )
    };
    client.infer(request(1500)).unwrap();
    assert_refused(
        client.infer(request(1600)),
        Code::OutOfRange,
        &["the limit is: 100000 bytes"],
    );
    // What is small on the wire counts with its real size.
    let compressing = client.with(|inference| inference.send_compressed(CompressionEncoding::Gzip));
    assert_refused(
        compressing.infer(request(100_000)),
        Code::ResourceExhausted,
        &["100000 bytes"],
    );
    compressing.infer(request(1)).unwrap();
}

#[test]
fn an_old_connection_is_closed() {
    let samples = Samples::with_small();
    let server = Server::start(
        samples.root(),
        &[
            "--grpc-max-connection-age",
            "100",
            "--grpc-max-connection-age-grace",
            "100",
        ],
    );
    // A client that opens an HTTP/2 connection with its settings, and then sleeps.
    let mut connection = TcpStream::connect(server.grpc()).unwrap();
    connection.set_read_timeout(Some(DEADLINE)).unwrap();
    connection
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    assert!(!answer.is_empty());
}

#[test]
fn an_idle_connection_does_not_keep_the_server_from_ending() {
    let samples = Samples::with_small();
    let mut server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    client
        .call(async |service| service.server_live(ServerLiveRequest {}).await)
        .unwrap();
    // A client that connected and never said a word.
    let _silent = TcpStream::connect(server.grpc()).unwrap();
    let start = Instant::now();
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(start.elapsed() < Duration::from_secs(5), "{}", ended.log);
}

#[test]
fn calls_under_way_are_finished() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| {
        configuration.max_batch_size = 8;
        configuration.dynamic_batching = Some(batching(1_500_000));
    });
    let mut server = Server::start(samples.root(), &[]);
    let address = server.grpc();
    let inputs = small().sample_inputs(2, 4);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let response = Client::connect_to(address).infer(raw(&small(), &inputs));
            assert_computed(&response.unwrap(), &small(), &inputs);
        });
        wait_until("the request waits for its batch", || {
            server.metric("nv_inference_pending_request_count", "small") > 0.0
        });
        server.signal(Signal::TERM);
        waiting.join().unwrap();
    });
    assert_eq!(server.wait().status.code(), Some(0));
}

#[test]
fn a_port_in_use_is_told_with_its_flag() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let port = server.grpc().port().to_string();
    let taken = run_to_end(samples.root(), &["--grpc-port", &port]);
    assert_eq!(taken.status.code(), Some(1), "{}", taken.log);
    assert!(taken.log.contains(&port), "{}", taken.log);
    assert!(taken.log.contains("--grpc-port"), "{}", taken.log);
    // Without gRPC the port does not matter.
    let without = Server::start(
        samples.root(),
        &["--allow-grpc=false", "--grpc-port", &port],
    );
    assert!(!without.log().contains("gRPC"), "{}", without.log());
}
