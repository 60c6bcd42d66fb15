//! The real server as a child process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client::{Connection, Request, Response};
use super::deadline::{DEADLINE, eventually, wait_until};
use super::samples::install_runtime;

/// How long a server may take to end when a test is over.
const END_LIMIT: Duration = Duration::from_secs(10);

/// A server that ends with the test.
pub struct Server {
    child: Child,
    log: Log,
    http: SocketAddr,
    grpc: Option<SocketAddr>,
    metrics: SocketAddr,
}

/// The lines that a server wrote to its log so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

/// A server that ended by itself.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
}

impl Server {
    /// Starts a server over one repository and waits until it is ready.
    pub fn start(repository: &Path, flags: &[&str]) -> Self {
        let server = Self::start_unready(repository, flags);
        wait_until("the server is ready", || {
            server.get("/v2/health/ready").status == 200
        });
        server
    }

    /// Starts a server with these variables in its environment and waits until it is ready.
    pub fn start_in(repository: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let server = Self::try_start_in(repository, flags, environment)
            .unwrap_or_else(|ended| panic!("the server ended: {}\n{}", ended.status, ended.log));
        wait_until("the server is ready", || {
            server.get("/v2/health/ready").status == 200
        });
        server
    }

    /// Starts a server in explicit mode with all models loaded, and waits until it is ready.
    pub fn start_explicit(repository: &Path, flags: &[&str]) -> Self {
        let explicit = ["--model-control-mode", "explicit", "--load-model", "*"];
        Self::start(repository, &[&explicit, flags].concat())
    }

    /// Starts a server and waits until it listens; it may never become ready.
    pub fn start_unready(repository: &Path, flags: &[&str]) -> Self {
        Self::try_start(repository, flags)
            .unwrap_or_else(|ended| panic!("the server ended: {}\n{}", ended.status, ended.log))
    }

    /// Starts a server and waits until it listens or ends.
    pub fn try_start(repository: &Path, flags: &[&str]) -> Result<Self, Ended> {
        Self::try_start_in(repository, flags, &[])
    }

    /// The same with these variables in its environment.
    pub fn try_start_in(
        repository: &Path,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self, Ended> {
        let (mut child, log) = spawn(repository, flags, environment);
        let listening = eventually("the server listens or ends", || {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(Err(status));
            }
            let http = log.address_of("started HTTP service at ")?;
            let metrics = log.address_of("started metrics service at ")?;
            Some(Ok((http, metrics)))
        });
        match listening {
            // The port for gRPC was opened, and told, before the one for metrics.
            Ok((http, metrics)) => Ok(Self {
                grpc: log.address_of("started gRPC service at "),
                child,
                log,
                http,
                metrics,
            }),
            Err(status) => Err(Ended {
                status,
                log: log.text(),
            }),
        }
    }

    /// Where it serves HTTP.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where it serves gRPC.
    ///
    /// # Panics
    /// It was started without.
    #[track_caller]
    pub fn grpc(&self) -> SocketAddr {
        self.grpc.expect("the server serves gRPC")
    }

    /// Where it serves metrics.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// Process id of the front.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// A new connection to the HTTP port.
    pub fn connect(&self) -> Connection {
        Connection::open(self.http).expect("the server accepts connections")
    }

