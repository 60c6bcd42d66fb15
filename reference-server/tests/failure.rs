//! Workers that die, and what becomes of everybody else. What an op library can do to its worker
//! is the load-time suite's; here it is the requests and processes around it.

mod support;

use rustix::process::{Pid, Signal, kill_process};
use support::client::{Connection, Response};
use support::deadline::{eventually, wait_until};
use support::inference::{Form, Inference, assert_computed, assert_serves};
use support::samples::{Samples, small};
use support::server::Server;
use test_ops::{Fault, Sample};

fn is_running(pid: u32) -> bool {
    // A process that has ended and that nobody asked about yet runs no more.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit_once(')')
                .map(|(_, rest)| rest.trim().to_owned())
        })
        .is_some_and(|rest| !rest.starts_with(['Z', 'X']))
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process id");
    kill_process(pid, Signal::KILL).expect("the worker runs");
}

/// The worker of `small`, once it is another one than `old`.
fn replacement(server: &Server, old: u32) -> u32 {
    eventually("the worker is replaced", || {
        let configuration = server.get("/v2/models/small/config").json();
        let pid = &configuration["parameters"]["reference_server.worker_pid"]["string_value"];
        let pid = pid.as_str().expect("a text").parse().ok()?;
        (pid != old).then_some(pid)
    })
}

#[test]
fn a_worker_that_is_killed_is_replaced_and_requests_wait_for_it() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    assert_serves(&server, &small());
    let first = server.worker_of("small");
    kill(first);
    // Not one request fails: what comes in between waits.
    for _ in 0..50 {
        assert_serves(&server, &small());
    }
    let second = replacement(&server, first);
    assert!(is_running(second) && !is_running(first));
    assert_eq!(server.get("/v2/health/ready").status, 200);
    assert_eq!(server.statistics_of("small")["inference_count"], 51);
    assert_eq!(server.metric("nv_inference_request_failure", "small"), 0.0);
    assert!(server.log().contains("SIGKILL"), "{}", server.log());
}

/// The first execution hangs. While it does, the op library is replaced by a sound one: the next
/// worker serves what waited.
#[test]
fn an_execution_beyond_its_limit_fails_alone() {
    let samples = Samples::new();
    samples.put_library(&Sample::default().with_fault(Fault::KernelHangs).into());
    samples.add(&small());
    let server = Server::start(samples.root(), &["--execution-timeout", "2"]);
    let first = server.worker_of("small");
    let inputs = small().sample_inputs(3, 1);
    let request = Inference::new(&small(), &inputs, Form::Binary).request();
    let mut clients: Vec<Connection> = (0..5).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.write(&request.bytes()).unwrap();
    }
    samples.put_library(&Sample::default().into());
    let answers: Vec<Response> = clients
        .iter_mut()
        .map(|client| client.read().unwrap())
        .collect();

    let (failed, served): (Vec<&Response>, Vec<&Response>) =
        answers.iter().partition(|answer| answer.status != 200);
    assert_eq!(failed.len(), 1, "{answers:?}");
    assert_eq!(failed[0].status, 500);
    let error = failed[0].error();
    for text in ["'small'", "took longer than 2 s", "--execution-timeout"] {
        assert!(error.contains(text), "no {text:?} in {error:?}");
    }
    for answer in served {
        assert_computed(answer, &small(), &inputs, Form::Binary);
    }
    assert!(!is_running(first));
    assert_serves(&server, &small());
    assert_eq!(server.metric("nv_inference_request_failure", "small"), 1.0);
    assert_eq!(server.get("/v2/health/ready").status, 200);
}

/// A model that kills every worker is given up; what waits then is told the reason, and another
/// model in a worker of its own never notices.
#[test]
fn a_model_that_kills_its_worker_again_and_again_is_given_up() {
    let samples = Samples::with_small();
    let library = Sample::default().with_fault(Fault::KernelCrashes);
    let deadly = samples.add_library("libdeadly.so", &library.into());
    let model = small().with_name("deadly");
    samples.add_with(&model, |configuration| {
        configuration.op_libraries = vec![deadly.to_str().unwrap().to_owned()];
    });
    let server = Server::start_explicit(samples.root(), &[]);
    let healthy = server.worker_of("small");
    let inputs = model.sample_inputs(1, 1);
    let request = Inference::new(&model, &inputs, Form::Binary).request();
    for death in 1..=3 {
        let response = server.send(&request);
        assert_eq!(response.status, 500, "{}", response.text());
        let error = response.error();
        assert!(error.contains("signal 11 (SIGSEGV)"), "{death}: {error}");
        assert!(error.contains("'deadly'"), "{death}: {error}");
        assert_serves(&server, &small());
    }
    let reason = server.unavailable_reason("deadly");
    assert!(reason.contains("killed its worker 3 times"), "{reason}");
    assert!(reason.contains("SIGSEGV"), "{reason}");
    let refused = server.send(&request);
    assert!([404, 503].contains(&refused.status), "{}", refused.text());
    assert_eq!(server.get("/v2/health/ready").status, 400);
    assert_eq!(server.worker_of("small"), healthy);

    // Repaired, it is welcome again.
    samples.add_library("libdeadly.so", &Sample::default().into());
    assert_eq!(server.load("deadly").status, 200);
    assert_serves(&server, &model);
    assert_eq!(server.get("/v2/health/ready").status, 200);
}

#[test]
fn workers_end_with_the_front_whatever_ends_it() {
    let samples = Samples::with_small();
    let mut models = vec![small()];
    for name in ["second", "third"] {
        models.push(small().with_name(name));
        samples.add(models.last().expect("just added"));
    }
    let mut server = Server::start(samples.root(), &["--isolation", "model"]);
    let workers: Vec<u32> = models
        .iter()
        .map(|model| server.worker_of(&model.name))
        .collect();
    assert!(workers.iter().all(|&pid| is_running(pid)));
    server.signal(Signal::KILL);
    let ended = server.wait();
    assert_eq!(ended.status.code(), None, "{}", ended.status);
    for pid in workers {
        wait_until("the worker has ended", || !is_running(pid));
    }
}

#[test]
fn a_model_that_is_unloaded_takes_its_worker_and_its_memory_along() {
    let samples = Samples::with_small();
    let other = small().with_name("other");
    samples.add(&other);
    let server = Server::start_explicit(samples.root(), &["--isolation", "model"]);
    let (worker, kept) = (server.worker_of("other"), server.worker_of("small"));
    assert_ne!(worker, kept);
    let files = || {
        std::fs::read_dir(format!("/proc/{}/fd", server.pid()))
            .unwrap()
            .count()
    };
    let cycle = || {
        assert_eq!(server.unload("other").status, 200);
        assert_eq!(server.load("other").status, 200);
        assert_serves(&server, &other);
    };
    cycle();
    assert!(!is_running(worker));
    let before = files();
    for _ in 0..10 {
        cycle();
    }
    assert_eq!(server.worker_of("small"), kept);
    wait_until("descriptors of former workers are closed", || {
        files() <= before + 2
    });
}
