//! Closed-loop load over HTTP/1.1: every slot sends its next request when its last one is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::null_server;

/// The header that tells how long the JSON part of a body is, in requests and answers with binary
/// tensors (KServe v2, binary tensor data extension).
pub const JSON_LENGTH_HEADER: &str = "Inference-Header-Content-Length";

/// A request that is sent again and again.
#[derive(Debug, Clone)]
pub struct PreparedRequest {
    /// The path, such as `/v2/models/bias_gelu/infer`.
    pub path: String,
    /// Header names and values beside `Host` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// An answer to a prepared request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Value of [`JSON_LENGTH_HEADER`], where there is one.
    pub json_length: Option<usize>,
    /// The body.
    pub body: Bytes,
}

/// Why load could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The operating system gave no asynchronous runtime or no port.
    #[error("failed to set up the load generator: {0}; free some memory or file descriptors")]
    SetUp(#[source] std::io::Error),
    /// No connection.
    #[error("failed to connect the load generator to {address}: {source}; is the server running?")]
    Connect {
        /// The server's address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The connection broke or did not speak HTTP/1.1.
    #[error("failed to exchange {path} with {address}: {source}; the server's log says more")]
    Exchange {
        /// The request's path.
        path: String,
        /// The server's address.
        address: SocketAddr,
        /// What hyper said.
        source: hyper::Error,
    },
    /// The path or a header cannot be sent.
    #[error("failed to build the request for {path}: {source}")]
    Request {
        /// The request's path.
        path: String,
        /// What is wrong with it.
        source: hyper::http::Error,
    },
    /// The server did not answer 200.
    #[error("failed to measure {path}: the server answered {status}: {text}")]
    Status {
        /// The request's path.
        path: String,
        /// The status.
        status: u16,
        /// The body's beginning.
        text: String,
    },
}

/// Connections that are kept open between rounds, one for each slot of the concurrency.
///
/// Generator and connections share one thread, as the server has the machine's other processors.
#[derive(Debug)]
pub struct LoadGenerator {
    runtime: Runtime,
    address: SocketAddr,
    slots: Vec<SendRequest<Full<Bytes>>>,
}

impl LoadGenerator {
    /// Opens `concurrency` connections to `address`.
    ///
    /// # Errors
    /// [`LoadError::SetUp`], [`LoadError::Connect`], [`LoadError::Exchange`].
    pub fn connect(address: SocketAddr, concurrency: u32) -> Result<Self, LoadError> {
        let runtime = current_thread_runtime()?;
        let slots = runtime.block_on(open(address, concurrency))?;
        Ok(Self {
            runtime,
            address,
            slots,
        })
    }

    /// Opens `concurrency` connections to a null server on the generator's own thread that
    /// answers with `answer`. Latencies then hold the generator's work *and* the null server's:
    /// an upper bound of what the generator adds.
    ///
    /// # Errors
    /// As [`LoadGenerator::connect`].
    pub fn connect_null(answer: Bytes, concurrency: u32) -> Result<Self, LoadError> {
        let runtime = current_thread_runtime()?;
        let (address, slots) = runtime.block_on(async {
            let address = null_server::start(answer).await.map_err(LoadError::SetUp)?;
            Ok::<_, LoadError>((address, open(address, concurrency).await?))
        })?;
        Ok(Self {
            runtime,
            address,
            slots,
        })
    }

    /// Sends one request and returns the answer, to be looked at before load is generated.
    ///
    /// # Errors
    /// [`LoadError::Request`], [`LoadError::Exchange`], [`LoadError::Status`].
    pub fn once(&mut self, request: &PreparedRequest) -> Result<Answer, LoadError> {
        let Self {
            runtime,
            address,
            slots,
        } = self;
        runtime.block_on(exchange(&mut slots[0], *address, request))
    }

    /// Generates load for `duration`; returns every latency in microseconds, from the first byte
    /// handed over to the last byte received.
    ///
    /// # Errors
    /// The first failed request ends the round: [`LoadError::Exchange`], [`LoadError::Status`].
    pub fn run(
        &mut self,
        request: &PreparedRequest,
        duration: Duration,
    ) -> Result<Vec<f64>, LoadError> {
        let Self {
            runtime,
            address,
            slots,
        } = self;
        let end = Instant::now() + duration;
        let latencies = runtime.block_on(try_join_all(
            slots
                .iter_mut()
                .map(|slot| closed_loop(slot, *address, request, end)),
        ))?;
        Ok(latencies.into_iter().flatten().collect())
    }
}

fn current_thread_runtime() -> Result<Runtime, LoadError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(LoadError::SetUp)
}