    /// Sends a request over a connection of its own.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        match self.connect().send(request) {
            Ok(response) => response,
            Err(error) => panic!(
                "no response to {} {}: {error}\n{}",
                request.method,
                request.path,
                self.log()
            ),
        }
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.send(&Request::get(path))
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Response {
        self.send(&Request::post(path, body))
    }

    /// `POST /v2/repository/models/{model}/load` with an empty body.
    #[track_caller]
    pub fn load(&self, model: &str) -> Response {
        self.post(&format!("/v2/repository/models/{model}/load"), "")
    }

    /// `POST /v2/repository/models/{model}/unload` with an empty body.
    #[track_caller]
    pub fn unload(&self, model: &str) -> Response {
        self.post(&format!("/v2/repository/models/{model}/unload"), "")
    }

    /// The index's entries of one model: version, state and reason.
    #[track_caller]
    pub fn index_of(&self, model: &str) -> Vec<(String, String, String)> {
        let index = self.post("/v2/repository/index", "").json();
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or("").to_owned();
        let entries = index.as_array().expect("the index is a list").iter();
        entries
            .filter(|entry| entry["name"] == model)
            .map(|entry| {
                (
                    text(entry, "version"),
                    text(entry, "state"),
                    text(entry, "reason"),
                )
            })
            .collect()
    }

    /// The reason for which version 1 of a model is unavailable, once it is.
    #[track_caller]
    pub fn unavailable_reason(&self, model: &str) -> String {
        eventually(&format!("model '{model}' is unavailable"), || {
            self.index_of(model)
                .into_iter()
                .find(|(version, state, _)| version == "1" && state == "UNAVAILABLE")
                .map(|(_, _, reason)| reason)
        })
    }

    /// Statistics of the only version of a model.
    #[track_caller]
    pub fn statistics_of(&self, model: &str) -> Value {
        let told = self.get(&format!("/v2/models/{model}/stats")).json();
        let versions = told["model_stats"].as_array().expect("a list");
        assert_eq!(versions.len(), 1, "{told}");
        versions[0].clone()
    }

    /// Process id of a model's worker.
    #[track_caller]
    pub fn worker_of(&self, model: &str) -> u32 {
        let configuration = self.get(&format!("/v2/models/{model}/config")).json();
        let pid = &configuration["parameters"]["reference_server.worker_pid"]["string_value"];
        pid.as_str()
            .and_then(|pid| pid.parse().ok())
            .unwrap_or_else(|| panic!("no worker in {configuration}"))
    }

    /// A fact that the configuration of a model tells: `reference_server.` and `name`.
    #[track_caller]
    pub fn fact(&self, model: &str, name: &str) -> String {
        let configuration = self.get(&format!("/v2/models/{model}/config")).json();
        let fact = &configuration["parameters"][format!("reference_server.{name}")];
        fact["string_value"].as_str().unwrap_or_default().to_owned()
    }

    /// Text of the metrics port.
    #[track_caller]
    pub fn metrics(&self) -> Response {
        Connection::open(self.metrics)
            .and_then(|mut connection| connection.send(&Request::get("/metrics")))
            .expect("the metrics port answers")
    }

    /// Value of a metric of version 1 of a model.
    #[track_caller]
    pub fn metric(&self, name: &str, model: &str) -> f64 {
        let text = self.metrics().text();
        let line = format!("{name}{{model=\"{model}\",version=\"1\"}} ");
        text.lines()
            .find_map(|given| given.strip_prefix(&line))
            .unwrap_or_else(|| panic!("no '{line}' in\n{text}"))
            .parse()
            .expect("a number")
    }

    /// Sends a signal to the front.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the server runs");
    }

    /// Waits until the server has ended by itself.
    #[track_caller]
    pub fn wait(&mut self) -> Ended {
        let status = eventually("the server ends", || self.child.try_wait().unwrap());
        Ended {
            status,
            log: self.log.text(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::TERM);
            let start = Instant::now();
            while let Ok(None) = self.child.try_wait() {
                if start.elapsed() > END_LIMIT {
                    self.child.kill().ok();
                    self.child.wait().ok();
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server\n{}", self.log.text());
        }
    }
}

/// Runs a server that must end by itself.
pub fn run_to_end(repository: &Path, flags: &[&str]) -> Ended {
    run_to_end_in(repository, flags, &[])
}

/// The same with these variables in its environment.
pub fn run_to_end_in(repository: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Ended {
    let (mut child, log) = spawn(repository, flags, environment);
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            wait_until("the log is read to its end", || {
                Arc::strong_count(&log.0) == 1
            });
            let log = log.text();
            return Ended { status, log };
        }
        if start.elapsed() > DEADLINE {
            child.kill().ok();
            child.wait().ok();
            panic!("the server did not end by itself\n{}", log.text());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn spawn(repository: &Path, flags: &[&str], environment: &[(&str, &str)]) -> (Child, Log) {
    install_runtime();
    let mut command = Command::new(env!("CARGO_BIN_EXE_reference-server"));
    command
        .arg("--model-repository")
        .arg(repository)
        .args(flags.iter().map(OsStr::new))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    for flag in ["--http-port", "--grpc-port", "--metrics-port"] {
        if !flags.contains(&flag) {
            // The server takes a free port and tells which.
            command.args([flag, "0"]);
        }
    }
    let mut child = command.spawn().expect("the server's executable starts");
    let log = Log::default();
    let stderr = child.stderr.take().expect("stderr is piped");
    let lines = log.clone();
    std::thread::spawn(move || lines.read(stderr));
    (child, log)
}

impl Log {
    fn read(self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            self.0.lock().unwrap().push(line);
        }
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    fn address_of(&self, announcement: &str) -> Option<SocketAddr> {
        let lines = self.0.lock().unwrap();
        lines
            .iter()
            .find_map(|line| line.split_once(announcement))
            .and_then(|(_, address)| address.trim().parse().ok())
    }
}
