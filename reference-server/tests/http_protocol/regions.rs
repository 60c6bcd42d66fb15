//! Tensors in system shared memory: registration, use, and what a client cannot do with it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use test_ops::Tensor;

use crate::onnx;
use crate::shared_memory::{Object, path, unique_name};
use crate::support::client::{Request, Response};
use crate::support::deadline::{eventually, wait_until};
use crate::support::inference::assert_serves;
use crate::support::samples::{Samples, batching, small};
use crate::support::server::Server;

fn register(server: &Server, name: &str, body: &Value) -> Response {
    let at = format!("/v2/systemsharedmemory/region/{name}/register");
    server.post(&at, body.to_string())
}

#[track_caller]
fn registered(server: &Server, name: &str, object: &Object, offset: u64, byte_size: u64) {
    let body = json!({"key": object.key(), "offset": offset, "byte_size": byte_size});
    let response = register(server, name, &body);
    assert_eq!((response.status, response.text()), (200, String::new()));
}

/// A tensor's place as the parameters of an input or output tell it.
fn at(region: &str, offset: u64, byte_size: u64) -> Value {
    json!({
        "shared_memory_region": region,
        "shared_memory_offset": offset,
        "shared_memory_byte_size": byte_size,
    })
}

/// An inference on `small` with one row, input and output at these places.
fn request(model: &str, input: &Value, output: &Value) -> Request {
    let body = json!({
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 16], "parameters": input}],
        "outputs": [{"name": "y", "parameters": output}],
    });
    Request::post(format!("/v2/models/{model}/infer"), body.to_string())
}

/// The output that is at `offset` of an object, checked.
#[track_caller]
fn assert_written(object: &Object, offset: u64, input: &Tensor) {
    let bytes = object.read(offset, 64);
    let output = Tensor::from_bytes(input.data_type, &input.shape, &bytes).unwrap();
    let expected = &small().expected(std::slice::from_ref(input), &[])[0];
    output.compare(expected).unwrap();
}

fn sample(seed: u64) -> Tensor {
    small().sample_inputs(1, seed).remove(0)
}

#[test]
fn regions_are_registered_told_and_let_go_of() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let status = |path: &str| server.get(&format!("/v2/systemsharedmemory{path}/status"));
    assert_eq!(status("").json(), json!([]));
    let object = Object::new(8192);
    registered(&server, "b", &object, 0, 8192);
    registered(&server, "a", &object, 64, 100);
    let a = json!({"name": "a", "key": object.key(), "offset": 64, "byte_size": 100});
    let b = json!({"name": "b", "key": object.key(), "offset": 0, "byte_size": 8192});
    assert_eq!(status("").json(), json!([a, b]));
    assert_eq!(status("/region/a").json(), json!([a]));

    let missing = status("/region/c");
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.error(),
        "Unable to find system shared memory region: 'c'"
    );
    let again = register(&server, "a", &json!({"key": object.key(), "byte_size": 1}));
    assert_eq!(again.status, 400);
    assert_eq!(again.error(), "shared memory region 'a' already in manager");

    let unregister = |path: &str| {
        let at = format!("/v2/systemsharedmemory{path}/unregister");
        assert_eq!(server.post(&at, "").status, 200);
    };
    unregister("/region/c");
    unregister("/region/a");
    assert_eq!(status("").json(), json!([b]));
    registered(&server, "a", &object, 0, 1);
    unregister("");
    assert_eq!(status("").json(), json!([]));

    // Clients ask for CUDA memory before they begin.
    assert_eq!(server.get("/v2/cudasharedmemory/status").json(), json!([]));
    assert_eq!(
        server.post("/v2/cudasharedmemory/unregister", "").status,
        200
    );
    assert_eq!(server.post("/v2/systemsharedmemory/status", "").status, 405);
}

