//! Ways for clients to reach what the operator did not offer. Keys of shared memory over HTTP are in
//! `http_protocol/regions.rs`.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use proto::inference::model_repository_parameter::ParameterChoice;
use proto::inference::{
    LogSettingsRequest, ModelConfigRequest, ModelRepositoryParameter, ModelStatisticsRequest,
    RepositoryModelLoadRequest, RepositoryModelUnloadRequest, SystemSharedMemoryRegisterRequest,
    SystemSharedMemoryStatusRequest, log_settings_request,
};
use serde_json::{Value, json};
use test_ops::{Configuration, ModelRepository};
use tonic::Status;

use crate::client::Client;
use crate::request::one_input;
use crate::shared_memory::{path, unique_name};
use crate::support::client::{Request, Response};
use crate::support::inference::assert_serves;
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

/// A server whose clients may load models, and beside its repository another one with a sound model.
struct Premises {
    samples: Samples,
    server: Server,
    client: Client,
    /// The folder of the other model.
    outside: PathBuf,
}

impl Premises {
    fn new() -> Self {
        let samples = Samples::with_small();
        let beside = samples.root().parent().unwrap().join("beside");
        let repository = ModelRepository::create(&beside).unwrap();
        let library = samples.library();
        let configuration = Configuration::with_op_libraries([library.to_str().unwrap()]);
        repository
            .add(&small().with_name("secret"), &configuration)
            .unwrap();
        std::fs::write(beside.join("secret/labels.txt"), "root:x:0:0\n").unwrap();
        std::fs::copy(&library, beside.join("libbeside.so")).unwrap();
        let server = Server::start_explicit(samples.root(), &[]);
        Self {
            client: Client::connect(&server),
            outside: beside.join("secret"),
            samples,
            server,
        }
    }

    /// Loads a model over HTTP with these parameters.
    fn load(&self, name: &str, parameters: &Value) -> Response {
        let path = format!("/v2/repository/models/{name}/load");
        self.server
            .post(&path, json!({"parameters": parameters}).to_string())
    }

    /// Loads a model over gRPC with these parameters.
    fn load_over_grpc(
        &self,
        name: &str,
        parameters: &[(&str, ParameterChoice)],
    ) -> Result<(), Status> {
        let parameters: BTreeMap<_, _> = parameters
            .iter()
            .map(|(key, choice)| {
                let parameter_choice = Some(choice.clone());
                (
                    (*key).to_owned(),
                    ModelRepositoryParameter { parameter_choice },
                )
            })
            .collect();
        let request = RepositoryModelLoadRequest {
            model_name: name.to_owned(),
            parameters,
            ..RepositoryModelLoadRequest::default()
        };
        self.client
            .call(async |service| service.repository_model_load(request).await)
            .map(|_| ())
    }

    /// Checks that `small` cannot be loaded with this configuration, over either protocol, for this reason,
    /// and still serves.
    #[track_caller]
    fn refuse(&self, configuration: &Value, reason: &str) {
        let text = configuration.to_string();
        let response = self.load("small", &json!({"config": text}));
        assert_eq!(response.status, 400, "{text}: {}", response.text());
        let error = response.error();
        assert!(error.contains(reason), "{text}: no '{reason}' in {error}");
        let status = self
            .load_over_grpc("small", &[("config", ParameterChoice::StringParam(text))])
            .expect_err("the load is refused");
        assert!(status.message().contains(reason), "{}", status.message());
        assert_serves(&self.server, &small());
    }

    /// A configuration of `small` with these fields besides.
    fn configuration(&self, fields: &Value) -> Value {
        let mut configuration = json!({
            "backend": "onnxruntime",
            "model_operations": {"op_library_filename": [self.samples.library()]},
        });
        for (name, value) in fields.as_object().unwrap() {
            configuration[name] = value.clone();
        }
        configuration
    }

    /// Names that could mean the model outside, or something else than a model.
    fn names(&self) -> Vec<String> {
        let outside = self.outside.to_str().unwrap();
        vec![
            "..".to_owned(),
            ".".to_owned(),
            "../beside/secret".to_owned(),
            "small/../../beside/secret".to_owned(),
            "small/1".to_owned(),
            "small/".to_owned(),
            "./small".to_owned(),
            outside.to_owned(),
            format!("/{outside}"),
            "secret\0".to_owned(),
            "small\0".to_owned(),
            "..\\beside\\secret".to_owned(),
            "%2e%2e/beside/secret".to_owned(),
            "a".repeat(300),
            "../".repeat(5000),
        ]
    }
}

