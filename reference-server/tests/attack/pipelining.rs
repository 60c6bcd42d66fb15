//! Requests after requests whose answers are not read.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use crate::support::client::Request;
use crate::support::inference::{Form, Inference};
use crate::support::samples::small;
use crate::victim::{Victim, connect};

/// Requests that a client sends in one go, and how often: far more than sockets hold.
const BATCH: usize = 1000;
const BATCHES: usize = 1000;
/// Clients.
const CLIENTS: usize = 5;

#[test]
fn thousands_of_requests_are_not_taken_before_answers_are_read() {
    let victim = Victim::start(&[]);
    let inputs = small().sample_inputs(1, 1);
    let infer = Inference::new(&small(), &inputs, Form::Json).request();
    let requests = [Request::get("/v2/models/small/config"), infer];
    victim.withstands(|| {
        let clients: Vec<_> = requests
            .iter()
            .cycle()
            .take(CLIENTS)
            .map(|request| {
                let bytes = request.bytes().repeat(BATCH);
                let mut stream = connect(victim.server.http());
                // The server stops reading, so that a write waits; this client does not.
                stream
                    .set_write_timeout(Some(Duration::from_millis(300)))
                    .unwrap();
                let error = (0..BATCHES).find_map(|_| stream.write_all(&bytes).err());
                let error = error.expect("the server stops reading");
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                stream
            })
            .collect();
        drop(clients);
    });
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let victim = Victim::start(&[]);
    let mut connection = victim.server.connect();
    let bytes: Vec<u8> = (0..100)
        .flat_map(|number| Request::get(format!("/v2/models/m{number}")).bytes())
        .collect();
    connection.write(&bytes).unwrap();
    for number in 0..100 {
        let answer = connection.read().unwrap();
        assert!(
            answer.error().contains(&format!("'m{number}'")),
            "{}",
            answer.text()
        );
    }
}