/// What a real handle opens is tried where there is a GPU, by the harness's suites.
#[test]
fn a_cuda_handle_that_opens_nothing_is_refused() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let handle = BASE64_STANDARD.encode([7; 64]);
    let body = |device: i64| {
        json!({"raw_handle": {"b64": handle}, "device_id": device, "byte_size": 64}).to_string()
    };
    for (path, body, expected) in [
        ("/region/a", "{}".to_owned(), "has no 'raw_handle' field"),
        ("/region/a", body(-1), "device_id -1 is no number of a GPU"),
        (
            "/region/a",
            body(0),
            "failed to register shared memory region 'a': ",
        ),
        // The process that has found that out is asked again.
        ("/region/a", body(100_000), "driver"),
        (
            "",
            body(0),
            "'region name' is necessary to register cuda shared memory",
        ),
    ] {
        let answer = server.post(
            &format!("/v2/cudasharedmemory{path}/register"),
            body.as_str(),
        );
        assert_eq!(answer.status, 400, "{body}");
        let error = answer.error();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(server.get("/v2/cudasharedmemory/status").json(), json!([]));
}

#[test]
fn what_cannot_be_registered_is_refused() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let object = Object::new(4096);
    let key = object.key();
    for (body, status, expected) in [
        (json!({"byte_size": 1}), 400, "has no 'key' field"),
        (json!({"key": key}), 400, "has no 'byte_size' field"),
        (json!({"key": key, "byte_size": 0}), 400, "invalid args"),
        (json!({"key": key, "byte_size": -1}), 400, "integer `-1`"),
        (json!({"key": key, "byte_size": 4097}), 400, "invalid args"),
        (
            json!({"key": key, "offset": 1, "byte_size": 4096}),
            400,
            "invalid args",
        ),
        (
            json!({"key": key, "offset": u64::MAX, "byte_size": 2}),
            400,
            "invalid args",
        ),
        (
            json!({"key": key, "offset": 4096, "byte_size": u64::MAX}),
            400,
            "invalid args",
        ),
        (
            json!({"key": unique_name(), "byte_size": 1}),
            500,
            "Unable to open",
        ),
        (
            json!({"key": "/triton_python_backend_shm_region_1", "byte_size": 1}),
            400,
            "reserved prefix",
        ),
    ] {
        let response = register(&server, "r", &body);
        assert_eq!(response.status, status, "{body}: {}", response.text());
        let error = response.error();
        assert!(error.contains(expected), "{body}: {error}");
    }
    let without_name = server.post("/v2/systemsharedmemory/register", "{}");
    assert_eq!(without_name.status, 400);
    assert!(without_name.error().contains("'region name' is necessary"));
    assert_eq!(
        server.get("/v2/systemsharedmemory/status").json(),
        json!([])
    );
}

/// A file elsewhere, and every way to it.
#[test]
fn no_key_reaches_outside_of_dev_shm() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, [7; 4096]).unwrap();
    let secret = secret.to_str().unwrap();

    let link = unique_name();
    std::os::unix::fs::symlink(secret, path(&link)).unwrap();
    let inside = unique_name();
    std::fs::create_dir(path(&inside)).unwrap();
    std::fs::write(path(&inside).join("object"), [7; 4096]).unwrap();

    let keys = [
        secret.to_owned(),
        format!("..{secret}"),
        format!("/..{secret}"),
        format!("../..{secret}"),
        format!("/{inside}/../../..{secret}"),
        format!("/{inside}/object"),
        format!("/{inside}"),
        "/.".to_owned(),
        "/..".to_owned(),
        "/".to_owned(),
        String::new(),
        format!("/{link}"),
        format!("//{link}"),
        format!("{link}\0"),
        "/proc/self/mem".to_owned(),
    ];
    for key in keys {
        let response = register(&server, "r", &json!({"key": key, "byte_size": 64}));
        assert_eq!(response.status, 500, "{key:?}: {}", response.text());
        let error = response.error();
        assert!(
            error.starts_with("Unable to open shared memory region: '"),
            "{error}"
        );
    }
    std::fs::remove_file(path(&link)).unwrap();
    std::fs::remove_dir_all(path(&inside)).unwrap();
    assert_eq!(
        server.get("/v2/systemsharedmemory/status").json(),
        json!([])
    );
}

