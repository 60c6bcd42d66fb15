//! Models that come with the load request, as files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use test_ops::{Approximation, Model};

use crate::support::deadline::wait_until;
use crate::support::inference::{Form, Inference, assert_computed, assert_serves};
use crate::support::model_files::{
    ModelFiles, TemporaryFolder, configuration, files_of, load, tree,
};
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

/// The same model with other values, under a name of its own.
fn other() -> Model {
    small()
        .with_approximation(Approximation::Tanh)
        .with_name("other")
}

fn ready(version: &str) -> [(String, String, String); 1] {
    [(version.to_owned(), "READY".to_owned(), String::new())]
}

#[test]
fn a_model_that_is_in_no_repository_is_served_from_files() {
    let samples = Samples::with_small();
    let before = tree(samples.root());
    let temporary = TemporaryFolder::new();
    let mut server = temporary.start(samples.root(), &[]);
    let config = configuration("onnxruntime", &samples.library());
    let loaded = load(&server, "other", &config, &files_of(&other(), 1));
    assert_eq!((loaded.status, loaded.text().as_str()), (200, ""));
    assert_serves(&server, &other());
    assert_eq!(server.index_of("other"), ready("1"));
    assert_eq!(server.statistics_of("other")["execution_count"], 1);
    assert_eq!(server.get("/v2/health/ready").status, 200);
    let [folder] = &temporary.models()[..] else {
        panic!("{:?}", tree(temporary.path()));
    };
    for folder in [folder, folder.parent().unwrap()] {
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
    }

    // A second load takes the place of the first, whose files go.
    let folder = folder.clone();
    let renamed = small().with_name("other");
    let loaded = load(&server, "other", &config, &files_of(&renamed, 3));
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    assert_eq!(server.index_of("other"), ready("3"));
    assert_serves(&server, &renamed);
    assert_eq!(temporary.models().len(), 1);
    assert!(!folder.exists());

    // Without files there is no such model, and what was loaded stays.
    let refused = server.load("other").error();
    assert!(refused.starts_with("failed to load 'other'"), "{refused}");
    assert_serves(&server, &renamed);

    // Unloaded, it is as if it had never been there.
    assert_eq!(server.unload("other").status, 200);
    assert!(temporary.models().is_empty());
    assert!(server.index_of("other").is_empty());
    assert_eq!(server.get("/v2/models/other/ready").status, 400);
    let gone = server.get("/v2/models/other").error();
    assert_eq!(gone, "Request for unknown model: 'other' is not found");
    assert_eq!(tree(samples.root()), before);

    // At the end of the server nothing is left.
    let loaded = load(&server, "other", &config, &files_of(&renamed, 1));
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(temporary.written().is_empty(), "{:?}", temporary.written());
}

#[test]
fn files_are_removed_also_where_requests_are_cut_off_at_the_end() {
    let samples = Samples::new();
    let temporary = TemporaryFolder::new();
    let mut server = temporary.start(samples.root(), &["--exit-timeout-secs", "0"]);
    let mut config = configuration("onnxruntime", &samples.library());
    config["max_batch_size"] = 8.into();
    config["dynamic_batching"] = json!({"max_queue_delay_microseconds": 30_000_000});
    let loaded = load(&server, "other", &config, &files_of(&other(), 1));
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    // It waits for its batch to become full.
    let mut waiting = server.connect();
    let inputs = other().sample_inputs(1, 5);
    let request = Inference::new(&other(), &inputs, Form::Binary).request();
    waiting.write(&request.bytes()).unwrap();
    wait_until("the request is under way", || {
        server.metric("nv_inference_pending_request_count", "other") == 1.0
    });
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(temporary.written().is_empty(), "{:?}", temporary.written());
}

#[test]
fn files_take_the_place_of_the_repositorys_until_a_load_without_them() {
    let samples = Samples::with_small();
    let before = tree(samples.root());
    let temporary = TemporaryFolder::new();
    let server = temporary.start(samples.root(), &["--load-model", "small"]);
    assert_serves(&server, &small());
    let replaced = other().with_name("small");
    let inputs = small().sample_inputs(3, 11);
    let (theirs, ours) = (
        replaced.expected(&inputs, &[]),
        small().expected(&inputs, &[]),
    );
    theirs[0]
        .compare(&ours[0])
        .expect_err("they can be told apart");
    let config = configuration("onnxruntime", &samples.library());
    let loaded = load(&server, "small", &config, &files_of(&replaced, 2));
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    // The version of the folder is not served beside the one that came.
    assert_eq!(server.index_of("small"), ready("2"));
    assert_serves(&server, &replaced);
    assert_eq!(tree(samples.root()), before);

    assert_eq!(server.load("small").status, 200);
    assert_eq!(server.index_of("small"), ready("1"));
    assert_serves(&server, &small());
    assert!(temporary.models().is_empty());

    // So it is after an unload; the model of the repository is still known then.
    let loaded = load(&server, "small", &config, &files_of(&replaced, 2));
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    assert_eq!(server.unload("small").status, 200);
    assert!(temporary.models().is_empty());
    let unloaded = ("2".into(), "UNAVAILABLE".into(), "unloaded".into());
    assert_eq!(server.index_of("small"), [unloaded]);
    assert_eq!(server.load("small").status, 200);
    assert_serves(&server, &small());
}

