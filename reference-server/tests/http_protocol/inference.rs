//! Inference with every form of tensor.

use serde_json::json;
use test_ops::{DataType, Model, Op, ParameterSource, Tensor};

use crate::support::client::Request;
use crate::support::inference::{Form, Inference, assert_computed, assert_serves, outputs};
use crate::support::samples::{Samples, one_of_each, small};
use crate::support::server::Server;

/// A server with a model of each op and data type.
fn all_models() -> (Samples, Server) {
    let samples = Samples::new();
    one_of_each().iter().for_each(|model| samples.add(model));
    let server = Server::start(samples.root(), &[]);
    (samples, server)
}

#[test]
fn every_sample_computes_with_binary_tensors() {
    let (_samples, server) = all_models();
    for model in one_of_each() {
        for (extent, seed) in [(1, 1), (7, 2), (300, 3)] {
            let inputs = model.sample_inputs(extent, seed);
            let response = server.send(&Inference::new(&model, &inputs, Form::Binary).request());
            assert_computed(&response, &model, &inputs, Form::Binary);
        }
    }
}

#[test]
fn every_sample_computes_with_json_tensors() {
    let (_samples, server) = all_models();
    for model in one_of_each() {
        let inputs = model.sample_inputs(5, 4);
        let response = server.send(&Inference::new(&model, &inputs, Form::Json).request());
        if model.data_type == DataType::Fp16 {
            // The protocol has no JSON form of half precision.
            assert_eq!(response.status, 400, "{}", model.name);
            let error = response.error();
            assert!(
                error.contains("FP16") && error.contains("output 'y'"),
                "{error}"
            );
            let request =
                Inference::new(&model, &inputs, Form::Json).parameter("binary_data_output", true);
            let response = server.send(&request.request());
            assert_eq!(response.status, 400, "{}", model.name);
            let error = response.error();
            assert!(
                error.contains("FP16") && error.contains("input x"),
                "{error}"
            );
        } else {
            assert_computed(&response, &model, &inputs, Form::Json);
        }
    }
}

#[test]
fn json_and_binary_tensors_mix() {
    let (_samples, server) = all_models();
    for model in one_of_each() {
        if model.data_type == DataType::Fp16 {
            continue;
        }
        let inputs = model.sample_inputs(4, 5);
        let names: Vec<String> = model.inputs().into_iter().map(|spec| spec.name).collect();
        for (first, second) in [(Form::Json, Form::Binary), (Form::Binary, Form::Json)] {
            let request = Inference::to(&model.name)
                .input(&names[0], &inputs[0], first)
                .input(&names[1], &inputs[1], second);
            let response = server.send(&request.request());
            // Outputs that nobody asks for in binary come in JSON.
            assert_computed(&response, &model, &inputs, Form::Json);
        }
        // The order of the inputs is the client's.
        let request = Inference::to(&model.name)
            .input(&names[1], &inputs[1], Form::Binary)
            .input(&names[0], &inputs[0], Form::Binary)
            .output("y", Form::Binary);
        let response = server.send(&request.request());
        assert_computed(&response, &model, &inputs, Form::Binary);
    }
}

#[test]
fn outputs_come_as_they_are_asked_for() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let inputs = small().sample_inputs(2, 6);
    let plain = || Inference::to("small").input("x", &inputs[0], Form::Binary);
    for (request, expected) in [
        (plain(), Form::Json),
        (plain().output("y", Form::Binary), Form::Binary),
        (plain().output("y", Form::Json), Form::Json),
        (plain().parameter("binary_data_output", true), Form::Binary),
        (plain().parameter("binary_data_output", false), Form::Json),
        // What an output says about itself counts more than what is said about all.
        (
            plain()
                .parameter("binary_data_output", true)
                .output("y", Form::Json),
            Form::Json,
        ),
        (
            plain()
                .parameter("binary_data_output", true)
                .field("outputs", json!([{"name": "y"}])),
            Form::Binary,
        ),
    ] {
        let response = server.send(&request.request());
        assert_computed(&response, &small(), &inputs, expected);
    }
}

#[test]
fn a_model_with_several_outputs_sends_those_that_are_wanted() {
    let samples = Samples::new();
    let library = test_ops::Sample::default()
        .with_domain("second")
        .with_signature(2);
    let second = samples.add_library("libsecond.so", &library.into());
    let model = small().with_domains(&[test_ops::DEFAULT_DOMAIN, "second"]);
    samples.add_with(&model, |configuration| {
        configuration
            .op_libraries
            .push(second.to_str().unwrap().to_owned());
    });
    let server = Server::start(samples.root(), &[]);
    let inputs = model.sample_inputs(2, 7);
    let expected = model.expected(&inputs, &[("second", 2)]);
    let request = Inference::to("small").input("x", &inputs[0], Form::Binary);

    let all = outputs(&server.send(&request.request()));
    assert_eq!(all.len(), 2);
    let wanted = request
        .clone()
        .output("y_1", Form::Binary)
        .output("y_0", Form::Json);
    let both = outputs(&server.send(&wanted.request()));
    let names: Vec<(&str, Form)> = both
        .iter()
        .map(|(name, form, _)| (name.as_str(), *form))
        .collect();
    assert_eq!(names, [("y_1", Form::Binary), ("y_0", Form::Json)]);
    both[0].2.compare(&expected[1]).unwrap();
    both[1].2.compare(&expected[0]).unwrap();

    let one = outputs(&server.send(&request.output("y_1", Form::Json).request()));
    assert_eq!(one.len(), 1);
    one[0].2.compare(&expected[1]).unwrap();
}

