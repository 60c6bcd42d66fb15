//! `junit.xml`, for CI systems that show test results.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use suites::{CaseResult, Verdict};

use super::record::Results;

/// The cases as JUnit XML: a test suite for each suite, framework and path.
///
/// # Errors
/// Where the XML cannot be written to memory.
pub fn junit_xml(results: &Results) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("harness");
    report.set_time(Duration::from_secs_f64(results.run.duration_s.max(0.0)));
    let mut suite: Option<TestSuite> = None;
    for case in &results.cases {
        let name = format!("{}/{}/{}", case.suite, case.framework, case.path);
        if suite
            .as_ref()
            .is_none_or(|suite| suite.name.as_str() != name)
        {
            report.add_test_suites(suite.replace(TestSuite::new(name)));
        }
        if let Some(suite) = &mut suite {
            suite.add_test_case(test_case(case));
        }
    }
    report.add_test_suites(suite);
    report.to_string()
}

fn test_case(case: &CaseResult) -> TestCase {
    let status = match case.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Skip => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(&case.message);
            status
        }
        Verdict::Fail => non_success(case, NonSuccessKind::Failure),
        Verdict::Error => non_success(case, NonSuccessKind::Error),
    };
    let name = case.id.rsplit('/').next().unwrap_or(&case.id);
    let mut test = TestCase::new(name, status);
    test.set_classname(format!("{}.{}.{}", case.suite, case.framework, case.path));
    test.set_time(Duration::from_secs_f64(
        (case.duration_ms / 1000.0).max(0.0),
    ));
    if !case.evidence.log_tail.is_empty() {
        test.set_system_err(case.evidence.log_tail.join("\n"));
    }
    test
}

fn non_success(case: &CaseResult, kind: NonSuccessKind) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(&case.message);
    let mut text = case.evidence.departures.join("\n");
    if !case.evidence.reproduce.is_empty() {
        text.push_str(&format!("\nreproduce: {}", case.evidence.reproduce));
    }
    status.set_description(text.trim_start().to_owned());
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_results;

    #[test]
    fn it_is_read_back_with_the_same_counts() {
        let results = sample_results();
        let xml = junit_xml(&results).unwrap();
        let report = Report::deserialize_from_str(&xml).unwrap();
        assert_eq!(report.tests, results.cases.len());
        assert_eq!(report.failures, results.summary.failed);
        assert_eq!(report.errors, results.summary.errors);
        let skipped: usize = report.test_suites.iter().map(|suite| suite.skipped).sum();
        assert_eq!(skipped, results.summary.skipped);
    }

    #[test]
    fn a_failure_carries_its_evidence_and_odd_characters_do_not_break_it() {
        let mut results = sample_results();
        let failed = results
            .cases
            .iter_mut()
            .find(|case| case.verdict == Verdict::Fail)
            .unwrap();
        failed.message = "<boom> & \u{1b}[31mred\u{0}".to_owned();
        let reproduce = failed.evidence.reproduce.clone();
        let xml = junit_xml(&results).unwrap();
        assert!(Report::deserialize_from_str(&xml).is_ok(), "{xml}");
        assert!(xml.contains("&lt;boom&gt; &amp;"), "{xml}");
        assert!(
            xml.contains(&reproduce) || xml.contains(&reproduce.replace('\'', "&apos;")),
            "{xml}"
        );
    }
}
