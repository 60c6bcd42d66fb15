//! Every call of both protocols, sent to this server and to the `tritonserver` of a package on PyPI,
//! with models of the same names, inputs, outputs and batches: the answers are compared field by
//! field. What may differ stands in `differences.rs`, and with it in the README.
//!
//! A request more is a line in `exchanges/`. What then differs is told in the form of a difference
//! that could be listed.

mod answer;
mod asker;
mod difference;
mod differences;
mod exchange;
mod exchanges;
#[path = "../../../suites/tests/triton/installation.rs"]
mod installation;
#[path = "../support/onnx.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod onnx;
mod server_pair;
#[path = "../support/shared_memory.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod shared_memory;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashSet;

use asker::Asker;
use difference::{Difference, Found};
use differences::DIFFERENCES;
use installation::Triton;
use server_pair::{ModelFile, ServerPair};
use shared_memory::Object;

#[test]
fn answers_differ_from_tritons_only_as_listed() {
    let triton = match Triton::install() {
        Ok(triton) => triton,
        Err(reason) => {
            // Past the test harness's capture: it must be seen.
            let note = format!("answers beside those of a real Triton: SKIPPED, {reason}\n");
            std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes()).unwrap();
            return;
        }
    };
    let pair = ServerPair::start(&triton);
    let (triton, here) = (pair.triton(), pair.here());
    let object = Object::new(exchanges::OBJECT_SIZE);
    // One server after the other: what one leaves in shared memory must not be taken for the other's.
    let asked = |asker: &Asker, model_file: &ModelFile| {
        let exchanges = exchanges::all(&object, model_file).into_iter();
        let answered = exchanges.map(|exchange| (exchange.name, asker.ask(&exchange.asked)));
        answered.collect::<Vec<_>>()
    };
    let (of_triton, of_this) = (
        asked(&triton, &ModelFile::of_python()),
        asked(&here, &ModelFile::of_onnx()),
    );
    let mut names = HashSet::new();
    let mut found = Vec::new();
    for ((name, one), (_, two)) in of_triton.iter().zip(&of_this) {
        assert!(names.insert(name), "'{name}' twice");
        let differences = one.differences(two).into_iter();
        found.extend(differences.map(|(field, triton, here)| Found {
            request: name.clone(),
            field,
            triton,
            here,
        }));
    }
    let mut complaints: Vec<String> = found
        .iter()
        .filter(|found| !DIFFERENCES.iter().any(|listed| listed.allows(found)))
        .map(|it| {
            format!(
                "not listed: {} | {}\n    Triton: {}\n    here:   {}",
                it.request, it.field, it.triton, it.here
            )
        })
        .collect();
    complaints.extend(DIFFERENCES.iter().flat_map(|listed| stale(listed, &found)));
    assert!(
        complaints.is_empty(),
        "{} of {} requests:\n{}",
        complaints.len(),
        names.len(),
        complaints.join("\n")
    );
}

/// What of a listed difference does not occur (any more).
fn stale(listed: &Difference, found: &[Found]) -> Vec<String> {
    let occurs = |difference: &Difference| found.iter().any(|it| difference.allows(it));
    let requests = listed.requests.iter().filter(|request| {
        let requests = std::slice::from_ref(*request);
        !occurs(&Difference {
            requests,
            ..*listed
        })
    });
    let fields = listed.fields.iter().filter(|field| {
        let fields = std::slice::from_ref(*field);
        !occurs(&Difference { fields, ..*listed })
    });
    requests
        .chain(fields)
        .map(|pattern| format!("does not occur: '{pattern}' of {}", listed.row()))
        .collect()
}

#[test]
fn the_readme_has_the_table_of_differences() {
    const HEAD: &str = "| Requests | Fields | Triton | Here | Why |\n|---|---|---|---|---|\n";
    let rows: Vec<String> = DIFFERENCES.iter().map(Difference::row).collect();
    let table = format!("{HEAD}{}\n", rows.join("\n"));
    let readme = include_str!("../../README.md");
    assert!(
        readme.contains(&table),
        "the table of differences in README.md is to be:\n{table}"
    );
}
