//! Sends requests to a server and takes its answers apart.

use std::io::Read;
use std::net::SocketAddr;

use bytes::{Buf, BufMut, Bytes};
use flate2::read::{GzDecoder, ZlibDecoder};
use futures_util::{StreamExt, stream};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;
use tokio::runtime::Runtime;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{KeyRef, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::answer::{Answer, hex};
use crate::exchange::{Asked, Call};
use crate::support::client::{self, Connection, Response};
use crate::support::deadline::{DEADLINE, eventually};

/// Where in an inference's answer its JSON part ends.
const HEADER_LENGTH: &str = "Inference-Header-Content-Length";
/// Headers of which only the presence counts: the body, which is compared, decides their value.
const OF_THE_BODY: [&str; 2] = ["content-length", "inference-header-content-length"];

/// Asks one server.
pub struct Asker {
    http: SocketAddr,
    runtime: Runtime,
    channel: Channel,
}

impl Asker {
    /// Asks the server with these ports.
    pub fn new(http: SocketAddr, grpc: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{grpc}")).unwrap();
        let connected = runtime.block_on(endpoint.connect_timeout(DEADLINE).connect());
        Self {
            http,
            runtime,
            channel: connected.expect("the server accepts connections"),
        }
    }

    /// The answer to a request; asked for again while it tells of a model that is being unloaded, for
    /// which Triton does not wait.
    ///
    /// # Panics
    /// There is none within [`DEADLINE`].
    pub fn ask(&self, asked: &Asked) -> Answer {
        eventually("no model is on its way", || {
            Some(self.ask_once(asked)).filter(|answer| !answer.is_on_its_way())
        })
    }

    fn ask_once(&self, asked: &Asked) -> Answer {
        match asked {
            Asked::Http(request) => self.send(request),
            Asked::Call(call) => self
                .runtime
                .block_on(async { tokio::time::timeout(DEADLINE, self.call(call)).await })
                .expect("an answer in time"),
        }
    }

    fn send(&self, request: &client::Request) -> Answer {
        let mut connection = Connection::open(self.http).expect("the server accepts connections");
        let response = connection
            .send(request)
            .unwrap_or_else(|error| panic!("{} {}: {error}", request.method, request.path));
        of_response(&response)
    }

    async fn call(&self, call: &Call) -> Answer {
        let (input, output) = types(&call.path).unzip();
        let messages: Vec<Bytes> = call
            .messages
            .iter()
            .map(|message| match &input {
                None => Bytes::new(),
                Some(input) => DynamicMessage::deserialize(input.clone(), message)
                    .unwrap_or_else(|error| panic!("{}: {error} in {message}", call.path))
                    .encode_to_vec()
                    .into(),
            })
            .collect();
        let mut request = Request::new(stream::iter(messages));
        for (key, value) in &call.metadata {
            request.metadata_mut().insert(*key, value.parse().unwrap());
        }
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.expect("the server is there");
        let path = format!("/{}", call.path).parse().unwrap();
        let mut answer = Answer::default();
        let status = match client.streaming(request, path, Raw).await {
            Err(status) => status,
            Ok(response) => {
                note_metadata(&mut answer, response.metadata());
                // A watch has no end.
                let most = if call.path.ends_with("/Watch") {
                    1
                } else {
                    usize::MAX
                };
                let mut responses = response.into_inner().take(most).enumerate();
                let mut end = Status::ok("");
                while let Some((number, response)) = responses.next().await {
                    match response {
                        Ok(bytes) => {
                            let output = output.clone().expect("known calls alone are answered");
                            let told = message(output, bytes);
                            answer.note_json(&format!("response {number}"), &told);
                        }
                        Err(status) => end = status,
                    }
                }
                end
            }
        };
        answer.note("code", format!("{:?}", status.code()));
        answer.note("error", status.message());
        answer
    }
}

/// The types of a call's messages; `None` for a call that does not exist.
fn types(path: &str) -> Option<(MessageDescriptor, MessageDescriptor)> {
    let (service, method) = path.split_once('/')?;
    let service = proto::descriptors().get_service_by_name(service)?;
    let method = service.methods().find(|it| it.name() == method)?;
    Some((method.input(), method.output()))
}

/// A message in JSON.
fn message(descriptor: MessageDescriptor, bytes: Bytes) -> Value {
    let message = DynamicMessage::decode(descriptor, bytes).expect("a message of its type");
    let options = SerializeOptions::new()
        .stringify_64_bit_integers(false)
        .use_proto_field_name(true);
    let mut told = message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .expect("messages have a JSON form");
    let unknown: Vec<u32> = message
        .unknown_fields()
        .map(|field| field.number())
        .collect();
    if !unknown.is_empty() {
        told["fields that are not declared"] = unknown.into();
    }
    told
}

fn note_metadata(answer: &mut Answer, metadata: &MetadataMap) {
    for key in metadata.keys() {
        // An answer without a message may have its status here.
        if let KeyRef::Ascii(key) = key
            && key != "grpc-status"
        {
            let value = metadata.get(key).and_then(|value| value.to_str().ok());
            answer.note(format!("metadata {key}"), value.unwrap_or("?"));
        }
    }
}

fn of_response(response: &Response) -> Answer {
    let mut answer = Answer::default();
    answer.note("status", response.status);
    for (name, value) in &response.headers {
        let name = name.to_lowercase();
        let value = if OF_THE_BODY.contains(&&*name) {
            "as the body"
        } else {
            value
        };
        answer.note(format!("header {name}"), value);
    }
    let body = decoded(response);
    let end = response
        .header(HEADER_LENGTH)
        .map(|text| text.parse().expect("a number"));
    let (json, binary) = body.split_at(end.unwrap_or(body.len()));
    if !binary.is_empty() {
        answer.note("binary section", hex(binary));
    }
    match serde_json::from_slice::<Value>(json) {
        Ok(value) => answer.note_json("body", &value),
        Err(_) if json.is_empty() => answer.note("body", "none"),
        Err(_) => answer.note("body", String::from_utf8_lossy(json)),
    }
    answer
}

fn decoded(response: &Response) -> Vec<u8> {
    let mut body = Vec::new();
    match response.header("content-encoding") {
        Some("gzip") => GzDecoder::new(&response.body[..]).read_to_end(&mut body),
        Some("deflate") => ZlibDecoder::new(&response.body[..]).read_to_end(&mut body),
        _ => return response.body.clone(),
    }
    .expect("the body is encoded as its header says");
    body
}

/// Messages as bytes.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        target.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}
