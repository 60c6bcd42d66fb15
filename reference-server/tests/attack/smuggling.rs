//! Requests whose end two servers on the way could see in different places (RFC 9112, sections 6 and 11.2).
//! What stands behind that end must never be answered as a request.

use std::io::Write;

use crate::victim::{Victim, connect, finish};

/// What is smuggled. The answer to it would name the server.
const HIDDEN: &str = "GET /v2 HTTP/1.1\r\nHost: test\r\n\r\n";

/// How many answers there are, and the status of the first.
fn answers(text: &str) -> (usize, Option<&str>) {
    let mut statuses = text.match_indices("HTTP/1.1 ");
    let first = statuses
        .next()
        .map(|(at, found)| &text[at + found.len()..][..3]);
    (text.matches("HTTP/1.1 ").count(), first)
}

#[test]
fn what_is_ambiguous_is_refused_and_the_connection_closed() {
    let victim = Victim::start(&[]);
    let length = HIDDEN.len();
    let post = |headers: &str, body: &str| {
        format!("POST /v2/repository/index HTTP/1.1\r\nHost: test\r\n{headers}\r\n{body}")
    };
    let chunk = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let cases = [
        (
            "two lengths",
            post(
                &format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
                HIDDEN,
            ),
        ),
        (
            "two lengths in one",
            post(&format!("Content-Length: 0, {length}\r\n"), HIDDEN),
        ),
        (
            "a length with a sign",
            post(&format!("Content-Length: +{length}\r\n"), HIDDEN),
        ),
        (
            "a length in hexadecimal",
            post("Content-Length: 0x0\r\n", HIDDEN),
        ),
        (
            "chunks that are not the last encoding",
            post("Transfer-Encoding: chunked, identity\r\n", &chunk),
        ),
        (
            "an encoding that nobody knows",
            post("Transfer-Encoding: xchunked\r\n", &chunk),
        ),
        (
            "a space before the colon",
            post("Transfer-Encoding : chunked\r\n", &chunk),
        ),
        (
            "a header on two lines",
            post(&format!("X: a\r\n Content-Length: {length}\r\n"), HIDDEN),
        ),
        (
            "a header without a name",
            post(&format!(": a\r\nContent-Length: {length}\r\n"), HIDDEN),
        ),
        ("a NUL in a header", post("X: a\0b\r\n", HIDDEN)),
        (
            "a bare carriage return",
            post("X: a\rContent-Length: 0\r\n", HIDDEN),
        ),
        (
            "a chunk's length with a sign",
            post("Transfer-Encoding: chunked\r\n", &format!("-1\r\n{HIDDEN}")),
        ),
        (
            "a chunk's length beyond 64 bits",
            post(
                "Transfer-Encoding: chunked\r\n",
                &format!("10000000000000000\r\n{HIDDEN}"),
            ),
        ),
        (
            "a chunk that is longer than it says",
            post("Transfer-Encoding: chunked\r\n", &format!("1\r\n {HIDDEN}")),
        ),
    ];
    victim.withstands(|| {
        for (what, request) in &cases {
            let mut stream = connect(victim.server.http());
            stream.write_all(request.as_bytes()).unwrap();
            let text = String::from_utf8(finish(stream)).unwrap();
            assert!(!text.contains("reference-server"), "{what}: {text}");
            let (count, first) = answers(&text);
            assert!(count <= 1, "{what}: {text}");
            assert!(first.is_none_or(|first| first == "400"), "{what}: {text}");
        }
    });
}

/// RFC 9112 lets a server take such a request by its chunks, if it closes the connection afterwards.
#[test]
fn a_length_beside_chunks_does_not_count() {
    let victim = Victim::start(&[]);
    for order in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        let request = format!(
            "POST /v2/repository/index HTTP/1.1\r\nHost: test\r\n{order}\r\n\r\n0\r\n\r\n{HIDDEN}"
        );
        let mut stream = connect(victim.server.http());
        stream.write_all(request.as_bytes()).unwrap();
        let text = String::from_utf8(finish(stream)).unwrap();
        let (count, _) = answers(&text);
        assert_eq!(count, 1, "{text}");
        assert!(!text.contains("reference-server"), "{text}");
    }
}
