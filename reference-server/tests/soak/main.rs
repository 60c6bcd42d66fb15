//! Many inferences over HTTP and gRPC while another model is loaded and unloaded all the time: not one
//! fails, every answer is the right one, and afterwards front and worker have no more memory and file
//! descriptors than after the first tenth.
//!
//! `SOAK_INFERENCES` says how many. The default is for every day; an hour's worth is
//! `SOAK_INFERENCES=2000000 cargo test --release -p reference-server --test soak -- --nocapture`.

#[path = "../support/mod.rs"]
mod support;

#[path = "../grpc/client.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod client;

#[path = "../grpc/request.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod request;

mod footprint;
mod traffic;

use std::time::Instant;

use footprint::Footprint;
use support::deadline::wait_until;
use support::samples::{Samples, small};
use support::server::Server;
use test_ops::{Model, Sample};
use traffic::Traffic;

/// How many inferences without `SOAK_INFERENCES`.
const INFERENCES: u64 = 20_000;
/// What an allocator may keep in addition.
const GROWTH: u64 = 16 << 20;

/// The model that comes and goes, with an op library and so a worker of its own.
fn coming() -> Model {
    small().with_name("coming")
}

fn inferences() -> u64 {
    match std::env::var("SOAK_INFERENCES") {
        Ok(text) => text.parse().expect("SOAK_INFERENCES is a number"),
        Err(_) => INFERENCES,
    }
}

#[test]
fn nothing_fails_and_nothing_grows() {
    let samples = Samples::with_small();
    let library = samples.add_library("libcoming.so", &Sample::default().with_signature(1).into());
    samples.add_with(&coming(), |configuration| {
        *configuration =
            test_ops::Configuration::with_op_libraries([library.to_str().expect("UTF-8")]);
    });
    let server = Server::start_explicit(samples.root(), &[]);
    assert_eq!(server.load("small").status, 200);
    let worker = server.worker_of("small");
    let measured = || (Footprint::of(server.pid()), Footprint::of(worker));

    let all = inferences();
    let begin = Instant::now();
    let first = Traffic::run(&server, all / 10);
    let (front_before, worker_before) = measured();
    let rest = Traffic::run(&server, all - all / 10);
    wait_until("the descriptors of connections are closed", || {
        let (front, worker) = measured();
        front.descriptors <= front_before.descriptors
            && worker.descriptors <= worker_before.descriptors
    });
    let (front, worker_after) = measured();
    eprintln!(
        "{} inferences over HTTP, {} over gRPC, {} loads in {:.1} s; front {front_before} -> {front}, \
         worker {worker_before} -> {worker_after}",
        first.http + rest.http,
        first.grpc + rest.grpc,
        first.loads + rest.loads,
        begin.elapsed().as_secs_f64(),
    );

    assert_eq!(
        server.worker_of("small"),
        worker,
        "the worker was not replaced"
    );
    assert!(rest.http > 0 && rest.grpc > 0 && rest.loads > 0);
    let told = &server.statistics_of("small")["inference_stats"];
    let answered = first.http + first.grpc + rest.http + rest.grpc;
    assert_eq!(told["success"]["count"], answered);
    assert_eq!(told["fail"]["count"], 0);
    for (who, before, after) in [
        ("front", front_before, front),
        ("worker", worker_before, worker_after),
    ] {
        assert!(
            after.resident <= before.resident + GROWTH,
            "the {who} grew: {before} -> {after}"
        );
    }
}
