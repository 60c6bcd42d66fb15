//! The orderly end of the server.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::client::{Connection, Request};
use crate::support::deadline::wait_until;
use crate::support::inference::{Form, Inference, assert_computed, assert_serves};
use crate::support::samples::{Samples, batching, small};
use crate::support::server::Server;

#[test]
fn both_signals_end_an_idle_server_at_once() {
    let samples = Samples::with_small();
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(samples.root(), &[]);
        assert_serves(&server, &small());
        let worker = server.worker_of("small");
        // A signal to the server's process group, as Ctrl-C sends it, must not end its workers.
        let group = procfs::process::Process::new(worker as i32)
            .and_then(|process| process.stat())
            .unwrap()
            .pgrp;
        assert_eq!(group, worker as i32);
        let mut idle = server.connect();
        assert_eq!(
            idle.send(&Request::get("/v2/health/live")).unwrap().status,
            200
        );
        // A client that connected and never said a word.
        let _silent = server.connect();

        let start = Instant::now();
        server.signal(signal);
        let ended = server.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}\n{}",
            start.elapsed(),
            ended.log
        );
        assert!(idle.is_closed());
        assert!(Connection::open(server.http()).is_err());
        wait_until("the worker has ended", || {
            !std::path::Path::new(&format!("/proc/{worker}")).exists()
        });
    }
}

/// A request that waits for its batch to fill is in flight when the signal comes.
#[test]
fn requests_under_way_are_finished() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| {
        configuration.max_batch_size = 8;
        configuration.dynamic_batching = Some(batching(1_500_000));
    });
    let mut server = Server::start(samples.root(), &[]);
    let mut idle = server.connect();
    idle.send(&Request::get("/v2/health/live")).unwrap();
    let inputs = small().sample_inputs(2, 1);
    let request = Inference::new(&small(), &inputs, Form::Binary).request();
    let mut clients: Vec<Connection> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.write(&request.bytes()).unwrap();
    }
    wait_until("the requests wait in the queue", || {
        server.metric("nv_inference_pending_request_count", "small") == 3.0
    });

    let start = Instant::now();
    server.signal(Signal::TERM);
    for client in &mut clients {
        assert_computed(&client.read().unwrap(), &small(), &inputs, Form::Binary);
        assert!(client.is_closed());
    }
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(start.elapsed() < Duration::from_secs(10), "{}", ended.log);
}

#[test]
fn what_does_not_finish_in_time_is_cut_off() {
    let samples = Samples::new();
    samples.add_with(&small(), |configuration| {
        configuration.max_batch_size = 8;
        configuration.dynamic_batching = Some(batching(60_000_000));
    });
    let mut server = Server::start(samples.root(), &["--exit-timeout-secs", "1"]);
    let inputs = small().sample_inputs(1, 1);
    let request = Inference::new(&small(), &inputs, Form::Binary).request();
    let mut client = server.connect();
    client.write(&request.bytes()).unwrap();
    wait_until("the request waits in the queue", || {
        server.metric("nv_inference_pending_request_count", "small") == 1.0
    });
    let start = Instant::now();
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("--exit-timeout-secs"), "{}", ended.log);
    let took = start.elapsed();
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(10),
        "{took:?}"
    );
    assert!(client.read().is_err());
}
