//! What came of what a user brought, in words. The record has the words of the suites, in which a
//! case passes that ended as it was foretold; to somebody who asks whether a library works, "pass" says
//! something else.

use suites::{CaseResult, Outcome, Verdict};

use super::check::Check;

/// What a case of `harness check` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Whether any runtime can use a library.
    Library,
    /// A library in one runtime, foretold and tried.
    Fit,
    /// Libraries in one process, foretold and tried.
    Pair,
    /// A step with a model.
    Model,
}

/// How a case of `harness check` is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckWords {
    /// What came of it, such as `does not work, as foretold`.
    pub text: String,
    /// Whether that is good.
    pub is_good: bool,
}

impl About {
    /// What the case `id` of `check` is about; `None`: it is none of its cases.
    #[must_use]
    pub fn of(id: &str, check: &Check) -> Option<Self> {
        let mut fits = check.libraries.iter().flat_map(|library| &library.fits);
        if check.libraries.iter().any(|library| library.case == id) {
            Some(Self::Library)
        } else if fits.any(|fit| fit.case == id) {
            Some(Self::Fit)
        } else if check.pairs.iter().any(|pair| pair.case == id) {
            Some(Self::Pair)
        } else if check
            .models
            .iter()
            .any(|model| model.cases.iter().any(|case| case == id))
        {
            Some(Self::Model)
        } else {
            None
        }
    }

    /// What came of `case`.
    #[must_use]
    pub fn words(self, case: &CaseResult) -> CheckWords {
        let is_good = case.verdict == Verdict::Pass && case.outcome == Some(Outcome::Served);
        let seen = match (case.verdict, case.outcome) {
            (Verdict::Skip, _) | (_, None) => {
                return CheckWords {
                    text: "not tried".to_owned(),
                    is_good: false,
                };
            }
            (_, Some(outcome)) => self.seen(outcome),
        };
        let is_prediction = matches!(self, Self::Fit | Self::Pair) && case.expected.is_some();
        let text = match (is_prediction, case.verdict) {
            (false, _) => seen.to_owned(),
            (true, Verdict::Pass) => format!("{seen}, as foretold"),
            (true, _) => format!("{seen}, not as foretold"),
        };
        CheckWords { text, is_good }
    }

    /// An outcome, foretold or seen.
    #[must_use]
    pub fn seen(self, outcome: Outcome) -> &'static str {
        match (self, outcome) {
            (Self::Library, Outcome::Served) => "works with at least one runtime",
            (Self::Library, _) => "works with no runtime",
            (Self::Pair, Outcome::Served) => "both work",
            (Self::Pair, Outcome::Rejected) => "the second is refused",
            (_, Outcome::Served) => "works",
            (_, Outcome::Ignored) => "registers nothing",
            (Self::Fit, Outcome::Rejected) => "does not work",
            (_, Outcome::Rejected) => "is refused",
            (Self::Fit, Outcome::WorkerCrashed) => "crashes",
            (_, Outcome::WorkerCrashed) => "the process ends",
            (_, Outcome::Hung) => "does not come to an end",
            (_, Outcome::StillLoaded) => "stays loaded",
            (_, other) => other.name(),
        }
    }
}

/// What a case is about, by its id: the last part, with the folders of a library as its label has
/// them. In an id a slash divides the parts, and folders have colons between them.
#[must_use]
pub fn name_in_id(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).replace(':', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_check;

    #[test]
    fn a_failure_that_was_foretold_is_no_success() {
        let results = sample_check();
        let check = results.check.as_ref().unwrap();
        let words = |name: &str| {
            let mut cases = results.cases.iter();
            let case = cases.find(|case| case.id.ends_with(name)).unwrap();
            About::of(&case.id, check).unwrap().words(case)
        };
        for (name, text, is_good) in [
            ("/libgelu.so@pytorch-2.11.0", "works, as foretold", true),
            (
                "/libgelu.so@pytorch-2.9.1",
                "crashes, not as foretold",
                false,
            ),
            (
                "/libold.so@pytorch-2.11.0",
                "does not work, as foretold",
                false,
            ),
            ("/libold.so", "works with no runtime", false),
            ("/libgelu.so", "works with at least one runtime", true),
            (
                "/libgelu.so+copy@pytorch-2.11.0",
                "the process ends, as foretold",
                false,
            ),
            ("/gelu@load", "works", true),
            ("/old@first-run", "not tried", false),
        ] {
            let text = text.to_owned();
            assert_eq!(words(name), CheckWords { text, is_good }, "{name}");
        }
    }

    #[test]
    fn a_case_of_nothing_that_was_brought_has_no_words() {
        let check = Check::default();
        assert_eq!(About::of("load-time/onnxruntime/preload/x", &check), None);
    }
}
