//! Libraries that register the same ops.

use test_ops::Sample;

use crate::Bare;
use crate::support::deadline::wait_until;
use crate::support::inference::assert_serves;
use crate::support::samples::small;
use crate::support::server::{Server, run_to_end};

#[test]
fn the_server_refuses_to_start_where_both_were_given_to_all_models() {
    let bare = Bare::new();
    let second = bare.put("libsecond.so", &Sample::default().with_signature(1).into());
    let list = format!("{}:{second}", bare.library());
    let setting = format!("--backend-config=onnxruntime,plugins={second}");
    let first = bare.library();
    for flags in [&["--preload", &list][..], &["--preload", &first, &setting]] {
        let ended = run_to_end(bare.root(), flags);
        assert_eq!(ended.status.code(), Some(1));
        for text in ["collide", &first, &second, "BiasGelu", "model_operations"] {
            assert!(ended.log.contains(text), "no {text:?} in {}", ended.log);
        }
    }
}

#[test]
fn a_model_that_brings_its_own_is_refused_alone() {
    let bare = Bare::new();
    let own = small().with_name("own");
    let library = bare.samples.library();
    bare.samples
        .put_library(&Sample::default().with_signature(1).into());
    bare.samples.add(&own);
    let flags = ["--preload", &bare.library(), "--exit-on-error=false"];
    let server = Server::try_start(bare.root(), &flags).unwrap();
    let reason = server.unavailable_reason("own");
    let library = library.to_str().unwrap();
    for text in [
        "collides",
        library,
        &bare.library(),
        "BiasGelu",
        "preloaded",
    ] {
        assert!(reason.contains(text), "no {text:?} in {reason}");
    }
    wait_until("the other model serves", || {
        server.get("/v2/models/small/ready").status == 200
    });
    assert_serves(&server, &small());
}

/// What `shared` exists for: it shows what ONNX Runtime does, which is to refuse the session.
#[test]
fn under_shared_isolation_the_framework_has_the_last_word() {
    let bare = Bare::new();
    let second = bare.put("libsecond.so", &Sample::default().with_signature(1).into());
    let list = format!("{}:{second}", bare.library());
    let flags = [
        "--preload",
        &list,
        "--isolation",
        "shared",
        "--exit-on-error=false",
    ];
    let server = Server::try_start(bare.root(), &flags).unwrap();
    let reason = server.unavailable_reason("small");
    assert!(reason.contains("domain 'custom.ops'"), "{reason}");
    assert!(
        server.log().contains("op libraries that collide"),
        "{}",
        server.log()
    );
}
