//! What the server and its models tell about themselves.

use serde_json::json;

use crate::support::client::Request;
use crate::support::inference::assert_serves;
use crate::support::samples::{Samples, one_of_each, small};
use crate::support::server::Server;

#[test]
fn health_and_server_metadata() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &["--id", "the name"]);
    for path in ["/v2/health/live", "/v2/health/ready"] {
        let response = server.get(path);
        assert_eq!((response.status, response.body.len()), (200, 0), "{path}");
    }
    let metadata = server.get("/v2").json();
    assert_eq!(metadata["name"], "the name");
    assert_eq!(metadata["version"], env!("CARGO_PKG_VERSION"));
    for extension in [
        "binary_tensor_data",
        "model_configuration",
        "model_repository",
        "statistics",
    ] {
        let extensions = metadata["extensions"].as_array().unwrap();
        assert!(extensions.contains(&json!(extension)), "{metadata}");
    }
}

#[test]
fn a_model_tells_its_metadata() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let expected = json!({
        "name": "small",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 16]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 16]}],
    });
    for path in ["/v2/models/small", "/v2/models/small/versions/1"] {
        assert_eq!(server.get(path).json(), expected, "{path}");
        assert_eq!(server.get(&format!("{path}/ready")).status, 200);
    }
    for path in [
        "/v2/models/other/ready",
        "/v2/models/small/versions/2/ready",
    ] {
        assert_eq!(server.get(path).status, 400, "{path}");
    }
}

#[test]
fn a_batched_model_lists_the_batch_in_its_metadata_and_not_in_its_configuration() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| configuration.max_batch_size = 8);
    let server = Server::start(samples.root(), &[]);
    let metadata = server.get("/v2/models/small").json();
    assert_eq!(metadata["inputs"][0]["shape"], json!([-1, 16]));
    let configuration = server.get("/v2/models/small/config").json();
    assert_eq!(configuration["max_batch_size"], 8);
    assert_eq!(configuration["input"][0]["dims"], json!([16]));
    assert_eq!(configuration["input"][0]["data_type"], "TYPE_FP32");
    assert_eq!(configuration["output"][0]["name"], "y");
}

#[test]
fn the_configuration_tells_what_serves_the_model() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let configuration = server.get("/v2/models/small/config").json();
    assert_eq!(configuration["name"], "small");
    assert_eq!(configuration["backend"], "onnxruntime");
    assert_eq!(configuration["default_model_filename"], "model.onnx");
    let library = samples.library().canonicalize().unwrap();
    assert_eq!(
        configuration["model_operations"]["op_library_filename"],
        json!([samples.library()])
    );
    let parameter = |name: &str| {
        configuration["parameters"][name]["string_value"]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {configuration}"))
    };
    assert_eq!(
        parameter("reference_server.op_libraries"),
        library.to_str().unwrap()
    );
    assert!(parameter("reference_server.runtime").starts_with("onnxruntime-"));
    let worker: u32 = parameter("reference_server.worker_pid").parse().unwrap();
    assert_ne!(worker, server.pid());
    let executable = |pid: u32| std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert_eq!(executable(worker), executable(server.pid()));
}

#[test]
fn a_configuration_may_be_absent_or_incomplete() {
    let samples = Samples::new();
    for model in one_of_each() {
        samples.add_with(&model, |configuration| configuration.omit_tensors = true);
    }
    // Without a configuration there is no op library either: a plain ONNX operator serves.
    let absent = samples.root().join("absent/1");
    std::fs::create_dir_all(&absent).unwrap();
    std::fs::write(absent.join("model.onnx"), relu()).unwrap();

    let server = Server::start(samples.root(), &[]);
    for model in one_of_each() {
        let configuration = server
            .get(&format!("/v2/models/{}/config", model.name))
            .json();
        let names: Vec<&str> = configuration["input"]
            .as_array()
            .unwrap()
            .iter()
            .map(|input| input["name"].as_str().unwrap())
            .collect();
        let expected: Vec<String> = model.inputs().into_iter().map(|spec| spec.name).collect();
        assert_eq!(names, expected);
        assert_serves(&server, &model);
    }
    let response = server.post(
        "/v2/models/absent/infer",
        r#"{"inputs":[{"name":"a","datatype":"FP32","shape":[3],"data":[-1,0,2]}]}"#,
    );
    let output = &response.json()["outputs"][0];
    assert_eq!(output["name"], "b");
    assert_eq!(output["data"], json!([0.0, 0.0, 2.0]));
}

