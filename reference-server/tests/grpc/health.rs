//! The standard health service.

use futures_util::StreamExt;
use proto::health::HealthCheckRequest;
use proto::health::health_check_response::ServingStatus;
use tonic::Code;

use crate::client::{Client, assert_refused};
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.into(),
    }
}

#[test]
fn the_server_and_its_service_have_a_state() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    for service in ["", "inference.GRPCInferenceService"] {
        let told = client
            .call_health(async |health| health.check(about(service)).await)
            .unwrap();
        assert_eq!(told.status(), ServingStatus::Serving, "'{service}'");
    }
    let outcome = client.call_health(async |health| health.check(about("other")).await);
    assert_refused(outcome, Code::NotFound, &["'other'"]);
    let mut states = client
        .call_health(async |health| health.watch(about("other")).await)
        .unwrap();
    let first = client.wait(states.next()).expect("a state").unwrap();
    assert_eq!(first.status(), ServingStatus::ServiceUnknown);
}

#[test]
fn who_watches_learns_of_changes() {
    let samples = Samples::with_small();
    samples.add(&small().with_name("broken"));
    let server = Server::start_explicit(samples.root(), &[]);
    let client = Client::connect(&server);
    let mut states = client
        .call_health(async |health| health.watch(about("")).await)
        .unwrap();
    let mut next = || {
        client
            .wait(states.next())
            .expect("a state")
            .unwrap()
            .status()
    };
    assert_eq!(next(), ServingStatus::Serving);
    // A model that cannot be loaded makes the server not ready.
    server.unload("broken");
    std::fs::remove_file(samples.root().join("broken/1/model.onnx")).unwrap();
    assert_eq!(server.load("broken").status, 400);
    assert_eq!(next(), ServingStatus::NotServing);
    samples.add(&small().with_name("broken"));
    assert_eq!(server.load("broken").status, 200);
    assert_eq!(next(), ServingStatus::Serving);
}
