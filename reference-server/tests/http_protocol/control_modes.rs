//! Which models are served when: at start, on demand, when files change.

use std::fs;
use std::path::Path;

use test_ops::{Broken, Sample};

use crate::support::client::Request;
use crate::support::deadline::wait_until;
use crate::support::inference::{Form, Inference, assert_serves, outputs};
use crate::support::samples::{Samples, small};
use crate::support::server::{Server, run_to_end};

#[test]
fn explicit_mode_loads_what_it_is_told() {
    let samples = Samples::with_small();
    let other = small().with_name("other");
    samples.add(&other);
    let server = Server::start(
        samples.root(),
        &["--model-control-mode", "explicit", "--load-model", "small"],
    );
    assert_serves(&server, &small());
    let index = server.post("/v2/repository/index", "{}").json();
    assert_eq!(
        index,
        serde_json::json!([
            {"name": "other"},
            {"name": "small", "version": "1", "state": "READY"},
        ])
    );
    let request = Inference::new(&other, &other.sample_inputs(1, 1), Form::Binary).request();
    let unknown = server.send(&request);
    assert_eq!(unknown.status, 404);
    assert_eq!(
        unknown.error(),
        "Request for unknown model: 'other' is not found"
    );

    let loaded = server.load("other");
    assert_eq!((loaded.status, loaded.body.len()), (200, 0));
    assert_serves(&server, &other);
    let unloaded = server.unload("other");
    assert_eq!((unloaded.status, unloaded.body.len()), (200, 0));
    let gone = server.send(&request);
    assert_eq!(gone.status, 404);
    assert_eq!(
        gone.error(),
        "Request for unknown model: 'other' has no available versions"
    );
    assert_eq!(
        server.index_of("other"),
        [("1".into(), "UNAVAILABLE".into(), "unloaded".into())]
    );
    let ready = server
        .post("/v2/repository/index", r#"{"ready":true}"#)
        .json();
    assert_eq!(
        ready,
        serde_json::json!([{"name": "small", "version": "1", "state": "READY"}])
    );
    // What was unloaded on demand does not make the server unready.
    assert_eq!(server.get("/v2/health/ready").status, 200);
    assert_eq!(server.load("other").status, 200);
    assert_serves(&server, &other);
}

#[test]
fn a_load_is_finished_though_its_client_went_away() {
    let samples = Samples::with_small();
    let server = Server::start_explicit(samples.root(), &[]);
    let mut impatient = server.connect();
    let request = Request::post("/v2/repository/models/small/load", "");
    impatient.write(&request.bytes()).unwrap();
    drop(impatient);
    wait_until("the model serves", || {
        server.index_of("small") == [("1".into(), "READY".into(), String::new())]
    });
    assert_serves(&server, &small());
}

#[test]
fn loading_again_without_a_change_disturbs_nothing() {
    let samples = Samples::with_small();
    let server = Server::start_explicit(samples.root(), &[]);
    assert_serves(&server, &small());
    let worker = server.worker_of("small");
    assert_eq!(server.load("small").status, 200);
    assert_eq!(server.worker_of("small"), worker);
    assert_eq!(server.statistics_of("small")["inference_count"], 1);
}

#[test]
fn a_load_request_may_bring_its_own_configuration() {
    let samples = Samples::with_small();
    let server = Server::start_explicit(samples.root(), &[]);
    let library = samples.library();
    let configuration = serde_json::json!({
        "backend": "onnxruntime",
        "max_batch_size": 5,
        "model_operations": {"op_library_filename": [library]},
    });
    let body = serde_json::json!({"parameters": {"config": configuration.to_string()}});
    let path = "/v2/repository/models/small/load";
    assert_eq!(server.post(path, body.to_string()).status, 200);
    let told = server.get("/v2/models/small/config").json();
    assert_eq!(told["max_batch_size"], 5);
    assert_serves(&server, &small());
    // Without one, that of the folder counts again.
    assert_eq!(server.load("small").status, 200);
    let told = server.get("/v2/models/small/config").json();
    assert_eq!(told["max_batch_size"], 0);
}

#[test]
fn a_failed_load_tells_why_and_the_old_model_stays() {
    let samples = Samples::with_small();
    let server = Server::start_explicit(samples.root(), &[]);
    samples.put_library(&Broken::NoEntryPoint.into());
    let refused = server.load("small");
    assert_eq!(refused.status, 400);
    let error = refused.error();
    assert!(
        error.starts_with(
            "load failed for model 'small': version 1 is at UNAVAILABLE state: Internal: "
        ),
        "{error}"
    );
    assert!(error.contains("RegisterCustomOps"), "{error}");
    assert!(error.contains("libsample_ops.so"), "{error}");
    assert_serves(&server, &small());

    // Unloaded, it cannot come back before its library is sound again.
    assert_eq!(server.unload("small").status, 200);
    assert_eq!(server.load("small").status, 400);
    assert!(
        server
            .unavailable_reason("small")
            .contains("RegisterCustomOps")
    );
    assert_eq!(server.get("/v2/health/ready").status, 400);
    assert_eq!(server.get("/v2/health/live").status, 200);
    samples.put_library(&Sample::default().into());
    assert_eq!(server.load("small").status, 200);
    assert_eq!(server.get("/v2/health/ready").status, 200);
    assert_serves(&server, &small());
}

#[test]
fn models_that_are_nowhere_cannot_be_loaded() {
    let samples = Samples::with_small();
    let server = Server::start_explicit(samples.root(), &[]);
    for name in ["nobody", "..", "small%2F1", "%2Fetc"] {
        let response = server.load(name);
        assert_eq!(response.status, 400, "{name}");
        let error = response.error();
        assert!(error.starts_with("failed to load '"), "{error}");
        assert!(
            error.contains("failed to poll from model repository"),
            "{error}"
        );
        // As in Triton: it is not loaded afterwards, which is what was asked for.
        assert_eq!(server.unload(name).status, 200, "{name}");
    }
    let nobody = server.load("nobody").error();
    assert!(nobody.contains("'nobody'"), "{nobody}");
    assert_serves(&server, &small());
}

#[test]
fn the_worker_of_an_unloaded_model_is_gone_when_the_answer_comes() {
    let samples = Samples::with_small();
    let server = Server::start_explicit(samples.root(), &[]);
    for _ in 0..5 {
        assert_eq!(server.load("small").status, 200);
        let worker = server.worker_of("small");
        assert!(Path::new(&format!("/proc/{worker}")).exists());
        assert_eq!(server.unload("small").status, 200);
        assert!(!Path::new(&format!("/proc/{worker}")).exists());
    }
}

#[test]
fn load_and_unload_need_explicit_mode() {
    let samples = Samples::with_small();
    for mode in ["none", "poll"] {
        let server = Server::start(samples.root(), &["--model-control-mode", mode]);
        for response in [server.load("small"), server.unload("small")] {
            assert_eq!(response.status, 400);
            let error = response.error();
            assert!(
                error.contains("explicit model load / unload is not allowed"),
                "{error}"
            );
        }
        assert_serves(&server, &small());
    }
}

#[test]
fn poll_mode_follows_the_folder() {
    let samples = Samples::with_small();
    let server = Server::start(
        samples.root(),
        &[
            "--model-control-mode",
            "poll",
            "--repository-poll-secs",
            "1",
        ],
    );
    let other = small().with_name("other");
    samples.add(&other);
    let is_ready = |name: &str| server.get(&format!("/v2/models/{name}/ready")).status == 200;
    wait_until("the new model is served", || is_ready("other"));
    assert_serves(&server, &other);

    // Another model under the same name: other values.
    let changed = small().with_approximation(test_ops::Approximation::Tanh);
    samples.add(&changed.clone().with_name("other"));
    let inputs = changed.sample_inputs(30, 1);
    let request = Inference::new(&other, &inputs, Form::Binary).request();
    let expected = changed.expected(&inputs, &[]);
    wait_until("the changed model is served", || {
        let answer = server.send(&request);
        outputs(&answer)[0].2.compare(&expected[0]).is_ok()
    });

    // A rebuilt op library is a change, too.
    samples.put_library(&Sample::default().with_signature(9).into());
    let rebuilt = changed.expected(&inputs, &[(test_ops::DEFAULT_DOMAIN, 9)]);
    wait_until("the rebuilt library is used", || {
        let answer = server.send(&request);
        outputs(&answer)[0].2.compare(&rebuilt[0]).is_ok()
    });

    fs::remove_dir_all(samples.root().join("other")).unwrap();
    wait_until("the removed model is gone", || !is_ready("other"));
    assert_eq!(server.send(&request).status, 404);
    assert!(is_ready("small"));
    // A model counts as unloading until its worker has ended.
    wait_until("the server is ready without it", || {
        server.get("/v2/health/ready").status == 200
    });
}

#[test]
fn poll_mode_tries_a_broken_model_again_when_its_files_change() {
    let samples = Samples::with_small();
    let server = Server::start(
        samples.root(),
        &[
            "--model-control-mode",
            "poll",
            "--repository-poll-secs",
            "1",
        ],
    );
    let file = samples.root().join("small/config.pbtxt");
    fs::write(&file, "max_batch_size: many\n").unwrap();
    wait_until("the broken configuration is noticed", || {
        server.log().contains("config.pbtxt:1:")
    });
    // Each new model that is served proves another look at the folder.
    for name in ["first_look", "second_look", "third_look"] {
        samples.add(&small().with_name(name));
        wait_until("the new model is served", || {
            server.get(&format!("/v2/models/{name}/ready")).status == 200
        });
    }
    let failures = server.log().matches("config.pbtxt:1:").count();
    assert_eq!(failures, 1, "it was tried again without a change");
    // The model goes on as it was loaded before.
    assert_serves(&server, &small());
    samples.add_with(&small(), |configuration| configuration.max_batch_size = 3);
    wait_until("the repaired configuration is used", || {
        server.get("/v2/models/small/config").json()["max_batch_size"] == 3
    });
    assert_serves(&server, &small());
}

#[test]
fn exit_on_error_ends_the_server_where_a_model_is_broken() {
    let samples = Samples::with_small();
    let bad = small().with_name("bad");
    samples.add_with(&bad, |configuration| {
        configuration.op_libraries = vec!["missing.so".to_owned()];
    });
    let ended = run_to_end(samples.root(), &[]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("missing.so"), "{}", ended.log);
    assert!(ended.log.contains("'bad'"), "{}", ended.log);

    let server = Server::start_unready(samples.root(), &["--exit-on-error=false"]);
    let reason = server.unavailable_reason("bad");
    assert!(reason.contains("missing.so"), "{reason}");
    wait_until("the good model is served", || {
        server.get("/v2/models/small/ready").status == 200
    });
    assert_serves(&server, &small());
    assert_eq!(server.get("/v2/health/live").status, 200);
    assert_eq!(server.get("/v2/health/ready").status, 400);
    drop(server);

    let lenient = Server::start(
        samples.root(),
        &["--exit-on-error=false", "--strict-readiness=false"],
    );
    assert_eq!(lenient.get("/v2/models/bad/ready").status, 400);
    assert_serves(&lenient, &small());
}

#[test]
fn starts_that_cannot_succeed_say_why() {
    let samples = Samples::with_small();
    let missing = samples.root().join("nowhere");
    let ended = run_to_end(&missing, &[]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.log.contains("nowhere"), "{}", ended.log);

    let server = Server::start(samples.root(), &[]);
    let port = server.http().port().to_string();
    let taken = run_to_end(
        samples.root(),
        &["--allow-metrics=false", "--http-port", &port],
    );
    assert_eq!(taken.status.code(), Some(1), "{}", taken.log);
    assert!(taken.log.contains(&port), "{}", taken.log);
    assert!(taken.log.contains("--http-port"), "{}", taken.log);

    let ended = run_to_end(samples.root(), &["--load-model", "small"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.log.contains("--model-control-mode explicit"),
        "{}",
        ended.log
    );
    // The first server never noticed.
    assert_eq!(server.send(&Request::get("/v2/health/ready")).status, 200);
}
