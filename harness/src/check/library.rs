//! Each library in each runtime that it may be for: what the files tell beforehand, and what comes of
//! opening it.

use std::time::{Duration, Instant};

use op_library::{Before, Judgement, Probe, ProbeOutcome, ProbePhase, ProbedLibrary, Verdict};
use runtimes::Framework;
use suites::{Cancellation, CaseResult, Isolation, Outcome, Phase, Prober, Trial};

use super::case::Outline;
use super::side_by_side::side_by_side;
use super::subject::Subject;
use super::tried_runtime::TriedRuntime;
use crate::command_text::command_text;
use crate::inspection::text::facts;
use crate::results::{About, CheckedLibrary, Fit, Predicted};

/// What came of the libraries.
#[derive(Debug, Default)]
pub struct CheckedLibraries {
    /// One record a library, in their order.
    pub libraries: Vec<CheckedLibrary>,
    /// One case a library and one for each runtime that it was tried in.
    pub cases: Vec<CaseResult>,
}

/// Judges and tries every one of `subjects`, several at a time; `tell` gets each case as it is there.
pub fn check_libraries(
    subjects: &[Subject],
    runtimes: &[TriedRuntime],
    prober: &Prober,
    isolation: Isolation,
    tell: &(dyn Fn(About, &CaseResult) + Sync),
) -> CheckedLibraries {
    let trials: Vec<(usize, &TriedRuntime)> = subjects
        .iter()
        .enumerate()
        .flat_map(|(index, subject)| {
            let runtimes = subject.runtimes(runtimes).into_iter();
            runtimes.map(move |runtime| (index, runtime))
        })
        .collect();
    let tried = side_by_side(&trials, suites::default_jobs(), |&(index, runtime)| {
        let (fit, case) = try_out(&subjects[index], runtime, prober, isolation);
        tell(About::Fit, &case);
        (index, fit, case)
    });
    let mut checked = CheckedLibraries::default();
    for (index, subject) in subjects.iter().enumerate() {
        let of_subject = tried.iter().filter(|(of, _, _)| *of == index);
        let fits: Vec<Fit> = of_subject.map(|(_, fit, _)| fit.clone()).collect();
        let times = tried.iter().filter(|(of, _, _)| *of == index);
        let (library, case) = summed_up(subject, fits, isolation, &prober.cancellation);
        let case = CaseResult {
            duration_ms: times.map(|(_, _, case)| case.duration_ms).sum(),
            ..case
        };
        tell(About::Library, &case);
        checked.libraries.push(library);
        checked.cases.push(case);
    }
    checked
        .cases
        .extend(tried.into_iter().map(|(_, _, case)| case));
    checked
}

/// One library in one runtime.
fn try_out(
    subject: &Subject,
    runtime: &TriedRuntime,
    prober: &Prober,
    isolation: Isolation,
) -> (Fit, CaseResult) {
    let begin = Instant::now();
    let framework = runtime.runtime.name.framework;
    let Judgement {
        mut findings,
        verdict,
    } = subject.library.judge(&runtime.runtime, Before::default());
    findings.retain(|finding| !subject.record.findings.contains(finding));
    let outline = Outline {
        name: format!("{}@{}", subject.name(), runtime.label),
        framework,
        description: format!(
            "What {} can do with the library is foretold from its file; then the library is opened \
             in a process that is thrown away. The two should agree.",
            runtime.label
        ),
        runtime: runtime.label.clone(),
        isolation,
        reproduce: again(&[subject], Some(runtime)),
    };
    let mut fit = Fit {
        runtime: runtime.label.clone(),
        framework,
        case: outline.id(),
        predicted: Predicted {
            verdict: verdict.name().to_owned(),
            reason: verdict.reason().to_owned(),
            remedy: verdict.remedy().map(str::to_owned),
        },
        findings,
        observed: None,
        not_tried: None,
    };
    let probed = prober.probe(&runtime.runtime, &[subject.path()]);
    let probed = probed.map_err(|error| error.to_string()).and_then(first);
    let case = match probed {
        Err(why) => {
            fit.not_tried = Some(why.clone());
            outline.skipped(why)
        }
        Ok(observed) => {
            let outcome = (observed.outcome, observed.phase);
            let said = observed.message.clone();
            fit.observed = Some(observed.clone());
            CaseResult {
                prediction: Some(verdict.clone().into()),
                trial: Trial::of_probe(observed),
                ..compared(&outline, &verdict, outcome, &said, &explanation(&fit))
            }
        }
    };
    let duration_ms = milliseconds(begin.elapsed());
    (
        fit,
        CaseResult {
            duration_ms,
            ..case
        },
    )
}

