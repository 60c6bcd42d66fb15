//! What a client is told about a request that cannot be served.

use proto::inference::infer_parameter::ParameterChoice;
use proto::inference::{InferTensorContents, ModelInferRequest};
use tonic::Code;

use crate::client::{Client, assert_refused};
use crate::request::{assert_computed, one_input, parameter, raw, wanted};
use crate::support::inference::assert_serves;
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

/// What is wrong, how it gets into a good request, and what the client is told.
type Case = (
    &'static str,
    fn(&mut ModelInferRequest),
    Code,
    &'static [&'static str],
);

/// A good request to `small` with one row.
fn good() -> ModelInferRequest {
    one_input("small", "FP32", &[1, 16], vec![0; 64])
}

#[test]
fn wrong_requests_are_told_apart() {
    let samples = Samples::with_small();
    let batched = small().with_name("batched");
    samples.add_with(&batched, |configuration| configuration.max_batch_size = 8);
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let cases: [Case; 17] = [
        (
            "model",
            |request| request.model_name = "nobody".into(),
            Code::NotFound,
            &["Request for unknown model: 'nobody' is not found"],
        ),
        (
            "version",
            |request| request.model_version = "7".into(),
            Code::NotFound,
            &["version 7 is not found"],
        ),
        (
            "no version",
            |request| request.model_version = "newest".into(),
            Code::InvalidArgument,
            &["'newest'", "integral value"],
        ),
        (
            "input name",
            |request| request.inputs[0].name = "z".into(),
            Code::InvalidArgument,
            &["unexpected inference input 'z' for model 'small'"],
        ),
        (
            "no inputs",
            |request| {
                request.inputs.clear();
                request.raw_input_contents.clear();
            },
            Code::InvalidArgument,
            &["expected 1 inputs but got 0 inputs", "'x'"],
        ),
        (
            "data type",
            |request| request.inputs[0].datatype = "INT32".into(),
            Code::InvalidArgument,
            &["'x'", "'INT32'", "'FP32'"],
        ),
        (
            "unknown data type",
            |request| request.inputs[0].datatype = "FP23".into(),
            Code::InvalidArgument,
            &["FP23", "FP32"],
        ),
        (
            "shape",
            |request| request.inputs[0].shape = vec![1, 7],
            Code::InvalidArgument,
            &["unexpected shape for input 'x'", "[-1,16]", "[1,7]"],
        ),
        (
            "negative dimension",
            |request| request.inputs[0].shape = vec![-1, 16],
            Code::InvalidArgument,
            &["'x'", "[-1,16]", "must not be negative"],
        ),
        (
            "huge shape",
            |request| request.inputs[0].shape = vec![i64::MAX, 16],
            Code::InvalidArgument,
            &["'x'", "more elements than can be addressed"],
        ),
        (
            "size",
            |request| request.raw_input_contents[0] = vec![0; 63].into(),
            Code::InvalidArgument,
            &["input byte size mismatch", "Expected 64, got 63"],
        ),
        (
            "no data",
            |request| request.raw_input_contents.clear(),
            Code::InvalidArgument,
            &["unable to find data for input tensor 'x'"],
        ),
        (
            "too much data",
            |request| request.raw_input_contents.push(vec![0; 64].into()),
            Code::InvalidArgument,
            &["unexpected additional input data", "2 entries"],
        ),
        (
            "data twice",
            |request| request.inputs[0].contents = Some(InferTensorContents::default()),
            Code::InvalidArgument,
            &["contents field must not be specified", "'x'"],
        ),
        (
            "output name",
            |request| request.outputs = vec![wanted("z")],
            Code::InvalidArgument,
            &["unexpected inference output 'z'"],
        ),
        (
            "batch",
            |request| {
                request.model_name = "batched".into();
                request.inputs[0].shape = vec![9, 16];
                request.raw_input_contents[0] = vec![0; 9 * 64].into();
            },
            Code::InvalidArgument,
            &["batch-size must be <= 8"],
        ),
        (
            "parameter type",
            |request| {
                let text = parameter(ParameterChoice::StringParam("high".into()));
                request.parameters.insert("priority".into(), text);
            },
            Code::InvalidArgument,
            &["'priority'", "uint64_param"],
        ),
    ];
    for (what, spoil, code, texts) in cases {
        let mut request = good();
        spoil(&mut request);
        let outcome = client.infer(request);
        assert!(outcome.is_err(), "{what}: {outcome:?}");
        assert_refused(outcome, code, texts);
    }
    // After all of that a good request is served over the same connection.
    let inputs = small().sample_inputs(2, 3);
    let response = client.infer(raw(&small(), &inputs)).unwrap();
    assert_computed(&response, &small(), &inputs);
}

#[test]
fn the_id_stands_in_front_of_what_is_wrong_with_the_content() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    for (id, expected) in [
        ("7", "[request id: 7] unexpected shape"),
        ("", "[request id: <id_unknown>] unexpected shape"),
    ] {
        let mut request = good();
        request.id = id.into();
        request.inputs[0].shape = vec![16];
        client.refused(request, Code::InvalidArgument, &[expected]);
    }
}

#[test]
fn a_worker_that_dies_fails_its_request_alone() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let worker = server.worker_of("small");
    let pid = rustix::process::Pid::from_raw(worker as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    // The replacement serves over the same connection, and over the other protocol.
    let inputs = small().sample_inputs(2, 3);
    let response = crate::support::deadline::eventually("the worker is replaced", || {
        client.infer(raw(&small(), &inputs)).ok()
    });
    assert_computed(&response, &small(), &inputs);
    assert_serves(&server, &small());
    assert_ne!(server.worker_of("small"), worker);
}
