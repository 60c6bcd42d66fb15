//! Inferences over one call.

use futures_util::{StreamExt, stream};
use proto::inference::infer_parameter::ParameterChoice;
use proto::inference::{ModelInferRequest, ModelStreamInferResponse};
use rustix::process::Signal;
use tokio::sync::mpsc;
use tonic::{Code, Request, Status, Streaming};

use crate::client::Client;
use crate::request::{assert_computed, raw};
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

/// A call whose requests are sent one by one.
struct Call {
    requests: mpsc::UnboundedSender<ModelInferRequest>,
    responses: Streaming<ModelStreamInferResponse>,
}

impl Call {
    fn start(client: &Client, metadata: &[(&'static str, &str)]) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let sent = stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await?, receiver))
        });
        let mut request = Request::new(sent);
        for (key, value) in metadata {
            request
                .metadata_mut()
                .insert(*key, value.parse().expect("plain text"));
        }
        let responses = client
            .call(async |service| service.model_stream_infer(request).await)
            .unwrap();
        Self {
            requests,
            responses,
        }
    }

    /// The next response; `None` at the end of the call.
    #[track_caller]
    fn next(&mut self, client: &Client) -> Option<Result<ModelStreamInferResponse, Status>> {
        client.wait(self.responses.next())
    }
}

/// A request that is told apart by its id.
fn request(id: usize) -> ModelInferRequest {
    let mut request = raw(&small(), &small().sample_inputs(1 + id % 5, id as u64));
    request.id = id.to_string();
    request
}

#[test]
fn responses_come_in_the_order_of_the_requests() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    // More than are served at the same time.
    let count = 500;
    let responses = client.stream((0..count).map(request).collect()).unwrap();
    assert_eq!(responses.len(), count);
    for (id, response) in responses.iter().enumerate() {
        assert_eq!(response.error_message, "");
        let response = response.infer_response.as_ref().expect("a response");
        assert_eq!(response.id, id.to_string());
        let inputs = small().sample_inputs(1 + id % 5, id as u64);
        assert_computed(response, &small(), &inputs);
        assert_eq!(
            response.parameters["triton_final_response"].parameter_choice,
            Some(ParameterChoice::BoolParam(true))
        );
    }
}

#[test]
fn a_request_that_fails_leaves_the_call_open() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let mut unknown = request(1);
    unknown.model_name = "nobody".into();
    let mut spoilt = request(2);
    spoilt.inputs[0].shape[1] = 7;
    let responses = client
        .stream(vec![request(0), unknown, spoilt, request(3)])
        .unwrap();
    let told: Vec<(&str, &str)> = responses
        .iter()
        .map(|response| {
            let id = response.infer_response.as_ref().expect("which request");
            (id.id.as_str(), response.error_message.as_str())
        })
        .collect();
    assert_eq!((told[0], told[3]), (("0", ""), ("3", "")));
    assert_eq!(told[1].0, "1");
    assert_eq!(
        told[1].1,
        "Request for unknown model: 'nobody' is not found"
    );
    assert_eq!(told[2].0, "2");
    assert!(told[2].1.contains("unexpected shape"), "{}", told[2].1);
}

#[test]
fn a_client_may_ask_for_a_status_in_place_of_a_message() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let mut call = Call::start(&client, &[("triton_grpc_error", "true")]);
    call.requests.send(request(0)).unwrap();
    let first = call.next(&client).expect("a response").unwrap();
    assert_eq!(first.infer_response.expect("a response").id, "0");
    let mut unknown = request(1);
    unknown.model_name = "nobody".into();
    call.requests.send(unknown).unwrap();
    let status = call.next(&client).expect("an end").unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("'nobody'"), "{status}");
}

#[test]
fn a_call_stays_open_between_requests() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let mut call = Call::start(&client, &[]);
    for id in 0..10 {
        call.requests.send(request(id)).unwrap();
        let response = call.next(&client).expect("a response").unwrap();
        assert_eq!(response.infer_response.expect("one").id, id.to_string());
    }
    drop(call.requests);
    assert!(client.wait(call.responses.next()).is_none());
}

#[test]
fn the_end_of_the_server_ends_an_open_call() {
    let samples = Samples::with_small();
    let mut server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let mut call = Call::start(&client, &[]);
    call.requests.send(request(0)).unwrap();
    assert!(call.next(&client).expect("a response").is_ok());
    server.signal(Signal::TERM);
    // Whether as an end or as a status: the client learns it, and the server does not wait for it.
    match call.next(&client) {
        None => {}
        Some(outcome) => drop(outcome.unwrap_err()),
    }
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
}
