//! Clients that ask as fast as they are answered, and an operator who loads and unloads a model.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::client::Client;
use crate::coming;
use crate::request;
use crate::support::inference::{Form, Inference, assert_computed};
use crate::support::samples::small;
use crate::support::server::Server;

/// Clients of each protocol.
const CLIENTS: u64 = 4;
/// Rows of a request.
const ROWS: usize = 3;

/// How much there was.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// Inferences over HTTP.
    pub http: u64,
    /// Inferences over gRPC.
    pub grpc: u64,
    /// How often the other model came and went.
    pub loads: u64,
}

impl Traffic {
    /// At least so many inferences, half of them over each protocol; each answer is compared with the
    /// first, and that with the reference maths.
    pub fn run(server: &Server, inferences: u64) -> Self {
        let each = inferences.div_ceil(2 * CLIENTS);
        let is_over = AtomicBool::new(false);
        let loads = AtomicU64::new(0);
        thread::scope(|scope| {
            let operator = scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    come_and_go(server);
                    loads.fetch_add(1, Ordering::Relaxed);
                }
            });
            let clients: Vec<_> = (0..CLIENTS)
                .flat_map(|seed| {
                    [
                        scope.spawn(move || ask_over_http(server, seed, each)),
                        scope.spawn(move || ask_over_grpc(server, seed, each)),
                    ]
                })
                .collect();
            let ended: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
            is_over.store(true, Ordering::Relaxed);
            operator.join().expect("every load and unload is answered");
            for client in ended {
                client.expect("every request is answered, and rightly");
            }
        });
        Self {
            http: each * CLIENTS,
            grpc: each * CLIENTS,
            loads: loads.into_inner(),
        }
    }
}

fn come_and_go(server: &Server) {
    let model = coming();
    let loaded = server.load(&model.name);
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    // Its library adds its signature to every element: that it answers is enough here.
    let inputs = model.sample_inputs(ROWS, 1);
    let answer = server.send(&Inference::new(&model, &inputs, Form::Binary).request());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let unloaded = server.unload(&model.name);
    assert_eq!(unloaded.status, 200, "{}", unloaded.text());
}

fn ask_over_http(server: &Server, seed: u64, count: u64) {
    let model = small();
    let inputs = model.sample_inputs(ROWS, seed);
    let request = Inference::new(&model, &inputs, Form::Binary).request();
    let mut connection = server.connect();
    let mut first = None;
    for _ in 0..count {
        let answer = connection.send(&request).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let first = first.get_or_insert_with(|| {
            assert_computed(&answer, &model, &inputs, Form::Binary);
            answer.body.clone()
        });
        assert!(*first == answer.body, "another answer than the first");
    }
}

fn ask_over_grpc(server: &Server, seed: u64, count: u64) {
    let model = small();
    let inputs = model.sample_inputs(ROWS, seed);
    let asked = request::raw(&model, &inputs);
    let client = Client::connect(server);
    let mut first = None;
    for _ in 0..count {
        let answer = client.infer(asked.clone()).expect("an answer");
        let first = first.get_or_insert_with(|| {
            request::assert_computed(&answer, &model, &inputs);
            answer.clone()
        });
        assert!(*first == answer, "another answer than the first");
    }
}
