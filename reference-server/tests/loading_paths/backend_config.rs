//! `--backend-config=<framework>,plugins=a.so;b.so`.

use test_ops::{Broken, Fault, Sample};

use crate::support::inference::assert_serves;
use crate::support::samples::small;
use crate::support::server::{Server, run_to_end};
use crate::{Bare, maps};

fn plugins(paths: &[&str]) -> String {
    format!("--backend-config=onnxruntime,plugins={}", paths.join(";"))
}

#[test]
fn plugins_serve_all_models_of_the_framework() {
    let bare = Bare::new();
    let other = Sample::default().with_domain("other");
    let other = bare.put("libother.so", &other.into());
    let second = small().with_name("second").with_domains(&["other"]);
    bare.samples
        .add_with(&second, |configuration| configuration.op_libraries.clear());
    let flag = plugins(&[&bare.library(), &other]);
    for isolation in ["op-set", "shared", "backend", "model"] {
        let server = Server::start(bare.root(), &[&flag, "--isolation", isolation]);
        assert_serves(&server, &small());
        assert_serves(&server, &second);
        assert!(maps(server.worker_of("small"), "libops.so"));
        assert!(!maps(server.pid(), "libops.so"));
        let listed = format!("{}:{other}", bare.library());
        assert_eq!(server.fact("second", "op_libraries"), listed);
        let told = &server.statistics_of("small")["reference_server"];
        assert_eq!(told["op_libraries"][1], other, "{told}");
        assert_eq!(told["worker_pid"], server.worker_of("small"), "{told}");
    }
}

#[test]
fn a_library_that_the_model_lists_too_is_loaded_once() {
    let bare = Bare::new();
    bare.samples.put_library(&Sample::default().into());
    bare.samples.add(&small());
    let server = Server::start(bare.root(), &[&plugins(&[&bare.library()])]);
    assert_serves(&server, &small());
    assert_eq!(server.fact("small", "op_libraries"), bare.library());
}

#[test]
fn what_cannot_be_loaded_ends_the_start_with_file_and_reason() {
    let bare = Bare::new();
    let fails = Sample::default().with_fault(Fault::RegistrationFails);
    for (content, text) in [
        (Broken::UndefinedSymbol.into(), "vendor::Tensor::resize"),
        (Broken::InitializerCrashes.into(), "SIGSEGV"),
        (fails.into(), "RegisterCustomOps"),
    ] {
        let library = bare.put("libbroken.so", &content);
        let ended = run_to_end(bare.root(), &[&plugins(&[&library])]);
        assert_eq!(ended.status.code(), Some(1));
        for text in [text, &library, "all ONNX Runtime models"] {
            assert!(ended.log.contains(text), "no {text:?} in {}", ended.log);
        }
    }
    let ended = run_to_end(bare.root(), &[&plugins(&["/nowhere/libgone.so"])]);
    assert!(ended.log.contains("'/nowhere/libgone.so'"), "{}", ended.log);
}

#[test]
fn other_settings_have_no_effect_and_unknown_frameworks_are_refused() {
    let bare = Bare::new();
    let flags = [
        "--backend-config=tensorflow,version=2",
        "--backend-config=default-max-batch-size=4",
        &plugins(&[&bare.library()]),
    ];
    let server = Server::start(bare.root(), &flags);
    for flag in &flags[..2] {
        let told = format!("{flag} has no effect");
        assert!(server.log().contains(&told), "{}", server.log());
    }
    let ended = run_to_end(bare.root(), &["--backend-config=onnxruntme,plugins=a.so"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(
        ended.log.contains("did you mean 'onnxruntime'?"),
        "{}",
        ended.log
    );
}