/// The library that was opened alone.
fn first(probe: Probe) -> Result<ProbedLibrary, String> {
    let mut libraries = probe.libraries.into_iter();
    libraries
        .next()
        .ok_or_else(|| "the record of the experiment names no library".to_owned())
}

/// Why it cannot be used and what to do; empty where it can.
fn explanation(fit: &Fit) -> String {
    match fit.trouble() {
        None => String::new(),
        Some((reason, None)) => reason.to_owned(),
        Some((reason, Some(remedy))) => format!("{reason}; {remedy}"),
    }
}

/// The case of a library that was opened: `said` is what was said of it then, and `message` what a
/// user is told.
fn compared(
    outline: &Outline,
    verdict: &Verdict,
    (observed, step): (ProbeOutcome, Option<ProbePhase>),
    said: &str,
    message: &str,
) -> CaseResult {
    let expected = foretold(verdict);
    let seen = outcome(observed);
    let departures = expected
        .filter(|expected| !agree(*expected, seen))
        .map(|_| {
            format!(
                "the prediction is wrong: it says \"{}: {}\", and the library {}; a server would \
                 act on the prediction, so please report this",
                verdict.name(),
                verdict.reason(),
                did(observed)
            )
        });
    let mut case = outline.ended(
        expected,
        (seen, phase(step)),
        message,
        departures.into_iter().collect(),
    );
    let said = match said {
        "" => String::new(),
        said => format!(": {said}"),
    };
    case.evidence.steps = vec![
        format!("predict: {}: {}", verdict.name(), verdict.reason()),
        format!("open: the library {}{said}", did(observed)),
    ];
    case
}

/// What a server would make of a model that names the library, as far as that is foretold.
fn foretold(verdict: &Verdict) -> Option<Outcome> {
    match verdict {
        Verdict::Loads { .. } => Some(Outcome::Served),
        Verdict::RegistersNothing { .. } => Some(Outcome::Ignored),
        Verdict::Fails { .. } => Some(Outcome::Rejected),
        Verdict::NeedsTrial { .. } => None,
    }
}

/// The same of what was seen.
fn outcome(seen: ProbeOutcome) -> Outcome {
    match seen {
        ProbeOutcome::Registered => Outcome::Served,
        ProbeOutcome::RegisteredNothing => Outcome::Ignored,
        ProbeOutcome::Failed | ProbeOutcome::NotReached => Outcome::Rejected,
        ProbeOutcome::Crashed => Outcome::WorkerCrashed,
        ProbeOutcome::Hung => Outcome::Hung,
    }
}

/// How a library fails is not foretold.
fn agree(expected: Outcome, seen: Outcome) -> bool {
    let fails = |outcome| {
        matches!(
            outcome,
            Outcome::Rejected | Outcome::WorkerCrashed | Outcome::Hung
        )
    };
    expected == seen || (fails(expected) && fails(seen))
}

/// What a library did, as the end of a sentence.
pub fn did(outcome: ProbeOutcome) -> &'static str {
    match outcome {
        ProbeOutcome::Registered => "registers its ops",
        ProbeOutcome::RegisteredNothing => "is opened and registers nothing",
        ProbeOutcome::Failed => "is refused with an error",
        ProbeOutcome::Crashed => "ends the process",
        ProbeOutcome::Hung => "does not come to an end",
        ProbeOutcome::NotReached => "is not opened",
    }
}

/// The phase of a step with a library.
pub fn phase(step: Option<ProbePhase>) -> Phase {
    match step {
        None => Phase::Spawn,
        Some(ProbePhase::Dlopen) => Phase::Dlopen,
        Some(ProbePhase::Register) => Phase::Register,
        Some(ProbePhase::Session) => Phase::Load,
    }
}