/// A name as it stands in a path: every byte of it encoded.
fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn names_in_paths_reach_no_other_folder() {
    let premises = Premises::new();
    let server = &premises.server;
    let requests = |name: &str| {
        let model = format!("/v2/models/{name}");
        [
            Request::get(&model),
            Request::get(format!("{model}/config")),
            Request::get(format!("{model}/stats")),
            Request::get(format!("{model}/ready")),
            Request::get(format!("{model}/versions/1")),
            Request::post(format!("{model}/infer"), "{}"),
            Request::post(format!("/v2/repository/models/{name}/load"), ""),
            Request::post(format!("{model}/trace/setting"), "{}"),
        ]
    };
    for name in premises.names().iter().filter(|name| name.len() < 10_000) {
        for request in requests(&encoded(name)) {
            let response = server.send(&request);
            assert!(
                (400..500).contains(&response.status),
                "{name}: {}",
                response.text()
            );
        }
    }
    // As they are, dots and slashes are part of the path, which is not shortened.
    for path in [
        "/v2/models/../models/small",
        "/v2/models/./small",
        "/v2/models/../../v2",
        "/v2//models/small",
        "/../v2",
        "/v2/models/small/../../../etc/passwd",
        "/v2/repository/models/../beside/secret/load",
    ] {
        for request in [Request::get(path), Request::post(path, "")] {
            let response = server.send(&request);
            assert!(
                (400..500).contains(&response.status),
                "{path}: {}",
                response.text()
            );
        }
    }
    assert!(server.index_of("secret").is_empty());
    assert_serves(server, &small());
}

#[test]
fn names_in_calls_reach_no_other_folder() {
    let premises = Premises::new();
    let client = &premises.client;
    for name in premises.names() {
        let what = name.get(..40).unwrap_or(&name).to_owned();
        premises.load_over_grpc(&name, &[]).expect_err(&what);
        // It succeeds for a model that there is not, and does nothing: `small` still serves below.
        let unload = RepositoryModelUnloadRequest {
            model_name: name.clone(),
            ..RepositoryModelUnloadRequest::default()
        };
        client
            .call(async |service| service.repository_model_unload(unload).await)
            .expect(&what);
        let configuration = ModelConfigRequest {
            name: name.clone(),
            version: String::new(),
        };
        client
            .call(async |service| service.model_config(configuration).await)
            .expect_err(&what);
        let statistics = ModelStatisticsRequest {
            name: name.clone(),
            version: String::new(),
        };
        client
            .call(async |service| service.model_statistics(statistics).await)
            .expect_err(&what);
        client
            .infer(one_input(&name, "FP32", &[1, 16], vec![0; 64]))
            .expect_err(&what);
    }
    let folder = RepositoryModelLoadRequest {
        repository_name: premises.outside.parent().unwrap().to_str().unwrap().into(),
        model_name: "secret".into(),
        ..RepositoryModelLoadRequest::default()
    };
    client
        .call(async |service| service.repository_model_load(folder).await)
        .expect_err("a repository of the client's");
    assert!(premises.server.index_of("secret").is_empty());
    assert_serves(&premises.server, &small());
}

#[test]
fn op_libraries_of_a_load_lie_under_the_roots() {
    let premises = Premises::new();
    let beside = premises.outside.parent().unwrap().join("libbeside.so");
    // Links are the operator's; where they lead still counts.
    symlink(&beside, premises.samples.root().join("small/linked.so")).unwrap();
    symlink(
        &premises.outside,
        premises.samples.root().join("small/folder"),
    )
    .unwrap();
    std::fs::copy(&beside, premises.outside.join("inner.so")).unwrap();
    for file in [
        beside.to_str().unwrap(),
        "../../../beside/libbeside.so",
        "../../beside/libbeside.so",
        "linked.so",
        "folder/inner.so",
        "folder/../libbeside.so",
    ] {
        let configuration =
            premises.configuration(&json!({"model_operations": {"op_library_filename": [file]}}));
        premises.refuse(&configuration, "outside of the allowed roots");
    }
    for (file, reason) in [
        ("/proc/self/exe", "outside of the allowed roots"),
        ("/etc/passwd", "outside of the allowed roots"),
        ("/dev/null", "outside of the allowed roots"),
        ("/dev/fd/0", "outside of the allowed roots"),
        ("", "empty path"),
        ("..", "not a file"),
    ] {
        let configuration =
            premises.configuration(&json!({"model_operations": {"op_library_filename": [file]}}));
        premises.refuse(&configuration, reason);
    }
}

