//! Which models share a worker under each policy.

use test_ops::Sample;

use crate::support::inference::assert_serves;
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

/// `one` and `two` use the same op library, `three` a copy of it under another name, `four` another
/// library, and `five` that one beside the first.
const MODELS: [&str; 5] = ["one", "two", "three", "four", "five"];

#[test]
fn each_policy_groups_models_as_it_says() {
    let samples = Samples::new();
    let copy = samples.add_library("libcopy.so", &Sample::default().into());
    let other = Sample::default().with_domain("other");
    let other = samples.add_library("libother.so", &other.into());
    let path = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    for name in MODELS {
        // `four` needs the domain of the other library.
        let model = small().with_name(name);
        let model = if name == "four" {
            model.with_domains(&["other"])
        } else {
            model
        };
        samples.add_with(&model, |configuration| {
            let libraries = &mut configuration.op_libraries;
            match name {
                "three" => *libraries = vec![path(copy.clone())],
                "four" => *libraries = vec![path(other.clone())],
                "five" => libraries.push(path(other.clone())),
                _ => {}
            }
        });
    }
    for (policy, groups) in [
        ("shared", [0, 0, 0, 0, 0]),
        ("backend", [0, 0, 0, 0, 0]),
        // Op libraries are told apart by their content, not by their names.
        ("op-set", [0, 0, 0, 1, 2]),
        ("model", [0, 1, 2, 3, 4]),
    ] {
        let server = Server::start(samples.root(), &["--isolation", policy]);
        let workers = MODELS.map(|name| server.worker_of(name));
        for (first, worker) in workers.iter().enumerate() {
            for (second, other) in workers.iter().enumerate() {
                assert_eq!(
                    worker == other,
                    groups[first] == groups[second],
                    "'{}' and '{}' with {policy}",
                    MODELS[first],
                    MODELS[second]
                );
            }
        }
        for name in ["one", "two", "three", "five"] {
            assert_serves(&server, &small().with_name(name));
        }
        let other = small().with_name("four").with_domains(&["other"]);
        assert_serves(&server, &other);
    }
}