async fn open(
    address: SocketAddr,
    concurrency: u32,
) -> Result<Vec<SendRequest<Full<Bytes>>>, LoadError> {
    let mut slots = Vec::new();
    for _ in 0..concurrency.max(1) {
        let connect = |source| LoadError::Connect { address, source };
        let stream = TcpStream::connect(address).await.map_err(connect)?;
        stream.set_nodelay(true).map_err(connect)?;
        let (sender, connection) =
            handshake(TokioIo::new(stream))
                .await
                .map_err(|source| LoadError::Exchange {
                    path: "a connection".to_owned(),
                    address,
                    source,
                })?;
        // A broken connection shows as an error of the request that is on it.
        tokio::spawn(async move { drop(connection.await) });
        slots.push(sender);
    }
    Ok(slots)
}

async fn closed_loop(
    slot: &mut SendRequest<Full<Bytes>>,
    address: SocketAddr,
    request: &PreparedRequest,
    end: Instant,
) -> Result<Vec<f64>, LoadError> {
    let mut latencies = Vec::new();
    loop {
        let begin = Instant::now();
        exchange(slot, address, request).await?;
        let now = Instant::now();
        latencies.push((now - begin).as_secs_f64() * 1e6);
        if now >= end {
            return Ok(latencies);
        }
    }
}

async fn exchange(
    slot: &mut SendRequest<Full<Bytes>>,
    address: SocketAddr,
    request: &PreparedRequest,
) -> Result<Answer, LoadError> {
    let failed = |source| LoadError::Exchange {
        path: request.path.clone(),
        address,
        source,
    };
    let mut message = Request::post(&request.path).header("Host", "127.0.0.1");
    for (name, value) in &request.headers {
        message = message.header(name, value);
    }
    let message = message
        .body(Full::new(request.body.clone()))
        .map_err(|source| LoadError::Request {
            path: request.path.clone(),
            source,
        })?;
    slot.ready().await.map_err(failed)?;
    let response = slot.send_request(message).await.map_err(failed)?;
    let status = response.status();
    let json_length = response
        .headers()
        .get(JSON_LENGTH_HEADER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(failed)?
        .to_bytes();
    if status != hyper::StatusCode::OK {
        let text = String::from_utf8_lossy(&body).chars().take(300).collect();
        return Err(LoadError::Status {
            path: request.path.clone(),
            status: status.as_u16(),
            text,
        });
    }
    Ok(Answer { json_length, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: usize) -> PreparedRequest {
        PreparedRequest {
            path: "/v2/models/null/infer".into(),
            headers: vec![("Inference-Header-Content-Length".into(), "0".into())],
            body: Bytes::from(vec![7; bytes]),
        }
    }

    #[test]
    fn every_slot_is_answered_by_the_null_server() {
        for concurrency in [1, 4] {
            let answer = Bytes::from_static(b"fixed");
            let mut generator = LoadGenerator::connect_null(answer.clone(), concurrency).unwrap();
            assert_eq!(generator.once(&request(10)).unwrap().body, answer);
            let latencies = generator
                .run(&request(100_000), Duration::from_millis(20))
                .unwrap();
            assert!(latencies.len() >= concurrency as usize);
            assert!(latencies.iter().all(|latency| *latency > 0.0));
        }
    }

    #[test]
    fn a_closed_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = LoadGenerator::connect(address, 1).unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }

    #[test]
    fn another_status_than_200_ends_the_round_with_its_text() {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut first = [0; 64];
            let read = stream.read(&mut first).unwrap();
            assert!(first[..read].starts_with(b"POST /v2/models/null/infer"));
            let body = r#"{"error":"no such model"}"#;
            write!(
                stream,
                "HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        });
        let mut generator = LoadGenerator::connect(address, 1).unwrap();
        let error = generator
            .run(&request(0), Duration::from_secs(5))
            .unwrap_err();
        server.join().unwrap();
        assert_eq!(
            error.to_string(),
            r#"failed to measure /v2/models/null/infer: the server answered 404: {"error":"no such model"}"#
        );
    }
}
