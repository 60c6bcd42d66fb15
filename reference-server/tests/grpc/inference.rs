//! Inference with every form of tensor.

use proto::inference::infer_parameter::ParameterChoice;
use test_ops::DataType;
use tonic::Code;

use crate::client::Client;
use crate::request::{assert_computed, parameter, raw, typed, wanted};
use crate::support::inference::{self as http, Form};
use crate::support::samples::{Samples, batching, one_of_each, small};
use crate::support::server::Server;

/// A server with a model of each op and data type.
fn all_models() -> (Samples, Server) {
    let samples = Samples::new();
    one_of_each().iter().for_each(|model| samples.add(model));
    let server = Server::start(samples.root(), &[]);
    (samples, server)
}

#[test]
fn every_sample_computes_with_raw_tensors() {
    let (_samples, server) = all_models();
    let client = Client::connect(&server);
    for model in one_of_each() {
        for (extent, seed) in [(1, 1), (7, 2), (300, 3)] {
            let inputs = model.sample_inputs(extent, seed);
            let response = client.infer(raw(&model, &inputs)).unwrap();
            assert_computed(&response, &model, &inputs);
        }
    }
}

#[test]
fn every_sample_computes_with_typed_tensors() {
    let (_samples, server) = all_models();
    let client = Client::connect(&server);
    for model in one_of_each() {
        let inputs = model.sample_inputs(5, 4);
        let request = typed(&model, &inputs);
        if model.data_type == DataType::Fp16 {
            // The protocol has no field for half precision.
            client.refused(
                request,
                Code::InvalidArgument,
                &["fp32_contents", "FP16", "raw_input_contents", "'x'"],
            );
        } else {
            assert_computed(&client.infer(request).unwrap(), &model, &inputs);
        }
    }
}

#[test]
fn the_response_says_what_it_answers() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let inputs = small().sample_inputs(2, 6);
    for (id, version) in [("", ""), ("the id", "1")] {
        let mut request = raw(&small(), &inputs);
        request.id = id.to_owned();
        request.model_version = version.to_owned();
        request.outputs = vec![wanted("y"), wanted("y")];
        let timeout = parameter(ParameterChoice::Int64Param(1_000_000));
        request.parameters.insert("timeout".to_owned(), timeout);
        let custom = parameter(ParameterChoice::StringParam("mine".to_owned()));
        request.parameters.insert("custom".to_owned(), custom);
        let response = client.infer(request).unwrap();
        assert_computed(&response, &small(), &inputs);
        assert_eq!(response.id, id);
        assert_eq!(response.model_name, "small");
        assert_eq!(response.model_version, "1");
        assert!(response.parameters.is_empty());
    }
}

#[test]
fn the_order_of_the_inputs_is_the_clients() {
    let (_samples, server) = all_models();
    let client = Client::connect(&server);
    for model in one_of_each() {
        let inputs = model.sample_inputs(4, 5);
        let mut request = raw(&model, &inputs);
        request.inputs.reverse();
        request.raw_input_contents.reverse();
        let response = client.infer(request).unwrap();
        assert_computed(&response, &model, &inputs);
    }
}

#[test]
fn large_tensors_go_both_ways() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    // 16 MiB, many times what a connection lets through at once.
    let inputs = small().sample_inputs(1 << 18, 7);
    let response = client.infer(raw(&small(), &inputs)).unwrap();
    assert_computed(&response, &small(), &inputs);
}

#[test]
fn requests_of_both_protocols_are_joined() {
    let samples = Samples::new();
    let model = small().with_name("joined");
    samples.add_with(&model, |configuration| {
        configuration.max_batch_size = 8;
        configuration.dynamic_batching = Some(batching(60_000_000));
    });
    let server = Server::start(samples.root(), &[]);
    let inputs = model.sample_inputs(4, 9);
    let client = Client::connect(&server);
    std::thread::scope(|scope| {
        // Four rows wait for four more, which come over the other protocol.
        let waiting = scope.spawn(|| {
            let request = http::Inference::new(&model, &inputs, Form::Binary).request();
            http::assert_computed(&server.send(&request), &model, &inputs, Form::Binary);
        });
        let response = client.infer(raw(&model, &inputs)).unwrap();
        assert_computed(&response, &model, &inputs);
        waiting.join().unwrap();
    });
    let statistics = server.statistics_of("joined");
    assert_eq!(statistics["inference_count"], 8);
    assert_eq!(statistics["execution_count"], 1);
}

#[test]
fn the_front_maps_no_framework() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let inputs = small().sample_inputs(3, 1);
    let response = client.infer(raw(&small(), &inputs)).unwrap();
    assert_computed(&response, &small(), &inputs);
    let maps = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    for library in ["libonnxruntime", "libsample_ops.so"] {
        assert!(maps(server.worker_of("small")).contains(library));
        assert!(!maps(server.pid()).contains(library));
    }
}
