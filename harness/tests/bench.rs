//! `harness bench` from outside, against the real server over both protocols.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

#[path = "../../suites/tests/triton/installation.rs"]
mod installation;

use harness::measurement::{Measurement, Warning};
use harness::results::{Results, ResultsFolder};
use runtimes::{Cache, Catalog, Framework, Pip, Silent, Size};
use rustix::process::{Pid, Signal, kill_process};
use suites::server::{ServerCommand, ServerProcess};
use test_ops::{
    Builder, Configuration, DataType, Library, Model, ModelRepository, Op, ParameterSource, Sample,
};

/// The longest wait for the server.
const PATIENCE: Duration = Duration::from_secs(60);
/// The model: one row of 16 numbers in, as many out.
const MODEL: &str = "small";

/// A server with a model, and a folder for results.
struct Bench {
    folder: tempfile::TempDir,
    server: ServerProcess,
}

impl Bench {
    fn start() -> Self {
        let mut bench = Self::launch(&[]);
        if let Err(error) = bench.server.wait_ready(PATIENCE) {
            panic!("{error}\n{}", bench.server.log());
        }
        bench
    }

    /// A server that need not be ready yet.
    fn launch(flags: &[(&str, &Path)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::locate(None).unwrap();
        let entry = Catalog::builtin()
            .default_of(Framework::OnnxRuntime)
            .unwrap();
        let runtime = cache.find(&entry.name()).unwrap_or_else(|| {
            let pip = Pip::find().unwrap();
            runtimes::install(&cache, entry, Size::Small, &pip, &Silent).unwrap()
        });
        let library = folder.path().join("libcustom_ops.so");
        Builder::in_cache(&cache)
            .build_to(
                &Library::new(Framework::OnnxRuntime, Sample::default()),
                &runtime,
                &library,
            )
            .unwrap();
        let repository = ModelRepository::create(folder.path().join("models")).unwrap();
        let model = Model::new(
            Op::BiasGelu,
            DataType::Fp32,
            &[-1, 16],
            ParameterSource::Constant,
        );
        let configuration = Configuration {
            instance_count: Some(1),
            ..Configuration::with_op_libraries([library.to_string_lossy()])
        };
        repository
            .add(&model.with_name(MODEL), &configuration)
            .unwrap();
        let server = suites::server_binary(None, |line| eprintln!("{line}")).unwrap();
        let mut command = ServerCommand::new(server)
            .flag("model-repository", repository.root())
            .flag("runtime-cache", cache.root())
            .flag("op-library-root", folder.path());
        for (name, value) in flags {
            command = command.flag(name, value);
        }
        let server = command.launch(&folder.path().join("server.log")).unwrap();
        Self { folder, server }
    }

    fn http(&self) -> String {
        format!("http://{}", self.server.http_address())
    }

    fn grpc(&self) -> String {
        let line = self.server.command_line();
        let flag = line.iter().position(|it| it == "--grpc-port").unwrap();
        format!("grpc://127.0.0.1:{}", line[flag + 1])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, url: &str, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .args(["bench", "--url", url, "--model", MODEL])
            // The model's rows are its own extents: it takes no batches of the server.
            .args(["--shape", "x:1,16", "--warm-up", "100ms"])
            .arg("--results-dir")
            .arg(self.path("results"))
            .args(line);
        command
    }

    fn run(&self, url: &str, line: &[&str]) -> (Output, Option<Results>) {
        let output = self.command(url, line).output().unwrap();
        let results = results(&output);
        (output, results)
    }

    /// A run that ends with status 0.
    #[track_caller]
    fn good(&self, url: &str, line: &[&str]) -> Results {
        let (output, results) = self.run(url, line);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        results.unwrap()
    }
}

fn results(output: &Output) -> Option<Results> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = Path::new(text.lines().last()?);
    let folder = report.is_file().then(|| report.parent())??;
    Some(ResultsFolder::at(folder).read().unwrap())
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    )
}

fn has(measurement: &Measurement, is: impl Fn(&Warning) -> bool) -> bool {
    measurement.warnings.iter().any(is)
}

