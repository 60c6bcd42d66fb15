//! Connections, and nothing but connections.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

use crate::client::Client;
use crate::http2::Http2;
use crate::request;
use crate::support::client::{Connection, Request};
use crate::support::deadline::{eventually, wait_until};
use crate::support::inference::{Form, Inference, assert_computed};
use crate::support::samples::small;
use crate::victim::{Victim, connect, read_to_end};

/// Idle connections to each port.
const IDLE: usize = 500;
/// Connections to each port that are closed at once.
const BRIEF: usize = 3000;
/// Share of a processor that a server may take that can do nothing but wait.
const BUSY: f64 = 0.3;

/// Lets this process have the connections of these tests open.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

/// Processor time of a process so far.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let fields: Vec<u64> = fields
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let ticks = fields[10] + fields[11];
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

#[test]
fn hundreds_of_idle_connections_to_each_port() {
    raise_own_limit();
    let victim = Victim::start(&[]);
    victim.withstands(|| {
        let idle: Vec<TcpStream> = victim
            .ports()
            .into_iter()
            .flat_map(|port| (0..IDLE).map(move |_| connect(port)))
            .collect();
        // The port for metrics has fewer places, and lets go of idle clients like the others.
        let metrics: Vec<TcpStream> = (0..100)
            .map(|_| connect(victim.server.metrics_address()))
            .collect();
        for mut stream in idle.into_iter().chain(metrics) {
            read_to_end(&mut stream);
        }
    });
    assert_eq!(victim.server.metrics().status, 200);
}

#[test]
fn connections_that_come_and_go_at_speed() {
    let victim = Victim::start(&[]);
    let mut ports = victim.ports().to_vec();
    ports.push(victim.server.metrics_address());
    victim.withstands(|| {
        std::thread::scope(|scope| {
            for port in ports {
                scope.spawn(move || (0..BRIEF).for_each(|_| drop(connect(port))));
            }
        });
    });
}

/// Opens connections until the server has no descriptor left: the system takes them, the server does not.
fn exhaust(victim: &Victim, port: SocketAddr) -> Vec<TcpStream> {
    const LEFT: u64 = 20;
    let pid = Pid::from_raw(victim.server.pid() as i32).unwrap();
    let now = victim.footprint().descriptors as u64;
    let low = Rlimit {
        current: Some(now + LEFT),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    prlimit(Some(pid), Resource::Nofile, low).unwrap();
    let streams = (0..3 * LEFT).map(|_| connect(port)).collect();
    wait_until("the server tells that it can accept no more", || {
        victim
            .server
            .log()
            .contains("failed to accept a connection")
    });
    streams
}

#[test]
fn a_server_without_descriptors_waits_for_some() {
    for over_grpc in [false, true] {
        let victim = Victim::patient(&[]);
        let port = victim.ports()[usize::from(over_grpc)];
        let inputs = small().sample_inputs(2, 1);
        let request = Inference::new(&small(), &inputs, Form::Binary).request();
        let mut connection = victim.server.connect();
        let client = Client::connect(&victim.server);
        let mut serves = || {
            let answer = connection.send(&request).expect("an answer");
            assert_computed(&answer, &small(), &inputs, Form::Binary);
            let answer = client
                .infer(request::raw(&small(), &inputs))
                .expect("an answer");
            request::assert_computed(&answer, &small(), &inputs);
        };
        serves();
        let streams = exhaust(&victim, port);
        // Who is connected is served, and the server does not try to accept without a pause.
        let (start, before) = (Instant::now(), processor_time(victim.server.pid()));
        serves();
        std::thread::sleep(Duration::from_secs(1));
        let took = processor_time(victim.server.pid()) - before;
        let share = took.as_secs_f64() / start.elapsed().as_secs_f64();
        assert!(share < BUSY, "{share:.2} of a processor");
        let warnings = victim
            .server
            .log()
            .matches("failed to accept a connection")
            .count();
        assert!(warnings <= 2, "{warnings} warnings");
        serves();
        drop(streams);
        let answer = victim.server.send(&request);
        assert_computed(&answer, &small(), &inputs, Form::Binary);
        let answer = Client::connect(&victim.server).infer(request::raw(&small(), &inputs));
        request::assert_computed(&answer.unwrap(), &small(), &inputs);
    }
}

#[test]
fn a_connection_without_a_place_is_told_so() {
    const PLACES: usize = 5;
    let victim = Victim::patient(&["--max-connections", "5"]);
    let [http, grpc] = victim.ports();
    let live = Request::get("/v2/health/live");
    let mut open: Vec<Connection> = eventually("all places are taken", || {
        let mut all: Vec<_> = (0..PLACES)
            .map(|_| Connection::open(http).unwrap())
            .collect();
        all.iter_mut()
            .all(|each| each.send(&live).is_ok_and(|answer| answer.status == 200))
            .then_some(all)
    });
    for _ in 0..100 {
        let answer = victim.server.get("/v2/health/live");
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("connection"), Some("close"));
        let error = answer.error();
        assert!(
            error.contains("5 are open") && error.contains("--max-connections"),
            "{error}"
        );
    }
    // A refusal arrives though the client sends more than it reads.
    let large = Request::post("/v2/models/small/infer", vec![b' '; 4 << 20]);
    assert_eq!(victim.server.send(&large).status, 503);
    let told = victim
        .server
        .log()
        .matches("no place for another connection over HTTP")
        .count();
    assert!((1..=3).contains(&told), "{told} lines in the log");
    // The other ports have places of their own.
    assert_eq!(victim.server.metrics().status, 200);
    let inputs = small().sample_inputs(2, 1);
    let infer = || {
        let answer = Client::connect(&victim.server).infer(request::raw(&small(), &inputs));
        request::assert_computed(&answer.unwrap(), &small(), &inputs);
    };
    infer();
    // Who has a place keeps it, and another is free when one leaves.
    let kept = open.pop().unwrap().send(&live).unwrap();
    assert_eq!(kept.status, 200);
    wait_until("the place of the one that left is free", || {
        victim.server.get("/v2/health/live").status == 200
    });

    let mut calls: Vec<Http2> = (0..PLACES).map(|_| Http2::open(grpc)).collect();
    for call in &mut calls {
        assert!(call.next().is_some(), "a place for each");
    }
    let mut refused = connect(grpc);
    assert_eq!(read_to_end(&mut refused), b"");
    calls.pop();
    wait_until("a place is free", || Http2::open(grpc).next().is_some());
}