#[test]
fn tensors_are_read_and_written_where_the_client_has_them() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let object = Object::new(3 * 4096);
    // Neither region begins with a page.
    registered(&server, "in", &object, 4096 + 64, 1024);
    registered(&server, "out", &object, 2 * 4096 + 128, 1024);
    // In place, and where the framework gets a copy.
    for (seed, (input_at, output_at)) in [(0, 0), (64, 192), (3, 0), (0, 5), (960, 960)]
        .into_iter()
        .enumerate()
    {
        let input = sample(seed as u64);
        object.write(4096 + 64 + input_at, &input.to_bytes());
        let request = request("small", &at("in", input_at, 64), &at("out", output_at, 64));
        let told = server.send(&request).json();
        assert_eq!(
            told["outputs"],
            json!([{"name": "y", "datatype": "FP32", "shape": [1, 16]}])
        );
        assert_written(&object, 2 * 4096 + 128 + output_at, &input);
        assert_eq!(object.read(4096 + 64 + input_at, 64), input.to_bytes());
    }
    // The output goes where the input is, or to a part of that.
    for output_at in [0, 32] {
        let input = sample(7);
        object.write(4096 + 64, &input.to_bytes());
        let request = request("small", &at("in", 0, 64), &at("in", output_at, 64));
        assert_eq!(server.send(&request).status, 200);
        assert_written(&object, 4096 + 64 + output_at, &input);
    }
    // Only one of the two is in shared memory.
    let input = sample(9);
    object.write(4096 + 64, &input.to_bytes());
    let told = server
        .send(&request("small", &at("in", 0, 64), &json!({})))
        .json();
    let data: Vec<f64> = serde_json::from_value(told["outputs"][0]["data"].clone()).unwrap();
    let expected = &small().expected(std::slice::from_ref(&input), &[])[0];
    assert!((data[3] - expected.values[3]).abs() < 1e-5);
    // What was written behind the bounds of a region is no part of it.
    assert_serves(&server, &small());
}

#[test]
fn a_place_that_does_not_fit_is_refused() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let object = Object::new(4096);
    registered(&server, "r", &object, 0, 256);
    let good = at("r", 0, 64);
    for (input, output, status, expected) in [
        (
            at("q", 0, 64),
            good.clone(),
            404,
            "Unable to find shared memory region: 'q'",
        ),
        (
            good.clone(),
            at("q", 0, 64),
            404,
            "Unable to find shared memory region: 'q'",
        ),
        (
            at("r", 256, 64),
            good.clone(),
            400,
            "Invalid offset for shared memory region: 'r'",
        ),
        (
            at("r", 193, 64),
            good.clone(),
            400,
            "Invalid offset + byte size for shared memory region: 'r'",
        ),
        (
            good.clone(),
            at("r", 193, 64),
            400,
            "Invalid offset + byte size for shared memory region: 'r'",
        ),
        (
            good.clone(),
            at("r", u64::MAX, 64),
            400,
            "Invalid offset for shared memory region: 'r'",
        ),
        (
            good.clone(),
            at("r", 1, u64::MAX),
            400,
            "Invalid offset + byte size for shared memory region: 'r'",
        ),
        (
            at("r", 0, 128),
            good.clone(),
            400,
            "input byte size mismatch for input 'x' for model 'small'. Expected 64, got 128",
        ),
        (
            good.clone(),
            at("r", 0, 63),
            500,
            "shared memory size specified with the request for output 'y' (63 bytes) should be at \
             least 64 bytes to hold the results",
        ),
    ] {
        let response = server.send(&request("small", &input, &output));
        assert_eq!(response.status, status, "{}", response.text());
        let error = response.error();
        assert!(error.contains(expected), "{error}");
    }

    let both = json!({"inputs": [{
        "name": "x", "datatype": "FP32", "shape": [1, 16], "parameters": good, "data": vec![0; 16],
    }]});
    let response = server.post("/v2/models/small/infer", both.to_string());
    assert_eq!(response.status, 400);
    let error = response.error();
    assert!(
        error.contains("But set 'data' 'shared_memory_region'"),
        "{error}"
    );
}

