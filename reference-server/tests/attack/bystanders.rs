//! Well-behaved clients, who must not notice what others do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::footprint::Footprint;
use crate::request;
use crate::support::deadline::wait_until;
use crate::support::inference::{Form, Inference, assert_computed};
use crate::support::samples::small;
use crate::support::server::Server;

/// Longest time that an answer may take; two processors are shared by everything that runs here.
const LATEST: Duration = Duration::from_secs(5);
/// Pause after an answer, so that the processors are the attack's.
const PAUSE: Duration = Duration::from_millis(1);
/// Answers that each client must have had during an attack, however short that was.
const FEWEST: u64 = 20;
/// Inferences after which the front has the memory that it needs to serve.
const WARM_UP: usize = 50;

/// Has the front take the memory that serving needs.
pub fn warm_up(server: &Server) {
    let over = |count: &AtomicU64| count.load(Ordering::Relaxed) >= WARM_UP as u64;
    let counts = [AtomicU64::new(0), AtomicU64::new(0)];
    thread::scope(|scope| {
        scope.spawn(|| over_http(server, &counts[0], || over(&counts[0])));
        scope.spawn(|| over_grpc(server, &counts[1], || over(&counts[1])));
    });
}

/// Infers over both protocols while `attack` runs, and checks every answer. Gives the highest resident
/// memory of the front meanwhile, in bytes.
#[track_caller]
pub fn infer_during(server: &Server, attack: impl FnOnce()) -> u64 {
    let over = AtomicBool::new(false);
    let is_over = || over.load(Ordering::Relaxed);
    let counts = [AtomicU64::new(0), AtomicU64::new(0)];
    thread::scope(|scope| {
        let clients = [
            scope.spawn(|| over_http(server, &counts[0], is_over)),
            scope.spawn(|| over_grpc(server, &counts[1], is_over)),
        ];
        let memory = scope.spawn(|| {
            let mut highest = 0;
            while !is_over() {
                highest = highest.max(Footprint::of(server.pid()).resident);
                thread::sleep(10 * PAUSE);
            }
            highest
        });
        // Whatever becomes of the attack, the clients end.
        let guard = Raised(&over);
        let all_had = |fewest: u64| {
            wait_until("the bystanders are served", || {
                clients.iter().any(|client| client.is_finished())
                    || counts
                        .iter()
                        .all(|count| count.load(Ordering::Relaxed) >= fewest)
            });
        };
        all_had(1);
        attack();
        all_had(FEWEST);
        drop(guard);
        for client in clients {
            client.join().expect("bystanders are served");
        }
        memory.join().expect("the front runs")
    })
}

/// Turns true when dropped.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn over_http(server: &Server, count: &AtomicU64, is_over: impl Fn() -> bool) {
    let model = small();
    let inputs = model.sample_inputs(3, 7);
    let request = Inference::new(&model, &inputs, Form::Binary).request();
    let mut connection = server.connect();
    while !is_over() {
        let start = Instant::now();
        let answer = connection.send(&request).expect("an answer over HTTP");
        assert_in_time(start);
        assert_computed(&answer, &model, &inputs, Form::Binary);
        count.fetch_add(1, Ordering::Relaxed);
        thread::sleep(PAUSE);
    }
}

fn over_grpc(server: &Server, count: &AtomicU64, is_over: impl Fn() -> bool) {
    let model = small();
    let inputs = model.sample_inputs(3, 8);
    let asked = request::raw(&model, &inputs);
    let client = Client::connect(server);
    while !is_over() {
        let start = Instant::now();
        let answer = client.infer(asked.clone()).expect("an answer over gRPC");
        assert_in_time(start);
        request::assert_computed(&answer, &model, &inputs);
        count.fetch_add(1, Ordering::Relaxed);
        thread::sleep(PAUSE);
    }
}

#[track_caller]
fn assert_in_time(start: Instant) {
    let took = start.elapsed();
    assert!(took < LATEST, "an answer took {took:?}");
}
