//! What the server and its models tell about themselves.

use proto::inference::{
    DataType, ModelConfigRequest, ModelMetadataRequest, ModelReadyRequest, ModelStatisticsRequest,
    ServerLiveRequest, ServerMetadataRequest, ServerReadyRequest,
};
use tonic::Code;

use crate::client::{Client, assert_refused};
use crate::request::raw;
use crate::support::inference::assert_serves;
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

#[test]
fn the_server_tells_its_state_and_its_name() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &["--id", "the name"]);
    let client = Client::connect(&server);
    let live = client.call(async |service| service.server_live(ServerLiveRequest {}).await);
    assert!(live.unwrap().live);
    let ready = client.call(async |service| service.server_ready(ServerReadyRequest {}).await);
    assert!(ready.unwrap().ready);
    let told = client
        .call(async |service| service.server_metadata(ServerMetadataRequest {}).await)
        .unwrap();
    let metadata = server.get("/v2").json();
    assert_eq!(told.name, "the name");
    assert_eq!(metadata["version"], told.version);
    assert_eq!(metadata["extensions"], serde_json::json!(told.extensions));
}

#[test]
fn a_model_tells_its_metadata() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    for version in ["", "1"] {
        let request = ModelMetadataRequest {
            name: "small".into(),
            version: version.into(),
        };
        let told = client
            .call(async |service| service.model_metadata(request).await)
            .unwrap();
        assert_eq!(told.name, "small");
        assert_eq!(told.versions, ["1"]);
        assert_eq!(told.platform, "onnxruntime_onnx");
        for (tensors, name) in [(&told.inputs, "x"), (&told.outputs, "y")] {
            assert_eq!(tensors.len(), 1);
            assert_eq!(tensors[0].name, name);
            assert_eq!(tensors[0].datatype, "FP32");
            assert_eq!(tensors[0].shape, [-1, 16]);
        }
    }
    let outcome = client.call(async |service| {
        service
            .model_metadata(ModelMetadataRequest {
                name: "nobody".into(),
                version: String::new(),
            })
            .await
    });
    assert_refused(outcome, Code::NotFound, &["'nobody'"]);
}

#[test]
fn a_model_is_ready_or_not() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let ready = |name: &str, version: &str| {
        let request = ModelReadyRequest {
            name: name.into(),
            version: version.into(),
        };
        client.call(async |service| service.model_ready(request).await)
    };
    for (name, version, expected) in [
        ("small", "", true),
        ("small", "1", true),
        ("small", "2", false),
        ("nobody", "", false),
    ] {
        assert_eq!(ready(name, version).unwrap().ready, expected, "{name}");
    }
    assert_refused(ready("small", "x"), Code::InvalidArgument, &["'x'"]);
}

#[test]
fn the_configuration_tells_what_serves_the_model() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| configuration.max_batch_size = 8);
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let request = ModelConfigRequest {
        name: "small".into(),
        version: String::new(),
    };
    let told = client
        .call(async |service| service.model_config(request).await)
        .unwrap();
    let config = told.config.expect("a configuration");
    assert_eq!(config.name, "small");
    assert_eq!(config.max_batch_size, 8);
    assert_eq!(config.input[0].dims, [16]);
    assert_eq!(config.input[0].data_type(), DataType::TypeFp32);
    let worker = &config.parameters["reference_server.worker_pid"].string_value;
    assert_eq!(*worker, server.worker_of("small").to_string());
}

#[test]
fn both_protocols_count_in_the_same_statistics() {
    let samples = Samples::with_small();
    samples.add(&small().with_name("other"));
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let inputs = small().sample_inputs(2, 1);
    client.infer(raw(&small(), &inputs)).unwrap();
    assert_serves(&server, &small());
    let statistics = |name: &str| {
        let request = ModelStatisticsRequest {
            name: name.into(),
            version: String::new(),
        };
        client.call(async |service| service.model_statistics(request).await)
    };
    let told = statistics("small").unwrap().model_stats;
    assert_eq!(told.len(), 1);
    let told = &told[0];
    assert_eq!((told.name.as_str(), told.version.as_str()), ("small", "1"));
    assert_eq!((told.inference_count, told.execution_count), (2, 2));
    let durations = told.inference_stats.as_ref().expect("statistics");
    for statistic in [
        durations.success,
        durations.queue,
        durations.compute_infer,
        durations.compute_input,
        durations.compute_output,
    ] {
        assert_eq!(statistic.expect("a duration").count, 2);
    }
    assert_eq!(durations.fail.expect("a duration").count, 0);
    assert_eq!(told.batch_stats.len(), 1);
    assert_eq!(
        server.statistics_of("small")["last_inference"],
        told.last_inference
    );
    let all = statistics("").unwrap().model_stats;
    let names: Vec<&str> = all.iter().map(|told| told.name.as_str()).collect();
    assert_eq!(names, ["other", "small"]);
    assert_refused(
        statistics("nobody"),
        Code::InvalidArgument,
        &["'nobody' is not available"],
    );
}
