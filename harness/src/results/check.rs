//! What came of op libraries and models that a user brought, as `results.json` holds it.

use std::path::PathBuf;

use op_library::{Collision, Finding, ProbeOutcome, ProbedLibrary, ProbedOp};
use runtimes::Framework;
use serde::{Deserialize, Serialize};
use suites::{CaseResult, Verdict};

use super::record::Overall;
use crate::quantity::count;

/// Pairs that are named as not opened together.
const MOST_APART: usize = 6;

/// Everything that `harness check` found out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The libraries, in the order in which they were given.
    pub libraries: Vec<CheckedLibrary>,
    /// Libraries that were opened in one process, each with a copy of itself and with the others.
    pub pairs: Vec<CheckedPair>,
    /// The models of the repository, by name.
    pub models: Vec<CheckedModel>,
    /// The models that were not looked at, because nothing tells that they are of one of the
    /// frameworks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// What is known of one library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckedLibrary {
    /// What the report calls it: the shortest end of its path that no other one has.
    pub label: String,
    /// The file.
    pub path: PathBuf,
    /// What the file is: frameworks, size, what it needs and registers, one fact a text.
    pub facts: Vec<String>,
    /// The case that says whether any runtime can use it.
    pub case: String,
    /// What holds whatever the runtime is, the worst first.
    pub findings: Vec<Finding>,
    /// One entry a runtime.
    pub fits: Vec<Fit>,
}

/// One library in one runtime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The runtime, such as `pytorch-2.11.0`.
    pub runtime: String,
    /// Its framework.
    pub framework: Framework,
    /// The case that compares prediction and observation.
    pub case: String,
    /// What the files alone told.
    pub predicted: Predicted,
    /// What was found for this runtime alone, the worst first.
    pub findings: Vec<Finding>,
    /// What came of opening it in a process that was thrown away; `None`: the experiment could not
    /// be made.
    pub observed: Option<ProbedLibrary>,
    /// Why the experiment could not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_tried: Option<String>,
}

/// Why a library cannot be used with some runtimes, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble<'a> {
    /// The runtimes.
    pub runtimes: Vec<&'a str>,
    /// What comes of it there, in a word or two.
    pub outcome: &'static str,
    /// Why.
    pub reason: &'a str,
    /// What to do, where there is something to do.
    pub remedy: Option<&'a str>,
}

/// What was foretold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// `loads`, `registers-nothing`, `fails` or `needs-trial`.
    pub verdict: String,
    /// What it rests on, in one sentence.
    pub reason: String,
    /// What to do about it, where there is something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Two libraries in one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckedPair {
    /// The one that was opened first, by its label.
    pub first: String,
    /// The one that was opened after it; `None`: a copy of the first.
    pub second: Option<String>,
    /// The runtime.
    pub runtime: String,
    /// Its framework.
    pub framework: Framework,
    /// The case that compares prediction and observation.
    pub case: String,
    /// What both provide.
    pub collisions: Vec<Collision>,
    /// What follows from that.
    pub predicted: Meeting,
    /// What came of it; `None`: the experiment could not be made, and the case says why.
    pub observed: Option<Meeting>,
    /// What the framework said.
    pub message: String,
}

/// How two libraries get along in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meeting {
    /// The ops of both are there.
    Together,
    /// The second is refused.
    Refused,
    /// The process ends.
    Crashed,
}

/// One model of the repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckedModel {
    /// Its name.
    pub name: String,
    /// Its framework.
    pub framework: Framework,
    /// The runtime that served it; `None`: none did.
    pub runtime: Option<String>,
    /// The op libraries that its configuration names, as they are spelled there.
    pub named: Vec<String>,
    /// The op libraries that its worker had mapped: those that were named and those that were given.
    pub mapped: Vec<PathBuf>,
    /// The cases about it, in the order in which things were done: load, first run, unload.
    pub cases: Vec<String>,
    /// Whether it was served.
    pub served: bool,
    /// Why not, in the server's words.
    pub message: String,
}

impl Check {
    /// The libraries that no runtime can use.
    pub fn unusable(&self) -> impl Iterator<Item = &CheckedLibrary> {
        let unusable =
            |library: &&CheckedLibrary| library.was_tried() && library.usable().next().is_none();
        self.libraries.iter().filter(unusable)
    }

    /// The libraries that could be tried with no runtime.
    pub fn untried(&self) -> impl Iterator<Item = &CheckedLibrary> {
        self.libraries.iter().filter(|library| !library.was_tried())
    }

    /// The pairs of libraries of one framework that were not opened together, because both work
    /// somewhere and there is no runtime in which both do.
    #[must_use]
    pub fn apart(&self) -> Vec<(&CheckedLibrary, &CheckedLibrary)> {
        let mut apart = Vec::new();
        for (index, first) in self.libraries.iter().enumerate() {
            for second in &self.libraries[index + 1..] {
                let meets = |same: fn(&Fit, &Fit) -> bool| {
                    let mut fits = first.usable();
                    fits.any(|fit| second.usable().any(|other| same(fit, other)))
                };
                if meets(|fit, other| fit.framework == other.framework)
                    && !meets(|fit, other| fit.runtime == other.runtime)
                {
                    apart.push((first, second));
                }
            }
        }
        apart
    }

