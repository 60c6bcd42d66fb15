//! Connections to a server, and one exchange over one.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::http::response::Parts;
use hyper::{HeaderMap, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::endpoint::{Endpoint, Protocol};
use super::request::Request;
use super::tls::Tls;
use crate::measurement::JSON_LENGTH_HEADER;

/// How many calls under way share one HTTP/2 connection: as many as in Triton's C++ client.
const CALLS_PER_CONNECTION: u32 = 6;
/// How far a server may send ahead on one stream and on a connection, in bytes: enough that tensors
/// do not wait for the generator's permission.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 128 << 20;

/// An answer's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Length of the JSON part, where the server tells one (HTTP).
    pub json_length: Option<usize>,
    /// The body; for gRPC the message. Empty where it was not kept.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server refused.
    #[error("the server answered {0}")]
    Refused(String),
    /// The connection could not be opened, broke, or did not speak the protocol.
    #[error("no answer: {0}")]
    Broken(String),
    /// It took too long.
    #[error("no answer within {0:?}")]
    TimedOut(std::time::Duration),
}

/// Opens connections to one server.
#[derive(Debug)]
pub struct Connector {
    protocol: Protocol,
    address: SocketAddr,
    tls: Option<Tls>,
    /// HTTP/2 connections that are shared, by number.
    shared: Mutex<Vec<Option<h2::client::SendRequest<Bytes>>>>,
}

/// A connection, or a share of one.
#[derive(Debug)]
pub enum Connection {
    /// HTTP/1.1.
    Http(http1::SendRequest<Full<Bytes>>),
    /// HTTP/2 with gRPC.
    Grpc(h2::client::SendRequest<Bytes>),
}

impl Connector {
    /// To the server at `address`, with `tls` where the endpoint is one with TLS.
    pub fn new(endpoint: &Endpoint, address: SocketAddr, tls: Option<Tls>) -> Self {
        Self {
            protocol: endpoint.protocol,
            address,
            tls,
            shared: Mutex::default(),
        }
    }

    /// The connection of slot number `slot`, which it may share with others.
    ///
    /// # Errors
    /// [`Failure::Broken`].
    pub async fn connect(&self, slot: u32) -> Result<Connection, Failure> {
        match self.protocol {
            Protocol::Http => {
                let stream = self.stream().await?;
                let sender = match &self.tls {
                    None => self.begin_http(stream).await?,
                    Some(tls) => self.begin_http(tls.handshake(stream).await?).await?,
                };
                Ok(Connection::Http(sender))
            }
            Protocol::Grpc => {
                let index = (slot / CALLS_PER_CONNECTION) as usize;
                let mut shared = self.shared.lock().await;
                if shared.len() <= index {
                    shared.resize_with(index + 1, || None);
                }
                if let Some(open) = &shared[index]
                    && let Ok(open) = open.clone().ready().await
                {
                    return Ok(Connection::Grpc(open));
                }
                let stream = self.stream().await?;
                let sender = match &self.tls {
                    None => self.begin_grpc(stream).await?,
                    Some(tls) => self.begin_grpc(tls.handshake(stream).await?).await?,
                };
                shared[index] = Some(sender.clone());
                Ok(Connection::Grpc(sender))
            }
        }
    }

    async fn begin_http<S>(&self, stream: S) -> Result<http1::SendRequest<Full<Bytes>>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| self.broken(&error))?;
        // A broken connection shows as an error of the request that is on it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn begin_grpc<S>(&self, stream: S) -> Result<h2::client::SendRequest<Bytes>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false)
            .handshake::<_, Bytes>(stream)
            .await;
        let (sender, connection) = handshake.map_err(|error| self.broken(&error))?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    fn broken(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::Broken(format!("the connection to {}: {error}", self.address))
    }

    async fn stream(&self) -> Result<TcpStream, Failure> {
        let open = async {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            Ok::<_, std::io::Error>(stream)
        };
        open.await
            .map_err(|error| Failure::Broken(format!("connecting to {}: {error}", self.address)))
    }
}

impl Connection {
    /// Whether the server has closed it already.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Http(sender) => sender.is_closed(),
            // What shares an HTTP/2 connection finds out with its next call.
            Self::Grpc(_) => false,
        }
    }

    /// Sends a request and receives the answer to its end; `keep` says whether its body is wanted.
    ///
    /// # Errors
    /// [`Failure::Refused`], [`Failure::Broken`].
    pub async fn exchange(&mut self, request: &Request, keep: bool) -> Result<Answer, Failure> {
        match self {
            Self::Http(sender) => over_http(sender, request, keep).await,
            Self::Grpc(sender) => over_grpc(sender, request, keep).await,
        }
    }
}

/// An error with its causes.
fn broken(error: impl std::error::Error) -> Failure {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    Failure::Broken(text)
}

/// The beginning of a text that a server sent.
fn beginning(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(300).collect()
}

