//! A connection to a server.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{RequestBuilder, Response};
use serde::Deserialize;
use serde_json::Value;

use super::body::{Answer, HEADER_LENGTH, InferenceRequest, MalformedAnswer};
use super::metadata::{ModelMetadata, TensorMetadata, output_metadata};

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered with an error.
    #[error("{request} was refused with status {status}: {text}")]
    Refused {
        /// Method and path.
        request: String,
        /// HTTP status.
        status: u16,
        /// The server's own text: the field `error` of its JSON body, or the whole body.
        text: String,
    },
    /// No answer within the time limit.
    #[error("{request} was not answered within {limit:?}")]
    TimedOut {
        /// Method and path.
        request: String,
        /// The limit.
        limit: Duration,
    },
    /// The connection could not be made, or ended before the answer did.
    #[error("{request} got no answer: {reason}")]
    Connection {
        /// Method and path.
        request: String,
        /// Why, outermost cause first.
        reason: String,
    },
    /// The answer does not follow the protocol.
    #[error("{request}: {source}")]
    Malformed {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        source: MalformedAnswer,
    },
    /// The client itself cannot be set up.
    #[error("could not set up an HTTP client: {0}")]
    SetUp(String),
}

impl ClientError {
    /// The server's own text where it refused, the whole error otherwise.
    pub fn text(&self) -> String {
        match self {
            Self::Refused { text, .. } => text.clone(),
            other => other.to_string(),
        }
    }

    /// The HTTP status where the server refused.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// One line of the repository index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IndexEntry {
    /// Model name.
    pub name: String,
    /// Version; empty where no version was tried.
    #[serde(default)]
    pub version: String,
    /// `READY`, `UNAVAILABLE`, `LOADING`, `UNLOADING`; empty where the model was never loaded.
    #[serde(default)]
    pub state: String,
    /// Why it is in that state.
    #[serde(default)]
    pub reason: String,
}

/// A client of one server. It keeps one connection alive; clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::blocking::Client,
    base: String,
    limit: Duration,
}

impl Client {
    /// A client of the server at `address` that waits at most `limit` for each answer. Nothing is
    /// sent yet.
    ///
    /// # Errors
    /// The system has no resources for it.
    pub fn new(address: SocketAddr, limit: Duration) -> Result<Self, ClientError> {
        let http = reqwest::blocking::Client::builder()
            .timeout(limit)
            .pool_max_idle_per_host(1)
            .no_proxy()
            .build()
            .map_err(|error| ClientError::SetUp(causes(&error)))?;
        Ok(Self {
            http,
            base: format!("http://{address}"),
            limit,
        })
    }

