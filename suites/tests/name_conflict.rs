//! Runs the name-conflict suite with two runtimes of each framework against the real server.

mod environment;

use suites::{Selection, Suite};

#[test]
fn every_case_of_the_name_conflict_suite_passes() {
    environment::assert_that_all_pass(&suites::cases(&Selection {
        suites: vec![Suite::NameConflict],
        ..Selection::default()
    }));
}