    /// Says of [`apart`](Self::apart) that they were not opened together; `None` where there are
    /// none.
    #[must_use]
    pub fn apart_text(&self) -> Option<String> {
        let apart = self.apart();
        let shown = apart.iter().take(MOST_APART);
        let mut pairs: Vec<String> = shown
            .map(|(first, second)| format!("{} and {}", first.label, second.label))
            .collect();
        if apart.len() > pairs.len() {
            pairs.push(format!("{} more pairs", apart.len() - pairs.len()));
        }
        (!pairs.is_empty()).then(|| {
            format!(
                "not opened together, because there is no runtime in which both work: {}",
                pairs.join("; ")
            )
        })
    }

    /// What came of everything, in a few words, where the `cases` came to `verdict`.
    #[must_use]
    pub fn headline(&self, verdict: Overall, cases: &[CaseResult]) -> String {
        let part = |number: usize, whole: usize, (one, several): (&str, &str), problem: &str| match (
            number, whole,
        ) {
            (0, _) => None,
            (_, 1) => Some(format!("the {one} {problem}")),
            _ => Some(format!("{number} of {whole} {several} {problem}")),
        };
        let unusable = part(
            self.unusable().count(),
            self.libraries.len(),
            ("library", "libraries"),
            "cannot be used",
        );
        let untried = part(
            self.untried().count(),
            self.libraries.len(),
            ("library", "libraries"),
            "could not be tried",
        );
        let unserved = part(
            self.unserved().count(),
            self.models.len(),
            ("model", "models"),
            "cannot be served",
        );
        let later = part(
            self.failing_later(cases),
            self.models.len(),
            ("model", "models"),
            "cannot be run and unloaded",
        );
        let wrong = match self.wrong_predictions(cases) {
            0 => None,
            1 => Some("1 prediction was wrong".to_owned()),
            several => Some(format!("{several} predictions were wrong")),
        };
        let problems = [unusable, untried, unserved, later, wrong];
        let problems: Vec<String> = problems.into_iter().flatten().collect();
        let text = match verdict {
            Overall::Interrupted | Overall::Error => return verdict.text().to_owned(),
            _ if !problems.is_empty() => problems.join(", "),
            Overall::Failed => verdict.text().to_owned(),
            Overall::Passed if self.left_out.is_empty() => "all of it can be used".to_owned(),
            Overall::Passed => "all that was checked can be used".to_owned(),
        };
        match self.left_out.len() {
            0 => text,
            left_out => format!(
                "{text}; {left_out} of {} {} not checked",
                count(left_out + self.models.len(), "model"),
                if left_out == 1 { "was" } else { "were" }
            ),
        }
    }

    /// How many predictions about libraries and about pairs of them were wrong.
    fn wrong_predictions(&self, cases: &[CaseResult]) -> usize {
        let fits = self.libraries.iter().flat_map(|library| &library.fits);
        let predicted = fits.map(|fit| &fit.case);
        let predicted = predicted.chain(self.pairs.iter().map(|pair| &pair.case));
        predicted.filter(|id| has_failed(id, cases)).count()
    }

    /// How many models were served and failed then.
    fn failing_later(&self, cases: &[CaseResult]) -> usize {
        let served = self.models.iter().filter(|model| model.served);
        served
            .filter(|model| model.cases.iter().any(|id| has_failed(id, cases)))
            .count()
    }

    /// The models that were not served.
    pub fn unserved(&self) -> impl Iterator<Item = &CheckedModel> {
        self.models.iter().filter(|model| !model.served)
    }
}

fn has_failed(id: &str, cases: &[CaseResult]) -> bool {
    let mut failed = cases.iter().filter(|case| case.verdict == Verdict::Fail);
    failed.any(|case| case.id == id)
}

impl CheckedLibrary {
    /// The runtimes that it was seen to register ops with.
    pub fn usable(&self) -> impl Iterator<Item = &Fit> {
        self.fits.iter().filter(|fit| fit.is_usable())
    }

    /// Whether it was opened with any runtime.
    #[must_use]
    pub fn was_tried(&self) -> bool {
        self.fits.iter().any(|fit| fit.observed.is_some())
    }

    /// Why it does not work, the same reason once with all runtimes that it holds for.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble<'_>> {
        let mut troubles: Vec<Trouble<'_>> = Vec::new();
        for fit in &self.fits {
            let Some((reason, remedy)) = fit.trouble() else {
                continue;
            };
            let trouble = Trouble {
                runtimes: vec![fit.runtime.as_str()],
                outcome: fit.outcome(),
                reason,
                remedy,
            };
            let mut known = troubles.iter_mut();
            let same = |known: &&mut Trouble<'_>| {
                (known.outcome, known.reason, known.remedy) == (trouble.outcome, reason, remedy)
            };
            match known.find(same) {
                Some(known) => known.runtimes.push(&fit.runtime),
                None => troubles.push(trouble),
            }
        }
        troubles
    }
}

