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

/// Where sessions are told apart by the content of their libraries, a copy is no other library; where
/// they are not, ONNX Runtime takes it for one.
#[test]
fn a_copy_is_left_out_unless_the_framework_has_the_last_word() {
    let bare = Bare::new();
    let copy = bare.put("libcopy.so", &Sample::default().into());
    let first = bare.library();
    let list = format!("{first}:{copy}");
    let setting = format!("--backend-config=onnxruntime,plugins={first};{copy}");
    let server = Server::start(bare.root(), &["--preload", &list]);
    assert_serves(&server, &small());
    let told = format!("'{copy}' is a copy of '{first}'");
    assert!(server.log().contains(&told), "{}", server.log());
    drop(server);
    for flags in [&["--preload", list.as_str()][..], &[&setting]] {
        let flags = [flags, &["--isolation", "shared", "--exit-on-error=false"]].concat();
        let server = Server::try_start(bare.root(), &flags).unwrap();
        let reason = server.unavailable_reason("small");
        for text in [&first, &copy, "domain 'custom.ops'"] {
            assert!(reason.contains(text), "no {text:?} in {reason}");
        }
    }
}

#[test]
fn ops_in_a_domain_of_onnxruntime_itself_are_told() {
    let bare = Bare::new();
    let library = bare.put(
        "libmicrosoft.so",
        &Sample::default().with_domain("com.microsoft").into(),
    );
    let server = Server::start(
        bare.root(),
        &["--preload", &format!("{}:{library}", bare.library())],
    );
    let told = format!("'{library}' registers op 'BiasGelu' of domain 'com.microsoft'");
    wait_until("the log tells of it", || server.log().contains(&told));
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
