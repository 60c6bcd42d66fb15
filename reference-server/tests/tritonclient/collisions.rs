//! Two models of each framework whose libraries register the same op, side by side in one server:
//! `collisions.py` gets the right values from both.

use std::path::Path;
use std::process::Command;

use runtimes::Framework;
use test_ops::{
    Configuration, DataType, Library, Model, ModelRepository, Op, ParameterSource, Sample,
};

use super::support::samples::{builder, default_runtime};
use super::support::server::Server;
use super::{NEWEST, client, skipped, text};

/// What the libraries add to their results; the last part of the models' names.
const SIGNATURES: [u8; 2] = [1, 2];

#[test]
fn both_of_two_colliding_libraries_answer_in_each_framework() {
    let python = match client(NEWEST) {
        Ok(python) => python,
        Err(reason) => return skipped(&format!("tritonclient {NEWEST}"), &reason),
    };
    let folder = tempfile::tempdir().unwrap();
    let repository = ModelRepository::create(folder.path().join("models")).unwrap();
    let mut names = Vec::new();
    for framework in Framework::ALL {
        if framework == Framework::TensorRt && !Path::new("/dev/nvidia0").exists() {
            skipped("two plans side by side", "TensorRT serves on a GPU only");
            continue;
        }
        for signature in SIGNATURES {
            names.push(add(&repository, framework, signature));
        }
    }
    let server = Server::start(repository.root(), &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tritonclient/collisions.py");
    let output = Command::new(python)
        .arg(&script)
        .arg(server.http().to_string())
        .args(&names)
        .output()
        .expect("Python starts");
    assert!(
        output.status.success(),
        "{}\n{}",
        output.status,
        text(&output)
    );
    let passed = text(&output).matches(": passed\n").count();
    assert_eq!(passed, names.len(), "{}", text(&output));
}

/// Adds a model with a library of its own, and returns its name.
fn add(repository: &ModelRepository, framework: Framework, signature: u8) -> String {
    let name = format!("{framework}_{signature}");
    let library = repository.root().join(format!("lib{name}.so"));
    let content = Sample::default().with_signature(signature);
    builder()
        .build_to(
            &Library::new(framework, content),
            &default_runtime(framework),
            &library,
        )
        .unwrap();
    let model = Model::new(
        Op::BiasGelu,
        DataType::Fp32,
        &[-1, 24],
        ParameterSource::Input,
    )
    .in_format(framework)
    .with_name(&name);
    let configuration = Configuration::with_op_libraries([library.to_str().unwrap()]);
    repository.add(&model, &configuration).unwrap();
    name
}