#[test]
fn an_output_may_depend_on_the_data_and_be_empty() {
    let (_samples, server) = all_models();
    for data_type in [DataType::Fp32, DataType::Fp16] {
        let model = Model::new(
            Op::SelectAbove,
            data_type,
            &[-1, 24],
            ParameterSource::Input,
        );
        let x = model.sample_inputs(3, 8).remove(0);
        for (threshold, length) in [(-100.0, Some(72)), (0.0, None), (100.0, Some(0))] {
            let inputs = [x.clone(), Tensor::new(data_type, &[1], vec![threshold])];
            let mut forms = vec![Form::Binary];
            if data_type == DataType::Fp32 {
                forms.push(Form::Json);
            }
            for form in forms {
                let response = server.send(&Inference::new(&model, &inputs, form).request());
                assert_computed(&response, &model, &inputs, form);
                let (_, _, selected) = &outputs(&response)[0];
                if let Some(length) = length {
                    assert_eq!(selected.shape, [length]);
                }
            }
        }
    }
}

#[test]
fn an_input_may_be_empty() {
    let (_samples, server) = all_models();
    for model in one_of_each() {
        let mut inputs = model.sample_inputs(0, 9);
        if model.op == Op::SelectAbove {
            inputs[1] = Tensor::new(model.data_type, &[1], vec![0.0]);
        }
        let response = server.send(&Inference::new(&model, &inputs, Form::Binary).request());
        assert_computed(&response, &model, &inputs, Form::Binary);
    }
}

#[test]
fn the_id_and_the_model_are_echoed() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let inputs = small().sample_inputs(1, 10);
    let request = Inference::new(&small(), &inputs, Form::Json);
    let answer = server
        .send(&request.clone().id("an \"id\" \u{1F600}").request())
        .json();
    assert_eq!(answer["id"], "an \"id\" \u{1F600}");
    assert_eq!(answer["model_name"], "small");
    assert_eq!(answer["model_version"], "1");
    let anonymous = server.send(&request.request()).json();
    assert!(anonymous.get("id").is_none(), "{anonymous}");
}

#[test]
fn bodies_may_come_in_chunks() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let mut connection = server.connect();
    for form in [Form::Json, Form::Binary] {
        for size in [1, 7, 100_000] {
            let inputs = small().sample_inputs(6, 12);
            let request = Inference::new(&small(), &inputs, form).request();
            let response = connection.send(&request.in_chunks(size)).unwrap();
            assert_computed(&response, &small(), &inputs, form);
        }
    }
}

#[test]
fn large_tensors_pass_unharmed() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let mut connection = server.connect();
    // 1 MiB, and 16 MiB.
    for extent in [1 << 14, 1 << 18] {
        let inputs = small().sample_inputs(extent, 13);
        let request = Inference::new(&small(), &inputs, Form::Binary).request();
        let response = connection.send(&request).unwrap();
        assert_computed(&response, &small(), &inputs, Form::Binary);
    }
}

#[test]
fn a_raw_request_is_the_only_inputs_data() {
    let samples = Samples::with_small();
    samples.add(&one_of_each().remove(0));
    let server = Server::start(samples.root(), &[]);
    let raw = |model: &str, body: Vec<u8>| {
        Request::post(format!("/v2/models/{model}/infer"), body)
            .with_header("Inference-Header-Content-Length", 0)
    };
    let inputs = small().sample_inputs(4, 14);
    let request = raw("small", inputs[0].to_bytes());
    let response = server.send(&request);
    assert_computed(&response, &small(), &inputs, Form::Binary);
    assert_computed(
        &server.send(&request.in_chunks(50)),
        &small(),
        &inputs,
        Form::Binary,
    );

    let uneven = server.send(&raw("small", vec![0; 65]));
    assert_eq!(uneven.status, 400);
    assert!(uneven.error().contains("'x'"), "{}", uneven.error());
    let several = server.send(&raw(&one_of_each()[0].name, vec![0; 96]));
    assert_eq!(several.status, 400);
    assert!(several.error().contains("1 input"), "{}", several.error());
}

#[test]
fn several_clients_get_their_own_answers() {
    let (_samples, server) = all_models();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut connection = server.connect();
                for round in 0..20 {
                    let models = one_of_each();
                    let model = &models[(client + round) % models.len()];
                    let seed = (client * 1000 + round) as u64;
                    let inputs = model.sample_inputs(1 + round, seed);
                    let request = Inference::new(model, &inputs, Form::Binary).request();
                    let response = connection.send(&request).unwrap();
                    assert_computed(&response, model, &inputs, Form::Binary);
                }
            });
        }
    });
    for model in one_of_each() {
        assert_serves(&server, &model);
    }
}