#[test]
fn a_failed_load_leaves_what_serves_and_no_files() {
    let samples = Samples::with_small();
    let temporary = TemporaryFolder::new();
    let server = temporary.start(samples.root(), &["--load-model", "small"]);
    let config = configuration("onnxruntime", &samples.library());
    let broken = ModelFiles::from([("file:1/model.onnx".to_owned(), b"nothing".to_vec())]);
    let misnamed = ModelFiles::from([("file:1/model.x".to_owned(), b"nothing".to_vec())]);
    let unversioned = ModelFiles::from([("file:labels.txt".to_owned(), b"a".to_vec())]);
    let load_all = |name: &str| {
        for (files, expected) in [
            (&broken, "version 1 is at UNAVAILABLE state: Internal: "),
            (&misnamed, "the version folder holds: model.x"),
            (&unversioned, "at least one version must be available"),
        ] {
            let refused = load(&server, name, &config, files);
            assert_eq!(refused.status, 400);
            let error = refused.error();
            let start = format!("load failed for model '{name}': ");
            assert!(error.starts_with(&start), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        let refused = load(&server, name, &json!({"max_batch_size": "x"}), &broken);
        assert_eq!(refused.status, 400, "{}", refused.text());
    };
    load_all("small");
    assert_serves(&server, &small());
    assert_eq!(server.index_of("small"), ready("1"));
    // Of a model that is nowhere nothing is remembered.
    load_all("other");
    assert!(server.index_of("other").is_empty());
    assert!(temporary.models().is_empty());

    // What was loaded from files stays, with its files.
    let loaded = load(&server, "other", &config, &files_of(&other(), 1));
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    load_all("other");
    assert_serves(&server, &other());
    assert_eq!(temporary.models().len(), 1);
    assert_eq!(server.get("/v2/health/ready").status, 200);
}

#[test]
fn a_worker_that_dies_loads_the_files_again() {
    let samples = Samples::with_small();
    let temporary = TemporaryFolder::new();
    let server = temporary.start(samples.root(), &[]);
    let config = configuration("onnxruntime", &samples.library());
    let loaded = load(&server, "other", &config, &files_of(&other(), 1));
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    let worker = server.worker_of("other");
    kill_process(Pid::from_raw(worker as i32).unwrap(), Signal::KILL).unwrap();
    let inputs = other().sample_inputs(2, 5);
    let request = Inference::new(&other(), &inputs, Form::Binary).request();
    wait_until("its next worker serves it", || {
        let response = server.send(&request);
        let is_served = response.status == 200;
        if is_served {
            assert_computed(&response, &other(), &inputs, Form::Binary);
        }
        is_served && server.worker_of("other") != worker
    });
}

#[test]
fn files_may_be_several_versions_lie_deeper_and_beside_the_versions() {
    let samples = Samples::new();
    let temporary = TemporaryFolder::new();
    let server = temporary.start(samples.root(), &[]);
    let mut config = configuration("onnxruntime", &samples.library());
    config["version_policy"] = json!({"all": {}});
    config["default_model_filename"] = "deep/er/model.onnx".into();
    config["input"] = json!([{"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 16]}]);
    config["output"] = json!([{"name": "y", "data_type": "TYPE_FP32", "dims": [-1, 16],
                               "label_filename": "labels.txt"}]);
    let mut files = ModelFiles::new();
    for version in [1, 12] {
        for (name, content) in files_of(&other(), version) {
            files.insert(name.replace("model.onnx", "deep/er/model.onnx"), content);
        }
    }
    files.insert("file:labels.txt".to_owned(), b"zero\none\n".to_vec());
    let loaded = load(&server, "other", &config, &files);
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    let versions: Vec<_> = server
        .index_of("other")
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(versions, ["1", "12"]);
    let inputs = other().sample_inputs(1, 5);
    for version in [1, 12] {
        let request = Inference::new(&other(), &inputs, Form::Binary).version(version);
        let response = server.send(&request.request());
        assert_computed(&response, &other(), &inputs, Form::Binary);
    }
    let mut top = inputs[0].clone();
    top.values.fill(0.0);
    top.values[1] = 9.0;
    let classified = Inference::to("other").input("x", &top, Form::Json).field(
        "outputs",
        json!([{"name": "y", "parameters": {"classification": 1}}]),
    );
    let text = server.send(&classified.request()).text();
    assert!(text.contains(":1:one"), "{text}");
}

#[test]
fn files_need_a_mode_in_which_clients_load() {
    let samples = Samples::with_small();
    let temporary = TemporaryFolder::new();
    let environment = [("TMPDIR", temporary.path().to_str().unwrap())];
    for mode in ["none", "poll"] {
        let flags = ["--model-control-mode", mode];
        let server = Server::start_in(samples.root(), &flags, &environment);
        let config = configuration("onnxruntime", &samples.library());
        let error = load(&server, "other", &config, &files_of(&other(), 1)).error();
        assert!(
            error.contains("explicit model load / unload is not allowed"),
            "{error}"
        );
        assert!(temporary.models().is_empty());
        assert_serves(&server, &small());
    }
}
