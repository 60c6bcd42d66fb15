//! Several model repositories, and op libraries outside of them.

use test_ops::{Configuration, ModelRepository};

use crate::support::inference::assert_serves;
use crate::support::samples::{Samples, small};
use crate::support::server::{Server, run_to_end};

#[test]
fn models_of_all_repositories_are_served() {
    let (first, second) = (Samples::with_small(), Samples::new());
    let other = small().with_name("other");
    second.add(&other);
    let server = Server::start(
        first.root(),
        &["--model-repository", second.root().to_str().unwrap()],
    );
    assert_serves(&server, &small());
    assert_serves(&server, &other);
    let index = server.post("/v2/repository/index", "").json();
    assert_eq!(index.as_array().map(Vec::len), Some(2), "{index}");
}

#[test]
fn a_model_in_two_repositories_is_refused_and_both_are_named() {
    let (first, second) = (Samples::with_small(), Samples::with_small());
    let other = small().with_name("other");
    second.add(&other);
    let flags = ["--model-repository", second.root().to_str().unwrap()];
    let ended = run_to_end(first.root(), &flags);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    for repository in [first.root(), second.root()] {
        let folder = repository.join("small");
        assert!(
            ended.log.contains(folder.to_str().unwrap()),
            "{}",
            ended.log
        );
    }
    let server = Server::start_unready(
        first.root(),
        &[&flags[..], &["--exit-on-error=false"]].concat(),
    );
    crate::support::deadline::wait_until("the other model is served", || {
        server.get("/v2/models/other/ready").status == 200
    });
    assert_serves(&server, &other);
    assert_eq!(server.get("/v2/models/small/ready").status, 400);
}

#[test]
fn an_op_library_root_allows_libraries_from_elsewhere() {
    let libraries = Samples::new();
    let folder = tempfile::tempdir().unwrap();
    let repository = ModelRepository::create(folder.path().join("models")).unwrap();
    let library = libraries.library();
    let configuration = Configuration::with_op_libraries([library.to_str().unwrap()]);
    repository.add(&small(), &configuration).unwrap();

    let refused = run_to_end(repository.root(), &[]);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.log);
    assert!(refused.log.contains("--op-library-root"), "{}", refused.log);

    let root = libraries.root().to_str().unwrap();
    let server = Server::start(repository.root(), &["--op-library-root", root]);
    assert_serves(&server, &small());
}
