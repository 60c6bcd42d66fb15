//! Compressed bodies in both directions.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::support::client::{Request, Response};
use crate::support::inference::{Form, Inference, assert_computed};
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// The response as it was before it was compressed.
fn decompressed(mut response: Response) -> Response {
    let mut body = Vec::new();
    match response.header("content-encoding") {
        Some("gzip") => GzDecoder::new(&*response.body).read_to_end(&mut body),
        Some("deflate") => ZlibDecoder::new(&*response.body).read_to_end(&mut body),
        other => panic!("the response is not compressed: {other:?}"),
    }
    .unwrap();
    response.body = body;
    response
}

#[test]
fn requests_may_be_compressed() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let inputs = small().sample_inputs(50, 1);
    type Compress = fn(&[u8]) -> Vec<u8>;
    let encodings: [(&str, Compress); 3] =
        [("gzip", gzip), ("deflate", zlib), ("deflate", raw_deflate)];
    for form in [Form::Json, Form::Binary] {
        let plain = Inference::new(&small(), &inputs, form).request();
        for (encoding, compress) in encodings {
            let mut request = plain.clone().with_header("Content-Encoding", encoding);
            request.body = compress(&plain.body);
            for request in [request.clone(), request.in_chunks(40)] {
                let response = server.send(&request);
                assert_eq!(response.header("content-encoding"), None);
                assert_computed(&response, &small(), &inputs, form);
            }
        }
    }
}

#[test]
fn responses_are_compressed_where_the_client_accepts_it() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let inputs = small().sample_inputs(50, 2);
    for form in [Form::Json, Form::Binary] {
        let plain = Inference::new(&small(), &inputs, form).request();
        for (accepted, expected) in [
            ("gzip", "gzip"),
            ("deflate", "deflate"),
            ("gzip;q=0.2, deflate;q=0.9", "deflate"),
            ("br, gzip", "gzip"),
        ] {
            let response = server.send(&plain.clone().with_header("Accept-Encoding", accepted));
            assert_eq!(response.header("content-encoding"), Some(expected));
            assert_computed(&decompressed(response), &small(), &inputs, form);
        }
        for accepted in ["identity", "br", "gzip;q=0"] {
            let response = server.send(&plain.clone().with_header("Accept-Encoding", accepted));
            assert_eq!(response.header("content-encoding"), None, "{accepted}");
            assert_computed(&response, &small(), &inputs, form);
        }
    }
}

#[test]
fn repository_requests_may_be_compressed() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let mut request =
        Request::post("/v2/repository/index", "").with_header("Content-Encoding", "gzip");
    request.body = gzip(br#"{"ready":true}"#);
    let index = server.send(&request).json();
    assert_eq!(index.as_array().map(Vec::len), Some(1), "{index}");
}