#[test]
fn without_completion_a_configuration_must_say_everything() {
    let samples = Samples::with_small();
    let bare = small().with_name("bare");
    samples.add_with(&bare, |configuration| configuration.omit_tensors = true);
    let server = Server::start_unready(
        samples.root(),
        &["--disable-auto-complete-config", "--exit-on-error=false"],
    );
    let reason = server.unavailable_reason("bare");
    assert!(reason.contains("input"), "{reason}");
    crate::support::deadline::wait_until("the complete model is ready", || {
        server.get("/v2/models/small/ready").status == 200
    });
    assert_serves(&server, &small());
}

#[test]
fn statistics_count_requests_executions_and_failures() {
    let samples = Samples::with_small();
    samples.add(&small().with_name("idle"));
    let server = Server::start(samples.root(), &[]);
    for _ in 0..3 {
        assert_serves(&server, &small());
    }
    let refused = server.post("/v2/models/small/infer", r#"{"inputs":[]}"#);
    assert_eq!(refused.status, 400);
    let statistics = server.statistics_of("small");
    assert_eq!(statistics["inference_count"], 3);
    assert_eq!(statistics["execution_count"], 3);
    assert!(statistics["last_inference"].as_u64().unwrap() > 1_600_000_000_000);
    let times = &statistics["inference_stats"];
    for field in [
        "success",
        "queue",
        "compute_input",
        "compute_infer",
        "compute_output",
    ] {
        assert_eq!(times[field]["count"], 3, "{field}: {times}");
    }
    let ns = |field: &str| times[field]["ns"].as_u64().unwrap();
    assert!(ns("compute_infer") > 0);
    assert!(ns("success") >= ns("compute_infer"), "{times}");
    assert_eq!(statistics["batch_stats"][0]["compute_infer"]["count"], 3);

    let all = server.get("/v2/models/stats").json();
    let counts: Vec<(&str, u64)> = all["model_stats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| {
            (
                model["name"].as_str().unwrap(),
                model["inference_count"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(counts, [("idle", 0), ("small", 3)]);
}

#[test]
fn names_in_paths_are_percent_decoded() {
    let samples = Samples::new();
    let model = small().with_name("a model%ö");
    samples.add(&model);
    let server = Server::start(samples.root(), &[]);
    let metadata = server.get("/v2/models/a%20model%25%C3%B6").json();
    assert_eq!(metadata["name"], "a model%ö");
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let mut connection = server.connect();
    for path in ["/v2", "/v2/models/nobody", "/v2/health/live", "/nowhere"] {
        let response = connection.send(&Request::get(path)).unwrap();
        assert_ne!(response.header("connection"), Some("close"), "{path}");
    }
    // Two requests in one write are answered in their order.
    let both = [
        Request::get("/v2/models/nobody").bytes(),
        Request::get("/v2/health/live").bytes(),
    ]
    .concat();
    connection.write(&both).unwrap();
    assert_eq!(connection.read().unwrap().status, 404);
    assert_eq!(connection.read().unwrap().status, 200);
}

/// An ONNX model `b = Relu(a)`, fp32, `[-1]`, as the bytes of protobuf wire format: fields are
/// `ModelProto {ir_version 1, graph 7, opset_import 8}`, `GraphProto {node 1, name 2, input 11,
/// output 12}`.
fn relu() -> Vec<u8> {
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("a short field");
        [&[number << 3 | 2, length], content].concat()
    }
    fn tensor(name: &str) -> Vec<u8> {
        let any_extent = field(1, &field(2, b"n"));
        let shape = field(2, &any_extent);
        let fp32 = [1 << 3, 1];
        let kind = field(1, &[&fp32[..], &shape].concat());
        [field(1, name.as_bytes()), field(2, &kind)].concat()
    }
    let node = [field(1, b"a"), field(2, b"b"), field(4, b"Relu")].concat();
    let graph = [
        field(1, &node),
        field(2, b"g"),
        field(11, &tensor("a")),
        field(12, &tensor("b")),
    ]
    .concat();
    let ir_version = [1 << 3, 8];
    let opset = field(8, &[2 << 3, 17]);
    [&ir_version[..], &field(7, &graph), &opset].concat()
}
