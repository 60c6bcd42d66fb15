//! Prometheus metrics under Triton's names.

use crate::support::client::{Connection, Request};
use crate::support::inference::assert_serves;
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

#[test]
fn metrics_have_tritons_names_and_move() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let names = [
        "nv_inference_request_success",
        "nv_inference_request_failure",
        "nv_inference_count",
        "nv_inference_exec_count",
        "nv_inference_request_duration_us",
        "nv_inference_queue_duration_us",
        "nv_inference_compute_input_duration_us",
        "nv_inference_compute_infer_duration_us",
        "nv_inference_compute_output_duration_us",
        "nv_inference_pending_request_count",
    ];
    let response = server.metrics();
    assert_eq!(response.status, 200);
    let kind = response.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain"), "{kind}");
    for name in names {
        let gauge = name == "nv_inference_pending_request_count";
        let kind = if gauge { "gauge" } else { "counter" };
        let line = format!("# TYPE {name} {kind}\n");
        assert!(
            response.text().contains(&line),
            "{name}: {}",
            response.text()
        );
        assert_eq!(server.metric(name, "small"), 0.0, "{name}");
    }
    for _ in 0..5 {
        assert_serves(&server, &small());
    }
    for name in [
        "nv_inference_request_success",
        "nv_inference_count",
        "nv_inference_exec_count",
    ] {
        assert_eq!(server.metric(name, "small"), 5.0, "{name}");
    }
    let duration = |name: &str| server.metric(name, "small");
    assert!(duration("nv_inference_request_duration_us") > 0.0);
    assert!(
        duration("nv_inference_request_duration_us")
            >= duration("nv_inference_compute_infer_duration_us")
    );
    assert_eq!(duration("nv_inference_pending_request_count"), 0.0);
}

#[test]
fn pinned_memory_is_told_for_each_worker() {
    let samples = Samples::with_small();
    for (flags, expected) in [
        (&[][..], 256 << 20),
        (&["--pinned-memory-pool-byte-size", "4096"], 4096),
    ] {
        let server = Server::start(samples.root(), flags);
        assert_serves(&server, &small());
        let text = server.metrics().text();
        let of = |name: &str| {
            let line = format!("{name}{{process=\"worker-");
            let values = text.lines().filter(|given| given.starts_with(&line));
            let values = values.map(|given| given.split_once("} ").unwrap().1.to_owned());
            values.collect::<Vec<_>>()
        };
        let total = of("nv_pinned_memory_pool_total_bytes");
        assert_eq!(total, [expected.to_string()], "{text}");
        // The model executes on the CPU.
        assert_eq!(of("nv_pinned_memory_pool_used_bytes"), ["0"], "{text}");
    }
}

#[test]
fn the_metrics_port_serves_metrics_alone() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    assert_eq!(server.get("/metrics").status, 404);
    let mut metrics = Connection::open(server.metrics_address()).unwrap();
    assert_eq!(metrics.send(&Request::get("/v2")).unwrap().status, 404);
    let post = Request::post("/metrics", "");
    assert_eq!(metrics.send(&post).unwrap().status, 405);
}