#[test]
fn tensors_in_shared_memory_are_computed_in_place() {
    let bench = Bench::start();
    let objects = || {
        let names = fs::read_dir("/dev/shm").unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("harness-bench-"))
            .count()
    };
    for (url, path) in [(bench.http(), "http"), (bench.grpc(), "grpc")] {
        let line = [
            "--shared-memory",
            "system",
            "--validate",
            "--concurrency",
            "2",
            "--requests",
            "200",
        ];
        let results = bench.good(&url, &line);
        let load = results.load.as_ref().unwrap();
        assert_eq!(load.shared_memory.as_deref(), Some("system"), "{path}");
        assert_eq!(results.measurements[0].samples, 200, "{path}");
        assert_eq!(objects(), 0, "nothing is left behind");
    }
    let mut connection = TcpStream::connect(bench.server.http_address()).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
        .write_all(
            b"GET /v2/systemsharedmemory/status HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("[]"), "no region is left: {answer}");
}

#[test]
fn a_closed_loop_is_measured_over_both_protocols() {
    let bench = Bench::start();
    for url in [bench.http(), bench.grpc()] {
        let line = [
            "--concurrency",
            "1:4:4x",
            "--window",
            "200ms",
            "--max-windows",
            "4",
        ];
        let results = bench.good(&url, &[&line[..], &["--validate"]].concat());
        assert_eq!(results.measurements.len(), 2);
        for (measurement, concurrency) in results.measurements.iter().zip([1, 4]) {
            assert_eq!(measurement.concurrency, Some(concurrency));
            assert!(measurement.samples >= 662 / 3, "{measurement:?}");
            let load = measurement.load.as_ref().unwrap();
            assert_eq!(load.answered.right, measurement.samples);
            assert_eq!((load.answered.failed, load.answered.wrong), (0, 0));
            assert_eq!(load.windows.iter().filter(|it| it.counts).count(), 3);
            assert!(load.client_cpu_us > 0.0);
            assert!(load.overhead.as_ref().unwrap().median_us < measurement.median);
            let server = load.server.as_ref().unwrap();
            assert!(server.compute_infer_us > 0.0 && server.request_us < measurement.median * 2.0);
            // What the server counted in the windows is what was answered in them.
            let counted = server.requests as f64;
            let answered = measurement.samples as f64;
            assert!(
                (counted / answered - 1.0).abs() < 0.1,
                "{counted} {answered}"
            );
        }
        let load = results.load.unwrap();
        assert_eq!(load.url, url);
        assert_eq!(load.inputs, ["x FP32 [1, 16]"]);
    }
    let folders = fs::read_dir(bench.path("results")).unwrap();
    for folder in folders.map(|entry| entry.unwrap().path()) {
        for name in [
            "results.json",
            "load.csv",
            "measurements.csv",
            "report.html",
            "plots/load-latency-throughput.svg",
            "plots/load-distribution.svg",
            "plots/load-breakdown.svg",
        ] {
            assert!(folder.join(name).is_file(), "{name}");
        }
        let csv = fs::read_to_string(folder.join("load.csv")).unwrap();
        assert_eq!(csv.lines().count(), 3, "{csv}");
    }
}

#[test]
fn so_many_requests_are_exactly_so_many() {
    let bench = Bench::start();
    for url in [bench.http(), bench.grpc()] {
        let line = ["--requests", "500", "--concurrency", "3"];
        let results = bench.good(&url, &line);
        let load = results.measurements[0].load.as_ref().unwrap();
        assert_eq!(load.answered.right, 500);
        assert_eq!(load.server.as_ref().unwrap().requests, 500);
        assert_eq!(load.stable, None);
        // 500 samples carry no p99.
        assert_eq!(results.measurements[0].p99, None);
        let is_few = |it: &Warning| matches!(it, Warning::TooFewForPercentile { needed: 662, .. });
        assert!(has(&results.measurements[0], is_few));
    }
}

