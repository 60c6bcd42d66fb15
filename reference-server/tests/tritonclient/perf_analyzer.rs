//! The unmodified `perf_analyzer` of the client's package 2.41.0 against the server. It links two
//! libraries that the package does not bring, which are looked for where `benches/load.sh` has them and
//! on the machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use runtimes::Cache;

use super::certificates::{Certificates, Identity};
use super::support::samples::Samples;
use super::support::server::Server;
use super::{EARLIER, client, skipped, text};

/// The program and where it finds its libraries.
///
/// # Errors
/// Why it does not start here.
fn program() -> Result<(PathBuf, PathBuf), String> {
    let python = client(EARLIER)?;
    let program = python.with_file_name("perf_analyzer");
    let libraries = Cache::locate(None).unwrap().root().join("load-tools");
    let output = Command::new(&program)
        .arg("--version")
        .env("LD_LIBRARY_PATH", &libraries)
        .output()
        .map_err(|error| format!("perf_analyzer does not start: {error}"))?;
    let said = text(&output);
    if said.contains("error while loading shared libraries") {
        return Err(format!(
            "{} (on Debian: apt-get install libb64-0d; libcudart.so.12 is what benches/load.sh \
             fetches)",
            said.trim()
        ));
    }
    Ok((program, libraries))
}

#[test]
fn perf_analyzer_2_41_0_with_system_shared_memory_over_http() {
    measure("http", Server::http, None);
}

#[test]
fn perf_analyzer_2_41_0_with_system_shared_memory_over_grpc() {
    measure("grpc", Server::grpc, None);
}

#[test]
fn perf_analyzer_2_41_0_with_system_shared_memory_over_grpc_with_mutual_tls() {
    measure("grpc", Server::grpc, Some(&Certificates::new()));
}

/// A short sweep; what it prints and writes must tell that nothing failed and what the server did.
/// With `tls`, gRPC is over mutual TLS.
fn measure(protocol: &str, address: fn(&Server) -> SocketAddr, tls: Option<&Certificates>) {
    let (program, libraries) = match program() {
        Ok(found) => found,
        Err(reason) => return skipped("perf_analyzer 2.41.0", &reason),
    };
    let samples = Samples::with_small();
    let flags = tls.map_or_else(Vec::new, |tls| tls.flags("grpc", true));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = Server::start(samples.root(), &flags);
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("latencies.csv");
    let mut command = Command::new(program);
    if let Some(tls) = tls {
        command.arg("--ssl-grpc-use-ssl");
        for (flag, file) in [
            ("--ssl-grpc-root-certifications-file", tls.authority()),
            (
                "--ssl-grpc-certificate-chain-file",
                tls.certificate(Identity::Client),
            ),
            ("--ssl-grpc-private-key-file", tls.key(Identity::Client)),
        ] {
            command.arg(flag).arg(file);
        }
    }
    let output = command
        .env("LD_LIBRARY_PATH", libraries)
        .args([
            "-i",
            protocol,
            "-u",
            &address(&server).to_string(),
            "-m",
            "small",
        ])
        .args([
            "--shared-memory",
            "system",
            "--output-shared-memory-size",
            "64",
        ])
        .args(["--shape", "x:1,16", "--concurrency-range", "1:2"])
        .args([
            "--measurement-mode",
            "count_windows",
            "--measurement-request-count",
            "50",
        ])
        .args(["--stability-percentage", "999", "--max-trials", "30"])
        .arg("-f")
        .arg(&csv)
        .output()
        .expect("perf_analyzer starts");
    let said = text(&output);
    assert!(output.status.success(), "{}\n{said}", output.status);
    let table = std::fs::read_to_string(&csv).unwrap_or_else(|error| panic!("{error}\n{said}"));
    let mut rows = table.lines().filter(|line| !line.is_empty());
    let heads: Vec<&str> = rows.next().unwrap_or_default().split(',').collect();
    let of = |row: &str, head: &str| -> f64 {
        let column = heads.iter().position(|given| *given == head);
        let column = column.unwrap_or_else(|| panic!("no column '{head}' in\n{table}"));
        row.split(',').nth(column).unwrap().parse().unwrap()
    };
    let rows: Vec<&str> = rows.collect();
    assert_eq!(rows.len(), 2, "{table}");
    for row in rows {
        assert!(of(row, "Inferences/Second") > 0.0, "{table}");
        assert!(of(row, "Server Compute Infer") > 0.0, "{table}");
        assert!(of(row, "p50 latency") > 0.0, "{table}");
    }
    let left = server.get("/v2/systemsharedmemory/status").text();
    assert_eq!(left, "[]", "perf_analyzer lets go of its regions");
}
