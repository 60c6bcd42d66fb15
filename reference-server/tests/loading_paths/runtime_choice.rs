//! Which installed runtime serves models whose libraries do not fit the default one.

use test_ops::Sample;

use crate::Bare;
use crate::support::inference::assert_serves;
use crate::support::samples::{install_runtime, runtime_named, small};
use crate::support::server::{Server, run_to_end};

/// Offers API levels up to 20.
const OLD: &str = "onnxruntime-1.20.1";

/// A default runtime that is too old for the library, which all models get.
fn bare() -> (Bare, String) {
    install_runtime();
    runtime_named(OLD);
    let bare = Bare::new();
    let library = bare.put("libnew.so", &Sample::default().with_api_level(21).into());
    (bare, library)
}

#[test]
fn a_library_for_all_models_is_served_by_a_runtime_that_it_fits() {
    let (bare, library) = bare();
    let setting = format!("--backend-config=onnxruntime,plugins={library}");
    let runtime = format!("--runtime=onnxruntime={OLD}");
    for way in [&["--preload", &library][..], &[&setting]] {
        let server = Server::start(bare.root(), &[way, &[&runtime]].concat());
        assert_serves(&server, &small());
        assert_ne!(server.fact("small", "runtime"), OLD);
        let because = server.fact("small", "runtime_choice");
        assert!(because.contains("API level 21"), "{because}");
        let told = &server.statistics_of("small")["reference_server"]["runtime_choice"];
        assert_eq!(*told, because);
    }
}

#[test]
fn a_strict_choice_ends_the_start() {
    let (bare, library) = bare();
    let flags = [
        "--preload",
        &library,
        "--runtime=onnxruntime=onnxruntime-1.20.1",
        "--runtime-select=strict",
    ];
    let ended = run_to_end(bare.root(), &flags);
    assert_eq!(ended.status.code(), Some(1));
    for text in [library.as_str(), "API level 21", "--runtime-select auto"] {
        assert!(ended.log.contains(text), "no {text:?} in {}", ended.log);
    }
}
