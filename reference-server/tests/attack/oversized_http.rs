//! More than the server takes, over HTTP: what does not end, and what says beforehand that it is too much.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::client::Request;
use crate::victim::{Victim, connect, read_to_end};

/// Largest body that the server takes here.
const LIMIT: usize = 16 << 10;
/// Bytes of something endless that are sent at most: more than sockets hold, so that the server has read
/// the rest, and far more than it may keep.
const ENDLESS: usize = 10 << 20;
/// Clients at the same time.
const CLIENTS: usize = 4;
/// Memory that the front may have in addition, in bytes: less than the clients send.
const MEMORY: u64 = 24 << 20;
/// The beginning of a request with a body in chunks.
const CHUNKED: &str =
    "POST /v2/models/small/infer HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";

fn victim() -> Victim {
    Victim::start(&["--http-max-input-size", &LIMIT.to_string()])
}

/// Sends `part` again and again after `beginning`, and gives what the server answered without having seen
/// an end.
#[track_caller]
fn answer_to_endless(victim: &Victim, beginning: &str, part: &[u8]) -> String {
    let mut stream = connect(victim.server.http());
    stream.write_all(beginning.as_bytes()).unwrap();
    for _ in 0..ENDLESS / part.len() {
        if stream.write_all(part).is_err() {
            break;
        }
    }
    String::from_utf8_lossy(&read_to_end(&mut stream)).into_owned()
}

/// Several clients do the same at the same time. Those that see an answer before the connection is closed
/// see this one.
#[track_caller]
fn all_refused(victim: &Victim, beginning: &str, part: &[u8], expected: &str) {
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let answer = answer_to_endless(victim, beginning, part);
                let is_it = answer.is_empty() || answer.contains(expected);
                assert!(is_it, "no {expected} in {answer}");
            });
        }
    });
}

#[test]
fn heads_without_end() {
    let victim = victim();
    let line = format!("X-Long: {}\r\n", "a".repeat(8000)).into_bytes();
    let short = b"A: b\r\n".repeat(1000);
    victim.withstands_with(MEMORY, || {
        let begun = "GET /v2 HTTP/1.1\r\n";
        all_refused(&victim, begun, &line, "HTTP/1.1 431 ");
        all_refused(&victim, begun, &short, "HTTP/1.1 431 ");
        all_refused(&victim, "GET /", &[b'a'; 8000], "HTTP/1.1 4");
        all_refused(&victim, "", &[b'A'; 8000], "HTTP/1.1 4");
        all_refused(&victim, "", &b"\r\n".repeat(4000), "HTTP/1.1 4");
    });
}

#[test]
fn a_head_at_the_limit_is_taken_and_one_above_is_not() {
    let victim = victim();
    let of_size = |size: usize| {
        let mut request = Request::get("/v2/health/live");
        while request.head().len() + 4000 < size {
            request = request.with_header("X", "a".repeat(3900));
        }
        let rest = size - request.head().len();
        request.with_header("X", "a".repeat(rest.saturating_sub(5)))
    };
    assert_eq!(victim.server.send(&of_size(63 << 10)).status, 200);
    let mut connection = victim.server.connect();
    let answer = connection.send(&of_size(66 << 10));
    // The rest of the head may reset the connection before the answer is read.
    if let Err(error) = &answer {
        let closed = [
            ErrorKind::ConnectionReset,
            ErrorKind::BrokenPipe,
            ErrorKind::UnexpectedEof,
        ];
        assert!(closed.contains(&error.kind()), "{error}");
    }
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 431));
}