#[test]
fn a_region_that_is_let_go_of_stays_for_the_request_that_uses_it() {
    let samples = Samples::new();
    // A request waits for others that never come.
    samples.add_with(&small(), |configuration| {
        configuration.max_batch_size = 8;
        configuration.dynamic_batching = Some(batching(1_000_000));
    });
    let server = Server::start(samples.root(), &[]);
    let object = Object::new(4096);
    registered(&server, "r", &object, 0, 4096);
    let input = sample(1);
    object.write(0, &input.to_bytes());
    let mut connection = server.connect();
    let request = request("small", &at("r", 0, 64), &at("r", 64, 64));
    connection.write(&request.bytes()).unwrap();
    wait_until("the request waits", || {
        server.metric("nv_inference_pending_request_count", "small") == 1.0
    });
    assert_eq!(
        server.post("/v2/systemsharedmemory/unregister", "").status,
        200
    );
    assert_eq!(
        server.get("/v2/systemsharedmemory/status").json(),
        json!([])
    );
    let response = connection.read().unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    assert_written(&object, 64, &input);
    assert_eq!(server.send(&request).status, 404);
}

#[test]
fn an_object_that_was_cut_off_fails_its_request_alone() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let object = Object::new(2 * 4096);
    registered(&server, "r", &object, 0, 2 * 4096);
    let input = sample(1);
    let write = || object.write(4096, &input.to_bytes());
    write();
    let request = request("small", &at("r", 4096, 64), &at("r", 4096 + 64, 64));
    assert_eq!(server.send(&request).status, 200);
    let worker = server.worker_of("small");

    object.set_size(4096);
    let response = server.send(&request);
    assert_eq!(response.status, 500);
    let error = response.error();
    assert!(error.contains("has become shorter"), "{error}");
    assert_serves(&server, &small());
    assert_eq!(server.worker_of("small"), worker);

    object.set_size(2 * 4096);
    write();
    assert_eq!(server.send(&request).status, 200);
    assert_written(&object, 4096 + 64, &input);
}

#[test]
fn a_worker_that_starts_later_gets_the_region() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let object = Object::new(4096);
    registered(&server, "r", &object, 0, 4096);
    let request = request("small", &at("r", 0, 64), &at("r", 64, 64));
    for seed in 0..2 {
        let input = sample(seed);
        object.write(0, &input.to_bytes());
        eventually("a worker serves", || {
            let response = server.send(&request);
            (response.status == 200).then_some(())
        });
        assert_written(&object, 64, &input);
        let worker = Pid::from_raw(server.worker_of("small") as i32).unwrap();
        kill_process(worker, Signal::KILL).unwrap();
    }
}

#[test]
fn byte_strings_are_held_against_their_shape_by_the_worker() {
    let samples = Samples::new();
    let folder = samples.root().join("strings/1");
    std::fs::create_dir_all(&folder).unwrap();
    let model = onnx::model(
        vec![onnx::node("", "Identity", &["x"], &["y"])],
        vec![onnx::tensor(
            "x",
            reference_server::protocol::DataType::Bytes,
            &["n"],
        )],
        vec![onnx::tensor(
            "y",
            reference_server::protocol::DataType::Bytes,
            &["n"],
        )],
        &[],
    );
    std::fs::write(folder.join("model.onnx"), model).unwrap();
    let server = Server::start(samples.root(), &[]);
    let object = Object::new(4096);
    registered(&server, "r", &object, 0, 4096);
    let infer = |bytes: &[u8]| {
        object.write(0, bytes);
        let body = json!({
            "inputs": [{"name": "x", "datatype": "BYTES", "shape": [2],
                        "parameters": at("r", 0, bytes.len() as u64)}],
            "outputs": [{"name": "y", "parameters": at("r", 1024, 512)}],
        });
        server.post("/v2/models/strings/infer", body.to_string())
    };
    let good = b"\x01\0\0\0a\x03\0\0\0bcd";
    let response = infer(good);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(object.read(1024, good.len()), good);
    for bad in [
        &b"\x01\0\0\0a\xff\xff\xff\xffbcd"[..],
        b"\x01\0\0\0a",
        b"\x01\0",
    ] {
        let response = infer(bad);
        assert_eq!(response.status, 400, "{}", response.text());
        let error = response.error();
        assert!(error.contains("inference input 'x'"), "{error}");
    }
}
