//! The suites against a real Triton. The one that PyPI has lacks the backends of all four
//! frameworks: what the dynamic loader does to it is observed, and the rest is skipped for the
//! reason that the server gives.

#[path = "../environment/mod.rs"]
mod environment;
mod installation;

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use installation::Triton;
use suites::client::{Client, Encoding, InferenceRequest, NamedTensor};
use suites::{
    CaseResult, Exit, Isolation, Outcome, Phase, Profile, RunOptions, Selection, Verdict,
};
use test_ops::{DataType, Tensor};

/// The longest wait for anything but an installation.
const LIMIT: Duration = Duration::from_secs(60);
/// What the server gives its clients to go away.
const EXIT_TIMEOUT: Duration = Duration::from_secs(3);

/// The installation; `None`, and told past the test harness's capture, where there can be none.
fn triton(what: &str) -> Option<Triton> {
    match Triton::install() {
        Ok(triton) => Some(triton),
        Err(reason) => {
            let note = format!("{what}: SKIPPED, {reason}\n");
            std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes())
                .expect("standard error");
            None
        }
    }
}

/// A repository with a model of the Python backend that doubles its input and says so.
fn doubling_repository(folder: &Path) {
    let model = folder.join("double");
    fs::create_dir_all(model.join("1")).expect("a folder");
    let configuration = "name: \"double\"\nbackend: \"python\"\n\
        input [ { name: \"x\" data_type: TYPE_FP32 dims: [ -1 ] } ]\n\
        output [ { name: \"y\" data_type: TYPE_FP32 dims: [ -1 ] } ]\n";
    let code = "import triton_python_backend_utils as utils\n\
        class TritonPythonModel:\n\
        \x20   def initialize(self, arguments):\n\
        \x20       print('the doubling model is there', flush=True)\n\
        \x20   def execute(self, requests):\n\
        \x20       inputs = [utils.get_input_tensor_by_name(request, 'x') for request in requests]\n\
        \x20       doubled = [utils.Tensor('y', x.as_numpy() * 2) for x in inputs]\n\
        \x20       return [utils.InferenceResponse([tensor]) for tensor in doubled]\n";
    fs::write(model.join("config.pbtxt"), configuration).expect("a configuration");
    fs::write(model.join("1/model.py"), code).expect("a model");
}

#[test]
fn it_is_launched_asked_read_and_ended() {
    let Some(triton) = triton("a model of Triton's Python backend") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a scratch folder");
    let repository = folder.path().join("models");
    doubling_repository(&repository);
    let mut server = triton
        .command()
        .flag("model-repository", &repository)
        .flag("model-control-mode", "explicit")
        .flag("exit-timeout-secs", EXIT_TIMEOUT.as_secs().to_string())
        .launch(&folder.path().join("log"))
        .expect("it starts");
    let told = |server: &suites::server::ServerProcess| server.log_tail(30).join("\n");
    if let Err(error) = server.wait_ready(LIMIT) {
        panic!("{error}: {}", told(&server));
    }
    let client = Client::new(server.http_address(), LIMIT).expect("a client");
    client
        .load("double")
        .unwrap_or_else(|error| panic!("{error}: {}", told(&server)));
    let tensor = |name: &str, values: &[f64]| NamedTensor {
        name: name.to_owned(),
        tensor: Tensor::new(DataType::Fp32, &[values.len()], values.to_vec()),
    };
    for encoding in [Encoding::Json, Encoding::Binary] {
        let request = InferenceRequest::new(&[tensor("x", &[1.0, -2.5, 3.0])], encoding);
        let answer = client.infer("double", &request).expect("an answer");
        assert_eq!(
            answer.outputs,
            [tensor("y", &[2.0, -5.0, 6.0])],
            "{encoding:?}"
        );
    }
    assert!(
        server.log().contains("the doubling model is there"),
        "{}",
        told(&server)
    );
    let members = server.processes();
    assert!(
        members.len() >= 2,
        "the server and the model's own process: {members:?}"
    );
    let mapped = server.mapped_under(triton.program().parent().expect("a folder"));
    assert!(mapped.contains(&triton.program()), "{mapped:?}");

    // It gives a client that stays connected all of its time, and ends by itself then.
    let begin = Instant::now();
    let end = server.terminate(LIMIT);
    assert!(!end.killed, "{end:?}: {}", told(&server));
    assert_eq!(end.left_behind, 0, "{}", told(&server));
    assert!(begin.elapsed() >= EXIT_TIMEOUT, "{:?}", begin.elapsed());
    drop(client);
    assert!(matches!(end.exit, Exit::Status(0 | 1)), "{end:?}");
    assert!(server.processes().is_empty());
}