#[test]
fn a_length_above_the_limit_is_refused_before_the_body_comes() {
    let victim = victim();
    victim.withstands_with(MEMORY, || {
        for length in ["16385", "1000000000000", "9223372036854775807"] {
            for path in [
                "/v2/models/small/infer",
                "/v2/repository/index",
                "/v2/repository/models/small/load",
                "/v2/systemsharedmemory/region/r/register",
                "/v2/logging",
                "/v2/trace/setting",
            ] {
                let head = format!("POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
                let mut connection = victim.server.connect();
                connection.write(head.as_bytes()).unwrap();
                let answer = connection.read().expect("an answer without a body");
                assert_eq!(answer.status, 400, "{path} {length}: {}", answer.text());
                assert!(
                    answer.text().contains("--http-max-input-size"),
                    "{path} {length}"
                );
            }
        }
    });
}

#[test]
fn bodies_without_end() {
    let victim = victim();
    let chunk = [b"2000\r\n".to_vec(), vec![b' '; 0x2000], b"\r\n".to_vec()].concat();
    let tiny = b"1\r\n \r\n".repeat(1000);
    victim.withstands_with(MEMORY, || {
        all_refused(&victim, CHUNKED, &chunk, "--http-max-input-size");
        all_refused(&victim, CHUNKED, &tiny, "--http-max-input-size");
        // One chunk, whose length says it all.
        let huge = format!("{CHUNKED}7fffffffffffffff\r\n");
        all_refused(&victim, &huge, &[b' '; 8192], "--http-max-input-size");
        all_refused(&victim, CHUNKED, &[b'f'; 8192], "HTTP/1.1 400 ");
    });
}

#[test]
fn chunk_extensions_and_trailers_without_end() {
    let victim = victim();
    victim.withstands_with(MEMORY, || {
        let extension = format!("{CHUNKED}1;");
        all_refused(&victim, &extension, &[b'a'; 8192], "HTTP/1.1 400 ");
        let each = [b"1;".to_vec(), vec![b'a'; 1000], b"\r\n \r\n".to_vec()].concat();
        all_refused(&victim, CHUNKED, &each, "HTTP/1.1 400 ");
        let trailers = format!("{CHUNKED}0\r\n");
        all_refused(
            &victim,
            &trailers,
            &b"A: b\r\n".repeat(1000),
            "HTTP/1.1 400 ",
        );
        all_refused(&victim, &trailers, &[b'a'; 8192], "HTTP/1.1 400 ");
    });
}

#[test]
fn what_grows_when_it_is_decompressed() {
    let victim = victim();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![b' '; 1 << 20];
    (0..512).for_each(|_| encoder.write_all(&zeros).unwrap());
    let once = encoder.finish().unwrap();
    let requests = ["/v2/models/small/infer", "/v2/repository/index"]
        .map(|path| Request::post(path, once.clone()).with_header("Content-Encoding", "gzip"));
    victim.withstands_with(MEMORY, || {
        std::thread::scope(|scope| {
            for request in requests.iter().cycle().take(CLIENTS) {
                scope.spawn(|| {
                    let answer = victim.server.send(request);
                    assert_eq!(answer.status, 400, "{}", answer.text());
                    assert!(answer.text().contains("--http-max-input-size"));
                });
            }
        });
    });
}

/// Large bodies within the limit that are announced and do not come take no memory.
#[test]
fn what_is_announced_takes_no_memory() {
    let victim = Victim::start(&[]);
    let rows = (900 << 20) / 64;
    let header = format!(
        r#"{{"inputs":[{{"name":"x","datatype":"FP32","shape":[{rows},16],"parameters":{{"binary_data_size":{}}}}}]}}"#,
        rows * 64
    );
    let head = format!(
        "POST /v2/models/small/infer HTTP/1.1\r\nHost: test\r\nInference-Header-Content-Length: {}\r\n\
         Content-Length: {}\r\n\r\n{header}",
        header.len(),
        header.len() + rows * 64
    );
    victim.withstands_with(MEMORY, || {
        let mut streams: Vec<TcpStream> = (0..50)
            .map(|_| {
                let mut stream = connect(victim.server.http());
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(&[0; 1000]).unwrap();
                stream
            })
            .collect();
        for stream in &mut streams {
            let answer = String::from_utf8(read_to_end(stream)).unwrap();
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        }
    });
}
