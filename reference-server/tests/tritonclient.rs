//! The unmodified `tritonclient` from PyPI against the server: `tritonclient/check_http.py` and
//! `tritonclient/check_grpc.py` run in a virtual environment that is made once and kept in the cache
//! folder.

#[path = "tritonclient/collisions.rs"]
mod collisions;
#[path = "tritonclient/perf_analyzer.rs"]
mod perf_analyzer;
mod support;

#[path = "support/certificates.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod certificates;

#[path = "support/onnx.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod onnx;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use certificates::{Certificates, Identity};
use reference_server::protocol::DataType;
use runtimes::Cache;
use support::samples::{Samples, batching, one_of_each, small};
use support::server::Server;

/// The version whose package also holds the `perf_analyzer` that this server is measured with.
const EARLIER: &str = "2.41.0";
/// The newest version.
const NEWEST: &str = "2.73.0";

#[test]
fn tritonclient_2_41_0_over_http() {
    check(EARLIER, "check_http.py", Server::http, None);
}

#[test]
fn tritonclient_2_41_0_over_grpc() {
    check(EARLIER, "check_grpc.py", Server::grpc, None);
}

#[test]
fn tritonclient_2_73_0_over_http() {
    check(NEWEST, "check_http.py", Server::http, None);
}

#[test]
fn tritonclient_2_73_0_over_grpc() {
    check(NEWEST, "check_grpc.py", Server::grpc, None);
}

#[test]
fn tritonclient_2_41_0_over_http_with_mutual_tls() {
    let tls = Certificates::new();
    check(EARLIER, "check_http.py", Server::http, Some(&tls));
}

#[test]
fn tritonclient_2_41_0_over_grpc_with_mutual_tls() {
    let tls = Certificates::new();
    check(EARLIER, "check_grpc.py", Server::grpc, Some(&tls));
}

#[test]
fn tritonclient_2_73_0_over_http_with_mutual_tls() {
    let tls = Certificates::new();
    check(NEWEST, "check_http.py", Server::http, Some(&tls));
}

#[test]
fn tritonclient_2_73_0_over_grpc_with_mutual_tls() {
    let tls = Certificates::new();
    check(NEWEST, "check_grpc.py", Server::grpc, Some(&tls));
}

/// Runs a script; with `tls` the server serves both protocols over mutual TLS.
fn check(
    version: &str,
    script: &str,
    address: fn(&Server) -> SocketAddr,
    tls: Option<&Certificates>,
) {
    let python = match client(version) {
        Ok(python) => python,
        Err(reason) => return skipped(&format!("tritonclient {version}"), &reason),
    };
    let samples = Samples::new();
    one_of_each().iter().for_each(|model| samples.add(model));
    for name in ["small", "idle"] {
        samples.add_with(&small().with_name(name), |configuration| {
            configuration.max_batch_size = 8;
            configuration.dynamic_batching = Some(batching(20_000));
        });
    }
    add_strings(&samples);
    let mut flags = vec!["--model-control-mode", "explicit", "--load-model", "small"];
    flags.extend(["--load-model", "strings"]);
    let models = one_of_each();
    for model in &models {
        flags.extend(["--load-model", &model.name]);
    }
    let server = match tls {
        None => Server::start(samples.root(), &flags),
        Some(tls) => tls.start(samples.root(), &flags, true),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tritonclient")
        .join(script);
    let output = Command::new(python)
        .arg(&script)
        .arg(address(&server).to_string())
        .args(tls.into_iter().flat_map(|tls| {
            let client = Identity::Client;
            [tls.authority(), tls.certificate(client), tls.key(client)]
        }))
        // The folder of the sources is not the place for it.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("MODEL_FILE", samples.root().join("small/1/model.onnx"))
        .output()
        .expect("Python starts");
    assert!(
        output.status.success(),
        "{}\n{}",
        output.status,
        text(&output)
    );
    let checks = fs::read_to_string(&script).unwrap();
    let checks = checks.matches("\ndef check_").count();
    let passed = text(&output).matches(": passed\n").count();
    assert_eq!(passed, checks, "{}", text(&output));
}

/// Adds a model `strings` that returns the byte strings that it gets.
fn add_strings(samples: &Samples) {
    let folder = samples.root().join("strings/1");
    fs::create_dir_all(&folder).unwrap();
    let model = onnx::model(
        vec![onnx::node("", "Identity", &["x"], &["y"])],
        vec![onnx::tensor("x", DataType::Bytes, &["n"])],
        vec![onnx::tensor("y", DataType::Bytes, &["n"])],
        &[],
    );
    fs::write(folder.join("model.onnx"), model).unwrap();
}

/// Tells that something was not tested, past the test harness's capture: it must be seen.
fn skipped(what: &str, reason: &str) {
    let note = format!("{what}: SKIPPED, {reason}\n");
    std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes()).unwrap();
}

/// The Python of an environment with this version of `tritonclient`, made where it is missing.
///
/// # Errors
/// Why this machine cannot have one: Python, its `venv` or its pip is missing.
///
/// # Panics
/// When the installation fails.
fn client(version: &str) -> Result<PathBuf, String> {
    let folder = Cache::locate(None).unwrap().root().join("tritonclient");
    fs::create_dir_all(&folder).unwrap();
    let environment = folder.join(version);
    let python = environment.join("bin/python");
    // Test processes may run at the same time. The system drops the lock with the file.
    let lock = File::create(folder.join(".lock")).unwrap();
    lock.lock().unwrap();
    // Written last, so that an interrupted installation does not count.
    let complete = environment.join("complete");
    let works = || {
        let probe = Command::new(&python)
            .args(["-c", "import tritonclient.http, tritonclient.grpc"])
            .output();
        probe.is_ok_and(|output| output.status.success())
    };
    if complete.is_file() && works() {
        return Ok(python);
    }
    let possible = Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .output()
        .map_err(|error| format!("python3 does not start: {error}"))?;
    if !possible.status.success() {
        return Err(format!(
            "python3 lacks venv or pip (on Debian: apt-get install python3-venv): {}",
            text(&possible).trim()
        ));
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&environment));
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg(format!("tritonclient[http,grpc]=={version}"))
        // 2.41.0 does not say that it needs it.
        .arg("protobuf"));
    fs::write(&complete, "").unwrap();
    Ok(python)
}

fn run(command: &mut Command) {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        text(&output)
    );
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
