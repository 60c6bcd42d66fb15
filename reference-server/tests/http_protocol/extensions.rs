//! Classification, trace and log settings, and restricted parts of the interface.

use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::deadline::{eventually, wait_until};
use crate::support::samples::{Samples, small};
use crate::support::server::{Server, run_to_end};

/// Adds `labelled`: `small` with a file of labels for its output, and up to 8 rows.
fn add_labelled(samples: &Samples) {
    samples.add(&small().with_name("labelled"));
    let folder = samples.root().join("labelled");
    let library = samples.library();
    let configuration = format!(
        "backend: \"onnxruntime\"\nmax_batch_size: 8\n\
         input {{ name: \"x\" data_type: TYPE_FP32 dims: 16 }}\n\
         output {{ name: \"y\" data_type: TYPE_FP32 dims: 16 label_filename: \"labels.txt\" }}\n\
         model_operations {{ op_library_filename: \"{}\" }}\n",
        library.display()
    );
    std::fs::write(folder.join("config.pbtxt"), configuration).unwrap();
    std::fs::write(folder.join("labels.txt"), "zero\none\ntwo\n").unwrap();
}

#[test]
fn the_largest_elements_come_in_place_of_an_output() {
    let samples = Samples::with_small();
    add_labelled(&samples);
    let server = Server::start(samples.root(), &[]);
    // BiasGelu grows with large inputs.
    let mut row = vec![0.0; 32];
    (row[1], row[5], row[16]) = (90.0, 50.0, 70.0);
    let ask = |model: &str, most: u64, binary: bool| {
        let rows = if model == "labelled" { 2 } else { 1 };
        let body = json!({
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [rows, 16],
                        "data": row[..rows * 16]}],
            "outputs": [{"name": "y",
                         "parameters": {"classification": most, "binary_data": binary}}],
        });
        server.post(&format!("/v2/models/{model}/infer"), body.to_string())
    };
    let told = ask("labelled", 1, false).json();
    let output = &told["outputs"][0];
    assert_eq!(
        (&output["datatype"], &output["shape"]),
        (&json!("BYTES"), &json!([2, 1]))
    );
    let first: Vec<&str> = output["data"][0].as_str().unwrap().split(':').collect();
    assert!(
        (first[0].parse::<f64>().unwrap() - 90.0).abs() < 10.0,
        "{first:?}"
    );
    assert_eq!(first[1..], ["1", "one"]);
    assert!(output["data"][1].as_str().unwrap().ends_with(":0:zero"));

    let told = ask("small", 99, false).json();
    let output = &told["outputs"][0];
    assert_eq!(output["shape"], json!([16]));
    assert!(output["data"][0].as_str().unwrap().ends_with(":1"));
    assert!(output["data"][1].as_str().unwrap().ends_with(":5"));

    let binary = ask("small", 2, true);
    assert_eq!(binary.status, 200);
    assert!(binary.body.ends_with(b":5"), "{}", binary.text());
}

#[test]
fn a_model_whose_labels_lie_elsewhere_is_refused() {
    let samples = Samples::with_small();
    add_labelled(&samples);
    let labels = samples.root().join("labelled/labels.txt");
    std::fs::remove_file(&labels).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &labels).unwrap();
    let server = Server::start_unready(samples.root(), &["--exit-on-error=false"]);
    let reason = server.unavailable_reason("labelled");
    assert!(reason.contains("'labels.txt' of output 'y'"), "{reason}");
    assert!(reason.contains("outside of the model's folder"), "{reason}");
}