#[test]
fn model_files_of_a_load_lie_in_the_version() {
    let premises = Premises::new();
    let model = premises.outside.join("1/model.onnx");
    for file in [
        model.to_str().unwrap(),
        "../../../beside/secret/1/model.onnx",
        "../1/model.onnx",
        "./../1/model.onnx",
        "/etc/passwd",
        "..",
    ] {
        let configuration = premises.configuration(&json!({"default_model_filename": file}));
        premises.refuse(
            &configuration,
            "must be a path inside of the version folder",
        );
    }
}

#[test]
fn label_files_of_a_load_lie_in_the_model() {
    let premises = Premises::new();
    let labels = premises.outside.join("labels.txt");
    for file in [
        labels.to_str().unwrap(),
        "../../beside/secret/labels.txt",
        "/etc/passwd",
    ] {
        let configuration = premises.configuration(&json!({
            "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 16]}],
            "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [-1, 16], "label_filename": file}],
        }));
        premises.refuse(&configuration, "outside of the model's folder");
    }
}

#[test]
fn logs_and_traces_are_written_where_the_operator_says() {
    let premises = Premises::new();
    let file = premises.outside.join("log");
    let file_text = file.to_str().unwrap();
    let log = premises
        .server
        .post("/v2/logging", json!({"log_file": file_text}).to_string());
    assert_eq!(log.status, 501, "{}", log.text());
    let trace = json!({"trace_file": file_text, "trace_level": ["TIMESTAMPS"], "trace_rate": "1"});
    for path in ["/v2/trace/setting", "/v2/models/small/trace/setting"] {
        let response = premises.server.post(path, trace.to_string());
        assert_eq!(response.status, 501, "{}", response.text());
    }
    let setting = log_settings_request::SettingValue {
        parameter_choice: Some(
            log_settings_request::setting_value::ParameterChoice::StringParam(file_text.into()),
        ),
    };
    let request = LogSettingsRequest {
        settings: BTreeMap::from([("log_file".to_owned(), setting)]),
    };
    premises
        .client
        .call(async |service| service.log_settings(request).await)
        .expect_err("a log file of the client's");
    assert_serves(&premises.server, &small());
    assert!(!file.exists());
}

#[test]
fn keys_of_regions_in_calls_stay_in_dev_shm() {
    let premises = Premises::new();
    let client = &premises.client;
    let secret = premises.outside.join("labels.txt");
    let secret = secret.to_str().unwrap();
    let link = unique_name();
    symlink(secret, path(&link)).unwrap();
    let keys = [
        secret.to_owned(),
        format!("../..{secret}"),
        format!("/../..{secret}"),
        format!("/{link}"),
        "/proc/self/mem".to_owned(),
        "/.".to_owned(),
        "/..".to_owned(),
        String::new(),
        format!("{link}\0"),
        "/".repeat(10_000),
    ];
    let outcomes = keys.map(|key| {
        let request = SystemSharedMemoryRegisterRequest {
            name: "r".into(),
            key: key.clone(),
            offset: 0,
            byte_size: 4,
        };
        let outcome =
            client.call(async |service| service.system_shared_memory_register(request).await);
        (key, outcome)
    });
    std::fs::remove_file(path(&link)).unwrap();
    for (key, outcome) in outcomes {
        let status = outcome.expect_err("no region");
        let expected = "Unable to open shared memory region: '";
        assert!(
            status.message().starts_with(expected),
            "{key:?}: {}",
            status.message()
        );
    }
    let all = SystemSharedMemoryStatusRequest::default();
    let told = client.call(async |service| service.system_shared_memory_status(all).await);
    assert!(told.unwrap().regions.is_empty());
}
