//! The unmodified `perf_analyzer` of the client's package 2.41.0 against the server: sweeps over
//! concurrencies and request rates, tensors in the body and in shared memory, and the CSV file with the
//! columns of the server's side. `perf_analyzer.sh` installs it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::certificates::{Certificates, Identity};
use super::support::samples::Samples;
use super::support::server::Server;
use super::{skipped, text};

/// The columns of the CSV file that come from the server's statistics.
const SERVER_SIDE: [&str; 4] = [
    "Server Queue",
    "Server Compute Input",
    "Server Compute Infer",
    "Server Compute Output",
];

/// What a sweep varies: its flag and its column in the CSV file, two values and the step between them.
struct Sweep {
    flag: &'static str,
    column: &'static str,
    values: [u32; 2],
}

/// Requests under way.
const CONCURRENCY: Sweep = Sweep {
    flag: "--concurrency-range",
    column: "Concurrency",
    values: [1, 2],
};

/// Requests a second, fewer than a debug build on a busy machine answers.
const RATE: Sweep = Sweep {
    flag: "--request-rate-range",
    column: "Request Rate",
    values: [50, 100],
};

/// A protocol and where the server speaks it.
type Protocol = (&'static str, fn(&Server) -> SocketAddr);

const HTTP: Protocol = ("http", Server::http);
const GRPC: Protocol = ("grpc", Server::grpc);

/// Where the tensors are, as the program's flag has it.
const BODY: &str = "none";
const SYSTEM: &str = "system";

#[test]
fn perf_analyzer_2_41_0_sweeps_concurrencies_over_http() {
    measure(HTTP, &CONCURRENCY, BODY, None);
}

#[test]
fn perf_analyzer_2_41_0_sweeps_concurrencies_over_grpc() {
    measure(GRPC, &CONCURRENCY, BODY, None);
}

#[test]
fn perf_analyzer_2_41_0_sweeps_request_rates_over_http() {
    measure(HTTP, &RATE, BODY, None);
}

#[test]
fn perf_analyzer_2_41_0_sweeps_request_rates_over_grpc() {
    measure(GRPC, &RATE, BODY, None);
}

#[test]
fn perf_analyzer_2_41_0_with_system_shared_memory_over_http() {
    measure(HTTP, &CONCURRENCY, SYSTEM, None);
}

#[test]
fn perf_analyzer_2_41_0_with_system_shared_memory_over_grpc() {
    measure(GRPC, &CONCURRENCY, SYSTEM, None);
}

#[test]
fn perf_analyzer_2_41_0_sweeps_request_rates_with_system_shared_memory_over_grpc() {
    measure(GRPC, &RATE, SYSTEM, None);
}

#[test]
fn perf_analyzer_2_41_0_with_system_shared_memory_over_grpc_with_mutual_tls() {
    measure(GRPC, &CONCURRENCY, SYSTEM, Some(&Certificates::new()));
}

/// A short sweep; what it prints and writes must tell that nothing failed and what the server did.
/// With `tls`, gRPC is over mutual TLS.
fn measure(protocol: Protocol, sweep: &Sweep, memory: &str, tls: Option<&Certificates>) {
    let installed = match install() {
        Ok(folder) => folder,
        Err(reason) => return skipped("perf_analyzer 2.41.0", &reason),
    };
    let samples = Samples::with_small();
    let flags = tls.map_or_else(Vec::new, |tls| tls.flags("grpc", true));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = Server::start(samples.root(), &flags);
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("latencies.csv");
    let mut command = Command::new(installed.join("perf_analyzer"));
    if let Some(tls) = tls {
        add_tls(&mut command, tls);
    }
    let (name, address) = protocol;
    let address = address(&server).to_string();
    let [first, last] = sweep.values;
    let range = format!("{first}:{last}:{}", last - first);
    let output = command
        .env("LD_LIBRARY_PATH", installed)
        .args(["-i", name, "-u", &address, "-m", "small"])
        .args(["--shared-memory", memory])
        .args(["--output-shared-memory-size", "64"])
        .args(["--shape", "x:1,16", sweep.flag, &range])
        .args(["--measurement-mode", "count_windows"])
        .args(["--measurement-request-count", "50"])
        .args(["--stability-percentage", "999", "--max-trials", "30"])
        .arg("-f")
        .arg(&csv)
        .output()
        .expect("perf_analyzer starts");
    let said = text(&output);
    assert!(output.status.success(), "{}\n{said}", output.status);
    let told = said.matches("Successful request count:").count();
    assert_eq!(told, 2, "the server's part of each step\n{said}");
    assert_table(&csv, sweep, &said);
    let statistics = server.statistics_of("small");
    let failed = statistics["inference_stats"]["fail"]["count"].as_u64();
    assert_eq!(failed, Some(0), "{statistics}");
    let left = server.get("/v2/systemsharedmemory/status").text();
    assert_eq!(left, "[]", "perf_analyzer lets go of its regions");
}

/// Has gRPC be over mutual TLS.
fn add_tls(command: &mut Command, tls: &Certificates) {
    let client = Identity::Client;
    command
        .arg("--ssl-grpc-use-ssl")
        .arg("--ssl-grpc-root-certifications-file")
        .arg(tls.authority())
        .arg("--ssl-grpc-certificate-chain-file")
        .arg(tls.certificate(client))
        .arg("--ssl-grpc-private-key-file")
        .arg(tls.key(client));
}

/// Asserts that the table has a row for each value of the sweep, with figures of both sides.
fn assert_table(csv: &Path, sweep: &Sweep, said: &str) {
    let table = std::fs::read_to_string(csv).unwrap_or_else(|error| panic!("{error}\n{said}"));
    let mut rows = table.lines().filter(|line| !line.is_empty());
    let heads: Vec<&str> = rows.next().unwrap_or_default().split(',').collect();
    let of = |row: &str, head: &str| -> f64 {
        let column = heads.iter().position(|given| *given == head);
        let column = column.unwrap_or_else(|| panic!("no column '{head}' in\n{table}"));
        row.split(',').nth(column).unwrap().parse().unwrap()
    };
    let rows: Vec<&str> = rows.collect();
    let mut values: Vec<f64> = rows.iter().map(|row| of(row, sweep.column)).collect();
    // The rows are in the order of their throughput.
    values.sort_by(f64::total_cmp);
    assert_eq!(values, sweep.values.map(f64::from), "{table}");
    for row in rows {
        assert!(of(row, "Inferences/Second") > 0.0, "{table}");
        assert!(of(row, "p50 latency") > 0.0, "{table}");
        assert!(of(row, "Server Compute Infer") > 0.0, "{table}");
        // The other parts may round to no microsecond; the columns must be there.
        SERVER_SIDE.iter().for_each(|head| _ = of(row, head));
    }
}

/// The folder of the program and its libraries, installed where they are missing.
///
/// # Errors
/// Why this machine cannot have it.
///
/// # Panics
/// When the installation fails.
fn install() -> Result<PathBuf, String> {
    /// The status that tells that this machine cannot have it.
    const MISSING: i32 = 3;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tritonclient/perf_analyzer.sh");
    let output = Command::new(&script)
        .output()
        .map_err(|error| format!("{} does not start: {error}", script.display()))?;
    let folder = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => Ok(PathBuf::from(folder.trim())),
        Some(MISSING) => Err(text(&output).trim().to_owned()),
        _ => panic!("{}: {}\n{}", script.display(), output.status, text(&output)),
    }
}