#[test]
fn trace_settings_are_checked_and_told() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let defaults = json!({
        "trace_level": ["OFF"], "trace_rate": "1000", "trace_count": "-1",
        "log_frequency": "0", "trace_file": "", "trace_mode": "triton",
    });
    assert_eq!(server.get("/v2/trace/setting").json(), defaults);
    let told = server
        .post("/v2/trace/setting", r#"{"trace_rate":"5"}"#)
        .json();
    assert_eq!(told["trace_rate"], "5");
    let model = "/v2/models/small/trace/setting";
    assert_eq!(
        server.post(model, r#"{"trace_count":"3"}"#).json()["trace_count"],
        "3"
    );
    assert_eq!(server.get(model).json()["trace_rate"], "5");
    assert_eq!(server.get("/v2/trace/setting").json()["trace_count"], "-1");
    server
        .post("/v2/trace/setting", r#"{"trace_rate":null}"#)
        .json();
    assert_eq!(server.get("/v2/trace/setting").json(), defaults);

    let refused = server.post("/v2/trace/setting", r#"{"trace_file":"/tmp/x"}"#);
    assert_eq!(refused.status, 501);
    let refused = server.post("/v2/trace/setting", r#"{"trace_level":["TIMESTAMPS"]}"#);
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("trace file name is not given"));
    let unknown = server.get("/v2/models/nobody/trace/setting");
    assert_eq!(unknown.status, 400);
    assert_eq!(unknown.error(), "Request for unknown model : nobody");
    let put = Request::get("/v2/trace/setting").with_method("PUT");
    assert_eq!(server.send(&put).status, 405);
}

#[test]
fn log_settings_have_their_effect() {
    let samples = Samples::with_small();
    let server = Server::start_explicit(samples.root(), &[]);
    let told = server.get("/v2/logging").json();
    let defaults = json!({
        "log_file": "", "log_info": true, "log_warning": true, "log_error": true,
        "log_verbose_level": 0, "log_format": "default",
    });
    assert_eq!(told, defaults);
    let change = |body: Value| server.post("/v2/logging", body.to_string());
    assert_eq!(change(json!({"log_info": false})).json()["log_info"], false);
    let loads = || server.log().matches("successfully loaded 'small'").count();
    let before = loads();
    assert_eq!(server.unload("small").status, 200);
    assert_eq!(server.load("small").status, 200);
    assert_eq!(change(json!({"log_info": true})).json(), defaults);
    assert_eq!(server.unload("small").status, 200);
    assert_eq!(server.load("small").status, 200);
    // Only the second load was told.
    eventually("the load is told", || (loads() > before).then_some(()));
    assert_eq!(loads(), before + 1);
    assert_eq!(change(json!({"log_file": "/tmp/x"})).status, 501);
    let refused = change(json!({"log_info": 1}));
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("'log_info'"));
}

#[test]
fn restricted_parts_take_their_header() {
    let samples = Samples::with_small();
    let flags = [
        "--http-restricted-api=model-repository,shared-memory:admin=secret",
        "--http-restricted-api",
        "health:probe=me",
    ];
    let server = Server::start_unready(samples.root(), &flags);
    let ready = Request::get("/v2/health/ready").with_header("probe", "me");
    wait_until("the server is ready", || server.send(&ready).status == 200);
    for (path, header) in [
        ("/v2/systemsharedmemory/status", ("admin", "secret")),
        ("/v2/health/live", ("probe", "me")),
        ("/v2/models/small/ready", ("probe", "me")),
    ] {
        for wrong in [None, Some("other"), Some("")] {
            let mut request = Request::get(path);
            if let Some(value) = wrong {
                request = request.with_header(header.0, value);
            }
            let response = server.send(&request);
            assert_eq!(response.status, 403, "{path}");
            assert_eq!(
                response.error(),
                format!("This API is restricted, expecting header '{}'", header.0)
            );
        }
        let request = Request::get(path).with_header(header.0, header.1);
        assert_eq!(server.send(&request).status, 200, "{path}");
    }
    assert_eq!(server.post("/v2/repository/index", "").status, 403);
    // The others are open.
    assert_eq!(server.get("/v2").status, 200);
    assert_eq!(server.get("/v2/models/small/config").status, 200);
}

#[test]
fn a_part_that_is_restricted_twice_ends_the_start() {
    let samples = Samples::with_small();
    let flags = [
        "--http-restricted-api=trace:a=b",
        "--http-restricted-api=trace:c=d",
    ];
    let ended = run_to_end(samples.root(), &flags);
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.log.contains("names 'trace' more than once"),
        "{}",
        ended.log
    );
}