impl Fit {
    /// What came of it, in a word or two.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self.observed.as_ref().map(|observed| observed.outcome) {
            Some(ProbeOutcome::Registered) => "works",
            Some(ProbeOutcome::RegisteredNothing) => "registers nothing",
            Some(ProbeOutcome::Failed) => "fails",
            Some(ProbeOutcome::Crashed) => "crashes",
            Some(ProbeOutcome::Hung) => "hangs",
            Some(ProbeOutcome::NotReached) | None => "not tried",
        }
    }

    /// Whether the library's ops were there.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let observed = self.observed.as_ref();
        observed.is_some_and(|library| library.outcome == ProbeOutcome::Registered)
    }

    /// Why the library cannot be used with the runtime, and what to do: what its file told
    /// beforehand, where it told it, for that goes further than what the dynamic loader says; or else
    /// what was said when it was opened. `None` where it can be used.
    #[must_use]
    pub fn trouble(&self) -> Option<(&str, Option<&str>)> {
        if self.is_usable() {
            return None;
        }
        if let Some(why) = &self.not_tried {
            return Some((why, None));
        }
        let Predicted {
            verdict,
            reason,
            remedy,
        } = &self.predicted;
        let foretold = matches!(verdict.as_str(), "fails" | "registers-nothing");
        let observed = self
            .observed
            .as_ref()
            .map(|observed| observed.message.as_str());
        Some(match observed {
            Some(message) if !foretold && !message.is_empty() => (message, None),
            _ => (reason, remedy.as_deref()),
        })
    }
}

impl Meeting {
    /// What came of the second of two libraries that were opened in one process.
    #[must_use]
    pub fn of(second: ProbeOutcome) -> Self {
        match second {
            ProbeOutcome::Registered | ProbeOutcome::RegisteredNothing => Self::Together,
            ProbeOutcome::Failed => Self::Refused,
            ProbeOutcome::Crashed | ProbeOutcome::Hung | ProbeOutcome::NotReached => Self::Crashed,
        }
    }

    /// It in a few words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Together => "both work",
            Self::Refused => "the second is refused",
            Self::Crashed => "the process ends",
        }
    }
}

/// An op as people write it: with its domain or namespace, and its version where it has one.
#[must_use]
pub fn full_name(op: &ProbedOp) -> String {
    let mut name = op.name.clone();
    if !op.domain.is_empty() {
        name = format!("{}::{name}", op.domain);
    }
    if !op.version.is_empty() {
        name = format!("{name} version {}", op.version);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_check;

    #[test]
    fn the_headline_counts_everything_that_failed() {
        let mut results = sample_check();
        assert_eq!(
            results.headline(),
            "1 of 2 libraries cannot be used, 1 of 2 models cannot be served, 1 prediction was wrong"
        );
        let check = results.check.as_mut().unwrap();
        check.left_out = vec!["foreign".to_owned()];
        check.libraries.truncate(1);
        check.models.truncate(1);
        results.cases.retain(|case| case.verdict != Verdict::Fail);
        results.summary = crate::results::Counts::of(&results.cases);
        assert_eq!(
            results.headline(),
            "all that was checked can be used; 1 of 2 models was not checked"
        );
    }

    #[test]
    fn what_was_never_tried_is_not_called_unusable_and_its_reason_is_told() {
        let mut results = sample_check();
        let check = results.check.as_mut().unwrap();
        check.models.clear();
        check.libraries.truncate(1);
        for fit in &mut check.libraries[0].fits {
            fit.observed = None;
            fit.not_tried = Some("'true probe' printed no record".to_owned());
        }
        let library = &check.libraries[0];
        let [trouble] = &library.troubles()[..] else {
            panic!("one reason: {:?}", library.troubles());
        };
        assert_eq!(trouble.runtimes.len(), 2);
        assert_eq!(trouble.reason, "'true probe' printed no record");
        assert_eq!(check.unusable().count(), 0);
        assert!(
            results
                .headline()
                .starts_with("the library could not be tried")
        );
    }

    #[test]
    fn pairs_that_no_runtime_serves_are_named() {
        let mut results = sample_check();
        let check = results.check.as_mut().unwrap();
        assert_eq!(check.apart_text(), None, "one of the two works nowhere");
        let observed = check.libraries[0].fits[0].observed.clone();
        check.libraries[1].fits[1].observed = observed.clone();
        let text = check.apart_text().expect("each works in another one");
        assert!(text.ends_with("libgelu.so and libold.so"), "{text}");
        check.libraries[1].fits[0].observed = observed;
        assert_eq!(check.apart_text(), None);
    }
}
