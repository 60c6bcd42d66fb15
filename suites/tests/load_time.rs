//! Runs the load-time suite of all frameworks against the real server.

mod environment;

use suites::{Selection, Suite};

#[test]
fn every_case_of_the_load_time_suite_passes() {
    environment::assert_that_all_pass(&suites::cases(&Selection {
        suites: vec![Suite::LoadTime],
        ..Selection::default()
    }));
}
