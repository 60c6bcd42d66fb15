//! Several versions of a model, and which of them are served.

use serde_json::json;
use test_ops::{Approximation, DataType, Model, Op, ParameterSource};

use crate::support::client::Response;
use crate::support::inference::{Form, Inference, assert_computed};
use crate::support::samples::Samples;
use crate::support::server::Server;

/// Versions of one model that compute different things: RmsNorm with its own epsilon.
fn version(number: u32) -> Model {
    Model::new(
        Op::RmsNorm,
        DataType::Fp32,
        &[-1, 8],
        ParameterSource::Constant,
    )
    .with_name("norm")
    .with_epsilon(number as f32)
}

/// Versions 1, 2, 3 and 10 under a policy.
fn four_versions(latest: Option<u32>) -> Samples {
    let samples = Samples::new();
    samples.add_with(&version(1), |configuration| {
        configuration.latest_versions = latest;
    });
    for number in [2, 3, 10] {
        samples
            .repository()
            .add_version(&version(number), number)
            .unwrap();
    }
    samples
}

fn ask(server: &Server, number: Option<u32>) -> Response {
    let inputs = version(1).sample_inputs(2, 1);
    let request = Inference::new(&version(1), &inputs, Form::Binary);
    let request = match number {
        None => request,
        Some(number) => request.version(number),
    };
    server.send(&request.request())
}

#[track_caller]
fn assert_answers(response: &Response, number: u32) {
    let inputs = version(1).sample_inputs(2, 1);
    assert_computed(response, &version(number), &inputs, Form::Binary);
    let header = response.text();
    assert!(
        header.contains(&format!("\"model_version\":\"{number}\"")),
        "{header}"
    );
}

#[test]
fn the_newest_version_is_served_unless_told_otherwise() {
    let samples = four_versions(None);
    let server = Server::start(samples.root(), &[]);
    // Newest by number, not by the spelling of the folder.
    assert_answers(&ask(&server, None), 10);
    assert_answers(&ask(&server, Some(10)), 10);
    let refused = ask(&server, Some(3));
    assert_eq!(refused.status, 404);
    assert_eq!(
        refused.error(),
        "Request for unknown model: 'norm' version 3 is not found"
    );
}

#[test]
fn a_policy_serves_several_versions() {
    let samples = four_versions(Some(2));
    let server = Server::start(samples.root(), &[]);
    assert_answers(&ask(&server, None), 10);
    assert_answers(&ask(&server, Some(3)), 3);
    assert_eq!(ask(&server, Some(2)).status, 404);
    let metadata = server.get("/v2/models/norm").json();
    assert_eq!(metadata["versions"], json!(["3", "10"]));
    let one = server.get("/v2/models/norm/versions/3").json();
    assert_eq!(one["versions"], json!(["3"]));
    let states: Vec<(String, String)> = server
        .index_of("norm")
        .into_iter()
        .map(|(version, state, _)| (version, state))
        .collect();
    let ready = |version: &str| (version.to_owned(), "READY".to_owned());
    assert_eq!(states, [ready("3"), ready("10")]);

    // Each version counts for itself.
    let statistics = server.get("/v2/models/norm/stats").json();
    let counts: Vec<(&str, u64)> = statistics["model_stats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| {
            (
                model["version"].as_str().unwrap(),
                model["inference_count"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(counts, [("3", 1), ("10", 1)]);
}

#[test]
fn a_policy_may_name_its_versions_or_all() {
    for (policy, served) in [
        (
            "version_policy { specific { versions: [1, 3] } }",
            vec![1, 3],
        ),
        ("version_policy { all {} }", vec![1, 2, 3, 10]),
    ] {
        let samples = four_versions(None);
        let file = samples.root().join("norm/config.pbtxt");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}{policy}\n")).unwrap();
        let server = Server::start(samples.root(), &[]);
        for number in [1, 2, 3, 10] {
            let response = ask(&server, Some(number));
            if served.contains(&number) {
                assert_answers(&response, number);
            } else {
                assert_eq!(response.status, 404, "version {number} with {policy}");
            }
        }
    }
}

#[test]
fn loading_again_takes_up_a_new_version() {
    let samples = four_versions(None);
    let server = Server::start_explicit(samples.root(), &[]);
    assert_answers(&ask(&server, None), 10);
    samples.repository().add_version(&version(11), 11).unwrap();
    assert_eq!(server.load("norm").status, 200);
    assert_answers(&ask(&server, None), 11);
    assert_eq!(ask(&server, Some(10)).status, 404);
}

#[test]
fn versions_may_be_of_different_attributes() {
    let approximate = |approximation| {
        Model::new(
            Op::BiasGelu,
            DataType::Fp32,
            &[-1, 8],
            ParameterSource::Input,
        )
        .with_name("gelu")
        .with_approximation(approximation)
    };
    let (exact, tanh) = (
        approximate(Approximation::None),
        approximate(Approximation::Tanh),
    );
    let samples = Samples::new();
    samples.add_with(&exact, |configuration| {
        configuration.latest_versions = Some(2);
    });
    samples.repository().add_version(&tanh, 2).unwrap();
    let server = Server::start(samples.root(), &[]);
    let inputs = exact.sample_inputs(20, 3);
    for (number, model) in [(1, &exact), (2, &tanh)] {
        let request = Inference::new(model, &inputs, Form::Binary).version(number);
        let response = server.send(&request.request());
        assert_computed(&response, model, &inputs, Form::Binary);
    }
}