/// Whether any runtime can use the library: what the exit status tells.
fn summed_up(
    subject: &Subject,
    fits: Vec<Fit>,
    isolation: Isolation,
    cancellation: &Cancellation,
) -> (CheckedLibrary, CaseResult) {
    let library = &subject.library;
    let tried: Vec<&str> = fits.iter().map(|fit| fit.runtime.as_str()).collect();
    let framework = library.frameworks.first().copied();
    let framework = framework.or_else(|| Some(fits.first()?.framework));
    let outline = Outline {
        name: subject.name(),
        framework: framework.unwrap_or(Framework::OnnxRuntime),
        description: "At least one of the runtimes that were asked for can use the library."
            .to_owned(),
        runtime: tried.join(", "),
        isolation,
        reproduce: again(&[subject], None),
    };
    let checked = CheckedLibrary {
        label: subject.label.clone(),
        path: library.path.clone(),
        facts: facts(&subject.record),
        case: outline.id(),
        findings: subject.record.findings.clone(),
        fits,
    };
    let usable: Vec<&str> = checked.usable().map(|fit| fit.runtime.as_str()).collect();
    let (outcome, message, departure) = if !usable.is_empty() {
        let works = format!("it works with {}", usable.join(", "));
        (Some(Outcome::Served), works, None)
    } else if checked.was_tried() {
        let departure = "no runtime that was asked for can use it";
        (
            Some(Outcome::Rejected),
            why_unusable(&checked),
            Some(departure),
        )
    } else if cancellation.is_cancelled() {
        let case = outline.skipped("the check was ended before it was tried");
        return (checked, case);
    } else {
        // Nothing is known of it, which must not look like success.
        (
            None,
            why_unusable(&checked),
            Some("it could be tried with no runtime"),
        )
    };
    let case = outline.ended(
        Some(Outcome::Served),
        (Outcome::Rejected, Phase::Register),
        message,
        departure.map(str::to_owned).into_iter().collect(),
    );
    (checked, CaseResult { outcome, ..case })
}

/// One line a reason.
fn why_unusable(library: &CheckedLibrary) -> String {
    let lines = library.troubles().into_iter().map(|trouble| {
        let runtimes = trouble.runtimes.join(", ");
        let remedy = trouble.remedy.map(|remedy| format!("; {remedy}"));
        let remedy = remedy.unwrap_or_default();
        format!("{runtimes}: {}{remedy}", trouble.reason)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The command line that checks `subjects` again, in `runtime` alone where there is one.
pub fn again(subjects: &[&Subject], runtime: Option<&TriedRuntime>) -> String {
    let mut words = ["cargo", "harness", "check"].map(str::to_owned).to_vec();
    for subject in subjects {
        words.extend(["--library".to_owned(), subject.path().display().to_string()]);
    }
    if let Some(runtime) = runtime {
        words.extend(["--runtime".to_owned(), runtime.argument()]);
    }
    command_text(&words)
}

/// A time as results hold it.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_library_fails_is_not_foretold_but_that_it_does() {
        use Outcome::{Hung, Ignored, Rejected, Served, WorkerCrashed};
        for seen in [Rejected, WorkerCrashed, Hung] {
            assert!(agree(Rejected, seen));
            assert!(!agree(Served, seen) && !agree(Ignored, seen));
        }
        assert!(agree(Served, Served) && agree(Ignored, Ignored));
        assert!(!agree(Rejected, Ignored) && !agree(Served, Ignored));
    }

    #[test]
    fn a_wrong_prediction_is_a_failure_and_an_open_one_is_none() {
        let outline = Outline {
            name: "libops.so@onnxruntime-1.32.0".to_owned(),
            framework: Framework::OnnxRuntime,
            description: String::new(),
            runtime: "onnxruntime-1.32.0".to_owned(),
            isolation: Isolation::OpSet,
            reproduce: String::new(),
        };
        let crashed = (ProbeOutcome::Crashed, Some(ProbePhase::Dlopen));
        let judged = |verdict: Verdict| compared(&outline, &verdict, crashed, "signal 11", "why");
        let reason = || "it resolves".to_owned();
        let wrong = judged(Verdict::Loads { reason: reason() });
        assert_eq!(wrong.verdict, suites::Verdict::Fail);
        assert_eq!(wrong.expected, Some(Outcome::Served));
        assert_eq!(wrong.outcome, Some(Outcome::WorkerCrashed));
        assert!(wrong.evidence.departures[0].contains("loads: it resolves"));
        assert!(wrong.evidence.steps[1].ends_with("ends the process: signal 11"));
        let open = judged(Verdict::NeedsTrial { reason: reason() });
        assert_eq!((open.verdict, open.expected), (suites::Verdict::Pass, None));
        let id = "check/onnxruntime/model-config/libops.so@onnxruntime-1.32.0";
        assert_eq!(open.id, id);
    }
}
