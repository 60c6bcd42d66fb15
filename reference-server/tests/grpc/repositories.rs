//! Models that come and go.

use proto::inference::model_repository_parameter::ParameterChoice;
use proto::inference::{
    ModelRepositoryParameter, RepositoryIndexRequest, RepositoryModelLoadRequest,
    RepositoryModelUnloadRequest,
};
use tonic::{Code, Status};

use crate::client::{Client, assert_refused};
use crate::request::{assert_computed, raw};
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

fn load(client: &Client, name: &str, config: Option<&str>) -> Result<(), Status> {
    let mut request = RepositoryModelLoadRequest {
        model_name: name.into(),
        ..RepositoryModelLoadRequest::default()
    };
    if let Some(config) = config {
        let value = ModelRepositoryParameter {
            parameter_choice: Some(ParameterChoice::StringParam(config.into())),
        };
        request.parameters.insert("config".into(), value);
    }
    client
        .call(async |service| service.repository_model_load(request).await)
        .map(|_| ())
}

fn unload(client: &Client, name: &str) -> Result<(), Status> {
    let request = RepositoryModelUnloadRequest {
        model_name: name.into(),
        ..RepositoryModelUnloadRequest::default()
    };
    client
        .call(async |service| service.repository_model_unload(request).await)
        .map(|_| ())
}

/// Name, version, state and reason of each entry.
fn index(client: &Client, ready: bool) -> Vec<[String; 4]> {
    let request = RepositoryIndexRequest {
        ready,
        ..RepositoryIndexRequest::default()
    };
    let told = client
        .call(async |service| service.repository_index(request).await)
        .unwrap();
    told.models
        .into_iter()
        .map(|model| [model.name, model.version, model.state, model.reason])
        .collect()
}

#[test]
fn a_model_is_loaded_served_and_unloaded() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &["--model-control-mode", "explicit"]);
    let client = Client::connect(&server);
    assert_eq!(index(&client, false), [["small", "", "", ""]]);
    assert!(index(&client, true).is_empty());
    load(&client, "small", None).unwrap();
    assert_eq!(index(&client, true), [["small", "1", "READY", ""]]);
    let inputs = small().sample_inputs(2, 1);
    let request = raw(&small(), &inputs);
    let response = client.infer(request.clone()).unwrap();
    assert_computed(&response, &small(), &inputs);
    unload(&client, "small").unwrap();
    assert_eq!(
        index(&client, false),
        [["small", "1", "UNAVAILABLE", "unloaded"]]
    );
    client.refused(request, Code::NotFound, &["has no available versions"]);
}

#[test]
fn a_configuration_may_come_with_the_load() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &["--model-control-mode", "explicit"]);
    let client = Client::connect(&server);
    let config = format!(
        r#"{{"backend":"onnxruntime","max_batch_size":4,
            "model_operations":{{"op_library_filename":["{}"]}}}}"#,
        samples.library().display()
    );
    load(&client, "small", Some(&config)).unwrap();
    let config = server.get("/v2/models/small/config").json();
    assert_eq!(config["max_batch_size"], 4);
    assert_refused(
        load(&client, "small", Some("{")),
        Code::InvalidArgument,
        &["load failed for model 'small'"],
    );
}

#[test]
fn loads_that_cannot_succeed_say_why() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &["--model-control-mode", "explicit"]);
    let client = Client::connect(&server);
    assert_refused(
        load(&client, "nobody", None),
        Code::InvalidArgument,
        &["failed to load 'nobody'"],
    );
    let request = RepositoryModelLoadRequest {
        repository_name: "models".into(),
        model_name: "small".into(),
        ..RepositoryModelLoadRequest::default()
    };
    let outcome = client.call(async |service| service.repository_model_load(request).await);
    assert_refused(outcome, Code::Unimplemented, &["'repository_name'"]);

    let fixed = Server::start(samples.root(), &[]);
    let client = Client::connect(&fixed);
    assert_refused(
        unload(&client, "small"),
        Code::InvalidArgument,
        &["explicit model load / unload is not allowed"],
    );
}
