//! Dynamic batching and several instances.

use std::sync::{Barrier, mpsc};

use test_ops::{Fault, Model, Sample};

use crate::support::deadline::DEADLINE;
use crate::support::inference::{Form, Inference, assert_computed, assert_serves};
use crate::support::samples::{Samples, batching, small};
use crate::support::server::Server;

/// Long enough that a batch is formed by its size and never by the clock.
const FOREVER_US: u64 = 30_000_000;

/// Sends one request a client, all at once; client `n` sends `rows[n]` rows.
fn at_once(server: &Server, model: &Model, rows: &[usize]) {
    let start = Barrier::new(rows.len());
    std::thread::scope(|scope| {
        for (client, &rows) in rows.iter().enumerate() {
            let start = &start;
            scope.spawn(move || {
                let inputs = model.sample_inputs(rows, 100 + client as u64);
                let mut connection = server.connect();
                start.wait();
                let response = connection
                    .send(&Inference::new(model, &inputs, Form::Binary).request())
                    .unwrap();
                assert_computed(&response, model, &inputs, Form::Binary);
            });
        }
    });
}

fn counts(server: &Server) -> (u64, u64, u64) {
    let statistics = server.statistics_of("small");
    let count = |value: &serde_json::Value| value.as_u64().unwrap();
    (
        count(&statistics["inference_count"]),
        count(&statistics["execution_count"]),
        count(&statistics["inference_stats"]["success"]["count"]),
    )
}

#[test]
fn requests_are_joined_and_each_client_gets_its_own_rows() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| {
        configuration.max_batch_size = 4;
        configuration.dynamic_batching = Some(batching(FOREVER_US));
    });
    let server = Server::start(samples.root(), &[]);
    at_once(&server, &small(), &[1; 8]);
    // Eight requests in two full batches.
    assert_eq!(counts(&server), (8, 2, 8));
    let batches = server.statistics_of("small")["batch_stats"].clone();
    assert_eq!(batches[0]["batch_size"], 4, "{batches}");
    assert_eq!(batches[0]["compute_infer"]["count"], 2, "{batches}");
    assert_eq!(server.metric("nv_inference_count", "small"), 8.0);
    assert_eq!(server.metric("nv_inference_exec_count", "small"), 2.0);
}

#[test]
fn requests_of_several_rows_are_joined() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| {
        configuration.max_batch_size = 6;
        configuration.dynamic_batching = Some(batching(FOREVER_US));
    });
    let server = Server::start(samples.root(), &[]);
    at_once(&server, &small(), &[1, 2, 3]);
    assert_eq!(counts(&server), (6, 1, 3));
}

#[test]
fn a_preferred_size_is_executed_at_once() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| {
        configuration.max_batch_size = 64;
        let mut batching = batching(FOREVER_US);
        batching.preferred_batch_sizes = vec![3];
        configuration.dynamic_batching = Some(batching);
    });
    let server = Server::start(samples.root(), &[]);
    at_once(&server, &small(), &[1; 3]);
    assert_eq!(counts(&server), (3, 1, 3));
}

#[test]
fn a_lonely_request_waits_no_longer_than_the_delay() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| {
        configuration.max_batch_size = 4;
        configuration.dynamic_batching = Some(batching(300_000));
    });
    let server = Server::start(samples.root(), &[]);
    let start = std::time::Instant::now();
    at_once(&server, &small(), &[1]);
    assert!(start.elapsed() >= std::time::Duration::from_millis(300));
    let queue = &server.statistics_of("small")["inference_stats"]["queue"];
    assert!(queue["ns"].as_u64().unwrap() >= 290_000_000, "{queue}");
    assert_eq!(counts(&server), (1, 1, 1));
}

#[test]
fn a_batch_above_the_limit_is_refused() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| configuration.max_batch_size = 4);
    let server = Server::start(samples.root(), &[]);
    at_once(&server, &small(), &[4]);
    let inputs = small().sample_inputs(5, 1);
    let response = server.send(&Inference::new(&small(), &inputs, Form::Binary).request());
    assert_eq!(response.status, 400);
    let error = response.error();
    assert!(error.contains("batch-size must be <= 4"), "{error}");
}

/// The library's first execution never returns: only where there is another instance is anybody
/// else served meanwhile.
#[test]
fn instances_execute_side_by_side() {
    let samples = Samples::new();
    samples.put_library(&Sample::default().with_fault(Fault::KernelHangs).into());
    samples.add_with(&small(), |configuration| {
        configuration.instance_count = Some(2);
    });
    let server = Server::start(samples.root(), &["--exit-timeout-secs", "1"]);
    let inputs = small().sample_inputs(2, 1);
    let request = Inference::new(&small(), &inputs, Form::Binary).request();
    let (answer, answered) = mpsc::channel();
    for _ in 0..2 {
        let (answer, mut connection) = (answer.clone(), server.connect());
        connection.write(&request.bytes()).unwrap();
        std::thread::spawn(move || answer.send(connection.read()).ok());
    }
    // One of the two hangs, whichever came first; the other does not.
    let first = answered.recv_timeout(DEADLINE).unwrap().unwrap();
    assert_computed(&first, &small(), &inputs, Form::Binary);
    for _ in 0..5 {
        assert_serves(&server, &small());
    }
    assert!(answered.try_recv().is_err());
}

#[test]
fn many_clients_over_several_instances() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| {
        configuration.instance_count = Some(3);
        configuration.max_batch_size = 8;
        configuration.dynamic_batching = Some(batching(200));
    });
    let server = Server::start(samples.root(), &[]);
    let configuration = server.get("/v2/models/small/config").json();
    assert_eq!(configuration["instance_group"][0]["count"], 3);
    for _ in 0..10 {
        at_once(&server, &small(), &[1, 2, 3, 4, 5, 6, 7, 8]);
    }
    let (inferences, executions, requests) = counts(&server);
    assert_eq!((inferences, requests), (360, 80));
    assert!(executions <= 80);
}
