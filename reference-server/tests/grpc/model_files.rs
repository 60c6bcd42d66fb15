//! Models that come with the load request, as files.

use proto::inference::model_repository_parameter::ParameterChoice;
use proto::inference::{
    ModelRepositoryParameter, RepositoryModelLoadRequest, RepositoryModelUnloadRequest,
};
use serde_json::Value;
use tonic::{Code, Status};

use crate::client::{Client, assert_refused};
use crate::request::{assert_computed, raw};
use crate::support::model_files::{ModelFiles, TemporaryFolder, configuration, files_of};
use crate::support::samples::{Samples, small};

fn load(
    client: &Client,
    name: &str,
    configuration: &Value,
    files: ModelFiles,
) -> Result<(), Status> {
    let configuration = ParameterChoice::StringParam(configuration.to_string());
    let files = files
        .into_iter()
        .map(|(name, content)| (name, ParameterChoice::BytesParam(content.into())));
    let parameters = files
        .chain([("config".to_owned(), configuration)])
        .map(|(name, choice)| {
            let parameter_choice = Some(choice);
            (name, ModelRepositoryParameter { parameter_choice })
        });
    let request = RepositoryModelLoadRequest {
        model_name: name.to_owned(),
        parameters: parameters.collect(),
        ..RepositoryModelLoadRequest::default()
    };
    client
        .call(async |service| service.repository_model_load(request).await)
        .map(|_| ())
}

#[test]
fn a_model_that_is_in_no_repository_is_served_from_files() {
    let samples = Samples::with_small();
    let temporary = TemporaryFolder::new();
    let server = temporary.start(samples.root(), &[]);
    let client = Client::connect(&server);
    let model = small().with_name("other");
    let config = configuration("onnxruntime", &samples.library());
    load(&client, "other", &config, files_of(&model, 1)).unwrap();
    let inputs = model.sample_inputs(2, 1);
    let response = client.infer(raw(&model, &inputs)).unwrap();
    assert_computed(&response, &model, &inputs);
    assert_eq!(temporary.models().len(), 1);

    // A load that fails changes nothing.
    let broken = ModelFiles::from([("file:1/model.onnx".to_owned(), b"nothing".to_vec())]);
    assert_refused(
        load(&client, "other", &config, broken),
        Code::InvalidArgument,
        &["load failed for model 'other': version 1 is at UNAVAILABLE state: Internal: "],
    );
    let outside = ModelFiles::from([("file:../model.onnx".to_owned(), Vec::new())]);
    assert_refused(
        load(&client, "other", &config, outside),
        Code::InvalidArgument,
        &[
            "failed to load 'other', Invalid file parameter 'file:../model.onnx': it must stay within",
        ],
    );
    let response = client.infer(raw(&model, &inputs)).unwrap();
    assert_computed(&response, &model, &inputs);
    assert_eq!(temporary.models().len(), 1);

    let request = RepositoryModelUnloadRequest {
        model_name: "other".into(),
        ..RepositoryModelUnloadRequest::default()
    };
    client
        .call(async |service| service.repository_model_unload(request).await)
        .unwrap();
    client.refused(
        raw(&model, &inputs),
        Code::NotFound,
        &["'other' is not found"],
    );
    assert!(temporary.models().is_empty());
}

#[test]
fn files_take_the_place_of_the_repositorys() {
    let samples = Samples::with_small();
    let temporary = TemporaryFolder::new();
    let server = temporary.start(samples.root(), &["--load-model", "small"]);
    let client = Client::connect(&server);
    let replaced = small().with_approximation(test_ops::Approximation::Tanh);
    let config = configuration("onnxruntime", &samples.library());
    load(&client, "small", &config, files_of(&replaced, 1)).unwrap();
    let inputs = small().sample_inputs(3, 11);
    let response = client.infer(raw(&replaced, &inputs)).unwrap();
    assert_computed(&response, &replaced, &inputs);
    assert_eq!(server.load("small").status, 200);
    let response = client.infer(raw(&small(), &inputs)).unwrap();
    assert_computed(&response, &small(), &inputs);
    assert!(temporary.models().is_empty());
}