async fn over_http(
    sender: &mut http1::SendRequest<Full<Bytes>>,
    request: &Request,
    keep: bool,
) -> Result<Answer, Failure> {
    let mut message = hyper::Request::new(Full::new(request.body.clone()));
    *message.method_mut() = request.method.clone();
    *message.uri_mut() = request.uri.clone();
    *message.headers_mut() = request.headers.clone();
    sender.ready().await.map_err(broken)?;
    let response = sender.send_request(message).await.map_err(broken)?;
    let (
        Parts {
            status, headers, ..
        },
        mut body,
    ) = response.into_parts();
    if status == StatusCode::OK && !keep {
        while let Some(frame) = body.frame().await {
            frame.map_err(broken)?;
        }
        return Ok(Answer {
            json_length: None,
            body: Bytes::new(),
        });
    }
    let body = body.collect().await.map_err(broken)?.to_bytes();
    if status != StatusCode::OK {
        let text = beginning(&body);
        return Err(Failure::Refused(format!("{}: {text}", status.as_u16())));
    }
    let json_length = headers.get(JSON_LENGTH_HEADER);
    Ok(Answer {
        json_length: json_length.and_then(|value| value.to_str().ok()?.parse().ok()),
        body,
    })
}

async fn over_grpc(
    sender: &mut h2::client::SendRequest<Bytes>,
    request: &Request,
    keep: bool,
) -> Result<Answer, Failure> {
    let mut message = hyper::Request::new(());
    *message.method_mut() = request.method.clone();
    *message.uri_mut() = request.uri.clone();
    *message.headers_mut() = request.headers.clone();
    *message.version_mut() = hyper::Version::HTTP_2;
    *sender = sender.clone().ready().await.map_err(broken)?;
    let (response, mut stream) = sender.send_request(message, false).map_err(broken)?;
    // The stream keeps what the server's window does not take yet.
    stream
        .send_data(request.body.clone(), true)
        .map_err(broken)?;
    let response = response.await.map_err(broken)?;
    let (
        Parts {
            status, headers, ..
        },
        mut body,
    ) = response.into_parts();
    if status != StatusCode::OK {
        return Err(Failure::Refused(format!("HTTP status {status}")));
    }
    let mut kept = Vec::new();
    let mut received = 0;
    let mut whole = Bytes::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(broken)?;
        let length = data.len();
        // What is released lets the server send on.
        body.flow_control()
            .release_capacity(length)
            .map_err(broken)?;
        if keep {
            if received == 0 {
                whole = data;
            } else {
                if kept.is_empty() {
                    kept.extend_from_slice(&whole);
                }
                kept.extend_from_slice(&data);
            }
        }
        received += length;
    }
    let trailers = body.trailers().await.map_err(broken)?;
    // A call that is refused at once has its status among the headers.
    status_of(trailers.as_ref().unwrap_or(&headers))?;
    if !keep {
        return Ok(Answer {
            json_length: None,
            body: Bytes::new(),
        });
    }
    let whole = if kept.is_empty() { whole } else { kept.into() };
    let is_whole = whole.first() == Some(&0)
        && whole.get(1..5).is_some_and(|length| {
            u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize
                == whole.len() - 5
        });
    if !is_whole {
        return Err(Failure::Broken(
            "the answer is not one plain message".into(),
        ));
    }
    Ok(Answer {
        json_length: None,
        body: whole.slice(5..),
    })
}

/// The status of a call (gRPC over HTTP/2: `grpc-status`, and `grpc-message` with percent-encoding).
fn status_of(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get("grpc-status").map(|value| value.as_bytes()) {
        Some(b"0") => Ok(()),
        Some(code) => {
            let message = headers.get("grpc-message");
            let message = message.map(|value| percent_decoded(value.as_bytes()));
            Err(Failure::Refused(format!(
                "gRPC status {}: {}",
                beginning(code),
                beginning(&message.unwrap_or_default())
            )))
        }
        None => Err(Failure::Broken(
            "the call ended without a gRPC status".into(),
        )),
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        match (*first, behind) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                let value = hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0);
                decoded.push(value as u8);
                rest = after;
            }
            (byte, after) => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_status_is_read_with_its_message() {
        let mut headers = HeaderMap::new();
        assert!(matches!(status_of(&headers), Err(Failure::Broken(_))));
        headers.insert("grpc-status", "0".parse().unwrap());
        assert_eq!(status_of(&headers), Ok(()));
        headers.insert("grpc-status", "5".parse().unwrap());
        headers.insert("grpc-message", "no%20model%0Aof 100%".parse().unwrap());
        let refused = Failure::Refused("gRPC status 5: no model\nof 100%".into());
        assert_eq!(status_of(&headers), Err(refused));
    }

    proptest! {
        #[test]
        fn any_message_is_decoded(text in proptest::collection::vec(any::<u8>(), 0..30)) {
            prop_assert!(percent_decoded(&text).len() <= text.len());
        }
    }
}