#[test]
fn cases_pass_or_are_skipped_for_the_reason_that_the_server_gives() {
    let Some(triton) = triton("cases against Triton") else {
        return;
    };
    let patterns = [
        "onnxruntime/preload/static-initializer-(crashes|aborts)$",
        "(onnxruntime|pytorch)/preload/missing-dependency$",
        "pytorch/preload/same-op-given-to-all-models$",
        "onnxruntime/model-config/(absolute-path|control-mode-none|undefined-symbol)$",
        "pytorch/model-config/absolute-path$",
        "tensorflow/model-config/two-builds-for-two-models$",
        "onnxruntime/model-config/runtime-unknown$",
    ];
    let filter = patterns.join("|").parse().expect("a pattern");
    let cases = suites::cases(&Selection {
        filter: Some(filter),
        ..Selection::default()
    });
    assert_eq!(cases.len(), 11);
    let cache = environment::cache(&cases);
    let mut options = RunOptions::new(triton.program(), cache.root());
    options.profile = Profile::Triton;
    options.isolation = Isolation::Shared;
    let (events, _) = channel();
    let begin = Instant::now();
    let results = suites::run(&cases, &options, &events).expect("a run");
    // No server has waited for a client to go away, for which it has 30 s.
    assert!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());

    let told: Vec<String> = results.iter().map(line).collect();
    let told = told.join("\n");
    let result = |id: &str| {
        let mut results = results.iter();
        results
            .find(|result| result.id == format!("load-time/{id}"))
            .unwrap_or_else(|| panic!("no {id} in\n{told}"))
    };
    for (id, outcome) in [
        (
            "onnxruntime/preload/static-initializer-crashes",
            Outcome::Aborted,
        ),
        (
            "onnxruntime/preload/static-initializer-aborts",
            Outcome::Aborted,
        ),
        (
            "onnxruntime/preload/missing-dependency",
            Outcome::RefusedStart,
        ),
        ("pytorch/preload/missing-dependency", Outcome::RefusedStart),
        (
            "pytorch/preload/same-op-given-to-all-models",
            Outcome::Aborted,
        ),
    ] {
        let result = result(id);
        assert_eq!(result.verdict, Verdict::Pass, "{told}");
        assert_eq!(
            (result.outcome, result.phase),
            (Some(outcome), Phase::Preload)
        );
    }
    for (id, backend) in [
        ("onnxruntime/model-config/absolute-path", "onnxruntime"),
        ("onnxruntime/model-config/control-mode-none", "onnxruntime"),
        ("onnxruntime/model-config/undefined-symbol", "onnxruntime"),
        ("pytorch/model-config/absolute-path", "pytorch"),
        (
            "tensorflow/model-config/two-builds-for-two-models",
            "tensorflow",
        ),
    ] {
        let result = result(id);
        assert_eq!(result.verdict, Verdict::Skip, "{told}");
        let words = format!("unable to find backend library for backend '{backend}'");
        assert!(result.message.contains(&words), "{}", result.message);
        assert!(!result.evidence.log_tail.is_empty(), "{id}");
    }
    let unknown = result("onnxruntime/model-config/runtime-unknown");
    assert_eq!(unknown.verdict, Verdict::Skip);
    assert!(
        unknown.message.contains("nothing is expected"),
        "{}",
        unknown.message
    );
}

fn line(result: &CaseResult) -> String {
    format!(
        "{} {}: {} {:?}",
        result.verdict, result.id, result.message, result.evidence.departures
    )
}