    /// Whether the server is live.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn is_live(&self) -> Result<bool, ClientError> {
        self.is_ok("/v2/health/live")
    }

    /// Whether the server is ready.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn is_ready(&self) -> Result<bool, ClientError> {
        self.is_ok("/v2/health/ready")
    }

    /// Whether the model is ready.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn is_model_ready(&self, model: &str) -> Result<bool, ClientError> {
        self.is_ok(&format!("/v2/models/{model}/ready"))
    }

    /// Loads a model, or loads it again.
    ///
    /// # Errors
    /// The server refuses it or does not answer.
    pub fn load(&self, model: &str) -> Result<(), ClientError> {
        self.post(&format!("/v2/repository/models/{model}/load"), "{}")
            .map(drop)
    }

    /// Unloads a model. The server may still be busy with it when it answers.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub fn unload(&self, model: &str) -> Result<(), ClientError> {
        self.post(&format!("/v2/repository/models/{model}/unload"), "{}")
            .map(drop)
    }

    /// The models of the repository and their states.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub fn index(&self) -> Result<Vec<IndexEntry>, ClientError> {
        self.json(self.post("/v2/repository/index", "{}")?)
    }

    /// The configuration of a model, completed by the server.
    ///
    /// # Errors
    /// The model is not loaded, or the server does not answer.
    pub fn config(&self, model: &str) -> Result<Value, ClientError> {
        self.get_json(&format!("/v2/models/{model}/config"))
    }

    /// The value of the parameter `key` in the configuration of a model.
    ///
    /// # Errors
    /// The model is not loaded, or the server does not answer.
    pub fn parameter(&self, model: &str, key: &str) -> Result<Option<String>, ClientError> {
        let configuration = self.config(model)?;
        let value = &configuration["parameters"][key]["string_value"];
        Ok(value.as_str().map(str::to_owned))
    }

    /// The statistics of a model.
    ///
    /// # Errors
    /// The model is not loaded, or the server does not answer.
    pub fn statistics(&self, model: &str) -> Result<Value, ClientError> {
        self.get_json(&format!("/v2/models/{model}/stats"))
    }

    /// The inputs and outputs of a model.
    ///
    /// # Errors
    /// The model is not loaded, or the server does not answer.
    pub fn metadata(&self, model: &str) -> Result<ModelMetadata, ClientError> {
        let path = format!("/v2/models/{model}");
        let described = format!("GET {path}");
        let response = self.send(self.http.get(format!("{}{path}", self.base)), &described)?;
        self.json((described, response))
    }

    /// Runs a model.
    ///
    /// # Errors
    /// The server refuses, does not answer, or answers against the protocol.
    pub fn infer(&self, model: &str, request: &InferenceRequest) -> Result<Answer, ClientError> {
        self.run(model, request, Answer::decode)
    }

    /// Runs a model, and returns what its outputs are called and how large they are: values of any
    /// type are passed over.
    ///
    /// # Errors
    /// As [`infer`](Self::infer).
    pub fn try_out(
        &self,
        model: &str,
        request: &InferenceRequest,
    ) -> Result<Vec<TensorMetadata>, ClientError> {
        self.run(model, request, output_metadata)
    }

    fn run<T>(
        &self,
        model: &str,
        request: &InferenceRequest,
        decode: impl FnOnce(&[u8], Option<usize>) -> Result<T, MalformedAnswer>,
    ) -> Result<T, ClientError> {
        let path = format!("/v2/models/{model}/infer");
        let described = format!("POST {path}");
        let mut builder = self
            .http
            .post(format!("{}{path}", self.base))
            .body(request.body.clone());
        builder = match request.header_length {
            Some(length) => builder
                .header("Content-Type", "application/octet-stream")
                .header(HEADER_LENGTH, length),
            None => builder.header("Content-Type", "application/json"),
        };
        let response = self.send(builder, &described)?;
        let malformed = |source| ClientError::Malformed {
            request: described.clone(),
            source,
        };
        let header_length = match response.headers().get(HEADER_LENGTH) {
            None => None,
            Some(value) => Some(
                value
                    .to_str()
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| {
                        malformed(MalformedAnswer(format!("{HEADER_LENGTH} is {value:?}")))
                    })?,
            ),
        };
        let body = response
            .bytes()
            .map_err(|error| self.no_answer(&described, &error))?;
        decode(&body, header_length).map_err(malformed)
    }

    fn is_ok(&self, path: &str) -> Result<bool, ClientError> {
        match self.send(
            self.http.get(format!("{}{path}", self.base)),
            &format!("GET {path}"),
        ) {
            Ok(_) => Ok(true),
            Err(ClientError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn get_json(&self, path: &str) -> Result<Value, ClientError> {
        let described = format!("GET {path}");
        let response = self.send(self.http.get(format!("{}{path}", self.base)), &described)?;
        self.json((described, response))
    }

    fn post(&self, path: &str, body: &'static str) -> Result<(String, Response), ClientError> {
        let described = format!("POST {path}");
        let builder = self
            .http
            .post(format!("{}{path}", self.base))
            .header("Content-Type", "application/json")
            .body(body);
        let response = self.send(builder, &described)?;
        Ok((described, response))
    }

    fn json<T: serde::de::DeserializeOwned>(
        &self,
        (described, response): (String, Response),
    ) -> Result<T, ClientError> {
        let body = response
            .bytes()
            .map_err(|error| self.no_answer(&described, &error))?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Malformed {
            request: described,
            source: MalformedAnswer(error.to_string()),
        })
    }

    fn send(&self, builder: RequestBuilder, described: &str) -> Result<Response, ClientError> {
        let response = builder
            .send()
            .map_err(|error| self.no_answer(described, &error))?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = response
            .text()
            .map_err(|error| self.no_answer(described, &error))?;
        Err(ClientError::Refused {
            request: described.to_owned(),
            status,
            text: error_text(body),
        })
    }

    fn no_answer(&self, described: &str, error: &reqwest::Error) -> ClientError {
        let request = described.to_owned();
        if error.is_timeout() {
            ClientError::TimedOut {
                request,
                limit: self.limit,
            }
        } else {
            ClientError::Connection {
                request,
                reason: causes(error),
            }
        }
    }
}

/// The field `error` of a JSON body; the body itself where it has none.
fn error_text(body: String) -> String {
    #[derive(Deserialize)]
    struct ErrorBody {
        error: String,
    }
    match serde_json::from_str::<ErrorBody>(&body) {
        Ok(parsed) => parsed.error,
        Err(_) => body,
    }
}

/// An error with its causes, outermost first.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A server that reads one request and gives one canned answer.
    fn canned(answer: &'static str) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        Client::new(address, Duration::from_secs(5)).unwrap()
    }

    #[test]
    fn a_refusal_carries_status_and_text() {
        let client = canned(
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 23\r\n\r\n{\"error\":\"load failed\"}",
        );
        let error = client.load("m").unwrap_err();
        assert_eq!(
            (error.status(), error.text().as_str()),
            (Some(400), "load failed")
        );
        assert!(
            error
                .to_string()
                .contains("POST /v2/repository/models/m/load"),
            "{error}"
        );
    }

    #[test]
    fn a_closed_connection_is_no_refusal() {
        let error = canned("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            .index()
            .unwrap_err();
        assert!(matches!(error, ClientError::Connection { .. }), "{error:?}");
        assert_eq!(error.status(), None);
    }

    #[test]
    fn not_ready_is_an_answer() {
        assert!(
            !canned("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                .is_ready()
                .unwrap()
        );
        assert!(
            canned("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .is_ready()
                .unwrap()
        );
    }

    #[test]
    fn an_index_is_read() {
        let client = canned(
            "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n[{\"name\":\"m\",\"reason\":\"r\"}]",
        );
        let entry = &client.index().unwrap()[0];
        assert_eq!(
            (
                entry.name.as_str(),
                entry.state.as_str(),
                entry.reason.as_str()
            ),
            ("m", "", "r")
        );
    }
}
