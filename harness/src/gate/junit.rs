//! A gate's outcome as JUnit XML, for CI systems that show test results.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::judgement::Verdict;
use super::outcome::Outcome;
use super::words;

/// The comparisons as tests: a regression is a failure, one without conclusion is skipped. All
/// measurements together are the last one.
///
/// # Errors
/// Where the XML cannot be written to memory.
pub fn gate_junit(outcome: &Outcome) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("gate");
    let mut suite = TestSuite::new(format!(
        "{} compared with {}",
        outcome.candidate.name, outcome.baseline.name
    ));
    for comparison in &outcome.comparisons {
        let status = status(comparison.verdict, &words::sentence(comparison));
        let mut test = TestCase::new(words::name(comparison), status);
        test.set_classname(format!("gate.{}", comparison.kind.name()));
        suite.add_test_case(test);
    }
    if let Some((aggregate, sentence)) = outcome.aggregate.as_ref().zip(words::aggregate(outcome)) {
        let mut test = TestCase::new(
            "all measurements together",
            status(aggregate.verdict, &sentence),
        );
        test.set_classname("gate.aggregate");
        suite.add_test_case(test);
    }
    report.add_test_suite(suite);
    report.to_string()
}

fn status(verdict: Verdict, message: &str) -> TestCaseStatus {
    let mut status = match verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Inconclusive => TestCaseStatus::skipped(),
        Verdict::Regression => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    status.set_message(message);
    status
}
