//! The server that is attacked.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::bystanders;
use crate::footprint::Footprint;
use crate::support::deadline::{DEADLINE, wait_until};
use crate::support::samples::Samples;
use crate::support::server::Server;

/// How long the server waits for a client, in seconds, as its flag says.
pub const PATIENCE_FLAG: &str = "3";
/// The same.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Memory that the front may have in addition at any time where an attack says nothing else, in bytes.
pub const MEMORY: u64 = 64 << 20;

/// A server with the model `small`, and its repository.
pub struct Victim {
    pub server: Server,
    _samples: Samples,
}

impl Victim {
    /// A server whose clients have [`PATIENCE`].
    pub fn start(flags: &[&str]) -> Self {
        Self::patient(&[&["--client-timeout", PATIENCE_FLAG], flags].concat())
    }

    /// A server whose clients have as much time as they have by default.
    pub fn patient(flags: &[&str]) -> Self {
        let samples = Samples::with_small();
        Self {
            server: Server::start(samples.root(), flags),
            _samples: samples,
        }
    }

    /// Its HTTP port and its gRPC port.
    pub fn ports(&self) -> [SocketAddr; 2] {
        [self.server.http(), self.server.grpc()]
    }

    /// Lets `attack` happen while others are served. The front may have [`MEMORY`] in addition.
    #[track_caller]
    pub fn withstands(&self, attack: impl FnOnce()) {
        self.withstands_with(MEMORY, attack);
    }

    /// The same with another bound, in bytes. Afterwards the front has no more descriptors than before.
    #[track_caller]
    pub fn withstands_with(&self, memory: u64, attack: impl FnOnce()) {
        bystanders::warm_up(&self.server);
        let before = self.footprint();
        let highest = bystanders::infer_during(&self.server, attack);
        wait_until("the descriptors of the attack are closed", || {
            self.footprint().descriptors <= before.descriptors
        });
        assert!(
            highest <= before.resident + memory,
            "from {before} to {} MiB",
            highest >> 20
        );
    }

    /// What the front has now.
    pub fn footprint(&self) -> Footprint {
        Footprint::of(self.server.pid())
    }
}

/// A connection on which every operation has a deadline.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts connections");
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Everything that the server sends until it closes the connection, which it must do in time.
#[track_caller]
pub fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    match stream.read_to_end(&mut read) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server did not close the connection: {error}"),
    }
    read
}

/// Checks that the server closes each connection because its patience ends, and not before.
#[track_caller]
pub fn assert_closed_in_time(start: Instant, streams: &mut [TcpStream]) -> Vec<Vec<u8>> {
    let read = streams.iter_mut().map(read_to_end).collect();
    assert!(start.elapsed() >= PATIENCE, "{:?}", start.elapsed());
    read
}

/// Says that nothing more will be sent, and reads what comes.
pub fn finish(mut stream: TcpStream) -> Vec<u8> {
    stream.shutdown(Shutdown::Write).ok();
    read_to_end(&mut stream)
}
