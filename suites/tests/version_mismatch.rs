//! Runs the version-mismatch suite with two runtimes of each framework against the real server: every
//! prediction of the inspector is right.

mod environment;

use suites::{Selection, Suite};

#[test]
fn every_case_of_the_version_mismatch_suite_passes() {
    environment::assert_that_all_pass(&suites::cases(&Selection {
        suites: vec![Suite::VersionMismatch],
        ..Selection::default()
    }));
}