#[test]
fn a_server_that_stalls_shows_in_the_latency_of_an_open_loop() {
    let bench = Bench::start();
    let stalled = |line: &[&str]| {
        let line = [&["--duration", "2s"], line].concat();
        let child = bench
            .command(&bench.http(), &line)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // The generator is past its preparations when the server has got requests for a while.
        wait_for_requests(&bench, 60);
        let pid = Pid::from_raw(bench.server.pid()).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        std::thread::sleep(Duration::from_millis(700));
        kill_process(pid, Signal::CONT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        results(&output).unwrap().measurements.remove(0)
    };
    // 140 of 400 requests meet a server that stands still; each is told how long that was for it.
    let line = [
        "--rate",
        "200",
        "--arrivals",
        "constant",
        "--connections",
        "2",
    ];
    let open = stalled(&line);
    let load = open.load.as_ref().unwrap();
    assert!(open.p90.unwrap() > 100_000.0, "{open:?}");
    assert!(load.late > 50, "{}", load.late);
    assert!(has(&open, |it| matches!(it, Warning::LateSends { .. })));
    // In a closed loop one request waits, and nothing is sent meanwhile: the stall stays hidden.
    let closed = stalled(&["--concurrency", "1"]);
    assert!(closed.p90.unwrap() < 50_000.0, "{closed:?}");
}

/// Waits until the server has answered `requests` more.
fn wait_for_requests(bench: &Bench, requests: u64) {
    let client =
        suites::client::Client::new(bench.server.http_address(), Duration::from_secs(5)).unwrap();
    let count = || {
        let statistics = client.statistics(MODEL).unwrap();
        statistics["model_stats"][0]["inference_stats"]["success"]["count"]
            .as_u64()
            .unwrap_or(0)
    };
    let (begin, end) = (count(), std::time::Instant::now() + PATIENCE);
    while count() < begin + requests {
        assert!(std::time::Instant::now() < end, "no load has come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_highest_rate_that_meets_a_target_is_searched_for() {
    let bench = Bench::start();
    let line = ["--rate", "50:200", "--duration", "1s"];
    let easy = [&line[..], &["--percentile-target", "p50<1s"]].concat();
    let results = bench.good(&bench.http(), &easy);
    let load = results.load.unwrap();
    assert_eq!(
        (load.highest_rate, load.target_met),
        (Some(200.0), Some(true))
    );
    // 50, 100, 200, and 200 again to confirm it.
    assert_eq!(results.measurements.len(), 4);
    let hard = [&line[..], &["--percentile-target", "p50<1us"]].concat();
    let (output, results) = bench.run(&bench.http(), &hard);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let load = results.unwrap().load.unwrap();
    assert_eq!((load.highest_rate, load.target_met), (None, Some(false)));
}

#[test]
fn wrong_answers_are_counted_and_end_with_status_1() {
    let bench = Bench::start();
    let file = bench.path("expected.json");
    let values = vec!["12345"; 16].join(",");
    let text = format!(r#"{{"outputs": [{{"name": "y", "data": [{values}]}}]}}"#);
    fs::write(&file, text).unwrap();
    let line = ["--requests", "20", "--expect", file.to_str().unwrap()];
    for url in [bench.http(), bench.grpc()] {
        let (output, results) = bench.run(&url, &line);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let results = results.unwrap();
        assert!(results.measurements.is_empty());
        assert!(results.run.problems[0].contains("output 'y' has a wrong value at 0"));
    }
}

/// A file of requests as `perf_analyzer` reads it, two of them for the input `x`, in two forms.
fn input_data(folder: &Path) -> PathBuf {
    let file = folder.join("requests.json");
    let values = |of: f32| vec![of.to_string(); 16].join(",");
    let text = format!(
        r#"{{"data": [{{"x": [{}]}}, {{"x": {{"content": [{}], "shape": [1, 16]}}}}]}}"#,
        values(0.5),
        values(-2.0)
    );
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn requests_of_a_file_are_sent_in_turn() {
    let bench = Bench::start();
    let file = input_data(bench.folder.path());
    let line = ["--input-data", file.to_str().unwrap()];
    for url in [bench.http(), bench.grpc()] {
        let line = [&line[..], &["--requests", "200", "--validate"]].concat();
        let results = bench.good(&url, &line);
        let load = results.load.as_ref().unwrap();
        assert!(load.input_data.contains("requests.json"), "{load:?}");
        let measured = results.measurements[0].load.as_ref().unwrap();
        assert_eq!((measured.answered.right, measured.answered.wrong), (200, 0));
    }
    for (text, words) in [
        (r#"{"data": []}"#, "its list 'data' is empty"),
        (r#"{"data": [{"z": [1]}]}"#, "names 'z', which is no input"),
        (r#"{"data": [{"x": [1, 2]}]}"#, "input 'x'"),
    ] {
        fs::write(&file, text).unwrap();
        let (output, _) = bench.run(&bench.http(), &line);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
    }
}

#[test]
fn a_real_triton_is_measured_too() {
    let triton = match installation::Triton::install() {
        Ok(triton) => triton,
        Err(reason) => {
            // Past the test harness's capture: it must be seen.
            let note = format!("harness bench against Triton: SKIPPED, {reason}\n");
            std::io::stderr().write_all(note.as_bytes()).unwrap();
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("models").join(MODEL);
    fs::create_dir_all(model.join("1")).unwrap();
    fs::write(
        model.join("config.pbtxt"),
        "backend: \"python\"\n\
         input [ { name: \"x\" data_type: TYPE_FP32 dims: [ -1, 16 ] } ]\n\
         output [ { name: \"y\" data_type: TYPE_FP32 dims: [ -1, 16 ] } ]\n",
    )
    .unwrap();
    fs::write(
        model.join("1/model.py"),
        "import triton_python_backend_utils as utils\n\
         class TritonPythonModel:\n    \
             def execute(self, requests):\n        \
                 x = [utils.get_input_tensor_by_name(request, 'x').as_numpy() for request in requests]\n        \
                 return [utils.InferenceResponse([utils.Tensor('y', it * 2)]) for it in x]\n",
    )
    .unwrap();
    let mut server = triton
        .command()
        .flag("model-repository", folder.path().join("models"))
        .flag("exit-timeout-secs", "0")
        .launch(&folder.path().join("log"))
        .unwrap();
    if let Err(error) = server.wait_ready(PATIENCE) {
        panic!("{error}\n{}", server.log());
    }
    let bench = Bench { folder, server };
    let file = input_data(bench.folder.path());
    let file = file.to_str().unwrap();
    for url in [bench.http(), bench.grpc()] {
        for line in [
            &["--concurrency", "2"][..],
            &["--rate", "100"],
            &["--concurrency", "2", "--shared-memory", "system"],
            &["--concurrency", "2", "--input-data", file],
        ] {
            let line = [line, &["--requests", "100", "--validate"]].concat();
            let results = bench.good(&url, &line);
            let load = results.measurements[0].load.as_ref().unwrap();
            assert_eq!(load.answered.right, 100, "{url} {line:?}");
            // Its statistics are read as this server's are.
            let server = load.server.as_ref().unwrap();
            assert_eq!(server.requests, 100, "{url} {line:?}");
            assert!(server.compute_infer_us > 0.0, "{url} {line:?}");
        }
    }
}

/// A certificate that is its own authority, and its key, as files in `folder`.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let files = ["", "-key"].map(|end| folder.join(format!("{name}{end}.pem")));
    fs::write(&files[0], made.cert.pem()).unwrap();
    fs::write(&files[1], made.signing_key.serialize_pem()).unwrap();
    files.into()
}

#[test]
fn a_server_with_tls_is_measured_over_both_protocols() {
    let folder = tempfile::tempdir().unwrap();
    let (server, server_key) = certificate(folder.path(), "server");
    let (client, client_key) = certificate(folder.path(), "client");
    let on = Path::new("true");
    let bench = Bench::launch(&[
        ("http-use-ssl-mutual", on),
        ("http-server-cert", &server),
        ("http-server-key", &server_key),
        ("http-root-cert", &client),
        ("grpc-use-ssl", on),
        ("grpc-server-cert", &server),
        ("grpc-server-key", &server_key),
    ]);
    // Only clients with TLS can ask whether it is ready.
    let end = std::time::Instant::now() + PATIENCE;
    while !bench.server.log().contains("successfully loaded") {
        let log = bench.server.log();
        assert!(std::time::Instant::now() < end, "not loaded\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let secured = |url: String| url.replacen("://", "s://", 1);
    let (http, grpc) = (secured(bench.http()), secured(bench.grpc()));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let authority = ["--ca-certificate".to_owned(), text(&server)];
    let identity = [
        "--client-certificate".to_owned(),
        text(&client),
        "--client-key".to_owned(),
        text(&client_key),
    ];
    let line = |parts: &[&[String]]| {
        let requests = ["--requests", "200", "--concurrency", "8", "--validate"];
        let requests = requests.map(str::to_owned);
        [parts.concat(), requests.to_vec()].concat()
    };
    let unverified = |results: &Results| {
        results
            .run
            .warnings
            .iter()
            .any(|it| matches!(it, Warning::UnverifiedServer { .. }))
    };
    let good = |url: &str, parts: &[&[String]]| {
        let line = line(parts);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let results = bench.good(url, &line);
        let load = results.load.as_ref().unwrap();
        assert_eq!(load.url, url);
        assert_eq!(results.measurements[0].samples, 200, "{url}");
        results
    };
    assert!(!unverified(&good(&http, &[&authority, &identity])));
    assert!(!unverified(&good(&grpc, &[&authority])));
    let insecure = ["--insecure".to_owned()];
    assert!(unverified(&good(&grpc, &[&insecure])));
    let bad = |url: &str, parts: &[&[String]], status: i32, words: &[&str]| {
        let line = line(parts);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let (output, _) = bench.run(url, &line);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(status), "{told}");
        assert!(words.iter().all(|word| told.contains(word)), "{told}");
    };
    // An authority that the server is not of, no certificate, no TLS.
    let other = ["--ca-certificate".to_owned(), text(&client)];
    bad(
        &grpc,
        &[&other],
        3,
        &[&grpc, "TLS handshake", "certificate"],
    );
    bad(&http, &[&authority], 3, &[&http, "CertificateRequired"]);
    bad(&bench.http(), &[], 3, &[&bench.http()]);
    bad(&bench.grpc(), &[], 3, &[&bench.grpc()]);
    // What was typed cannot be meant.
    bad(
        &bench.grpc(),
        &[&authority],
        2,
        &["--ca-certificate", "grpcs://"],
    );
    bad(&grpc, &[&authority, &insecure], 2, &["--insecure"]);
    let key = text(&client_key);
    bad(&http, &[&authority, &identity[..2]], 2, &["--client-key"]);
    let no_certificate = ["--ca-certificate".to_owned(), key.clone()];
    bad(&http, &[&no_certificate], 2, &["--ca-certificate", &key]);
    let mixed = [&identity[..3], &[text(&server_key)]].concat();
    bad(
        &http,
        &[&authority, &mixed],
        2,
        &["--client-key", "together"],
    );
}

#[test]
fn what_keeps_a_load_test_from_its_beginning_is_told() {
    let bench = Bench::start();
    let status = |url: &str, line: &[&str], status: i32, words: &[&str]| {
        let (output, _) = bench.run(url, line);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    for url in [bench.http(), bench.grpc()] {
        status(&url, &["--shape", "y:1"], 2, &["no input 'y'"]);
        status(&url, &["--batch-size", "4"], 2, &["--batch-size 4"]);
        status(
            &url,
            &["--input-data", "nowhere.json"],
            2,
            &["nowhere.json"],
        );
        let other = ["--model-version", "7"];
        status(&url, &other, 3, &[&url, "the model's metadata"]);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    for protocol in ["http", "grpc"] {
        let url = format!("{protocol}://{closed}");
        status(
            &url,
            &[],
            3,
            &[&closed.to_string(), "is the server running"],
        );
    }
    let results = fs::read_dir(bench.path("results")).unwrap().count();
    assert_eq!(results, 0, "no folder of a run that was none");
}
