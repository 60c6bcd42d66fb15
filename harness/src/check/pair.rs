//! Two libraries in one process, and a library with a copy of itself.

use std::path::Path;
use std::time::Instant;

use op_library::{ProbeOutcome, ProbedLibrary};
use runtimes::Framework;
use suites::{CaseResult, Isolation, Outcome};

use super::case::Outline;
use super::collision::{Foretold, advice, foretell};
use super::library::{again, did, milliseconds, phase};
use super::probing::Prober;
use super::side_by_side::side_by_side;
use super::subject::Subject;
use super::tried_runtime::TriedRuntime;
use crate::results::{CheckedLibrary, CheckedPair, Fit, Meeting};

/// Two libraries that work in the same runtime, each with what it registered there alone.
struct Couple<'a> {
    first: (&'a Subject, &'a ProbedLibrary),
    /// `None`: a copy of the first.
    second: Option<(&'a Subject, &'a ProbedLibrary)>,
    runtime: &'a TriedRuntime,
    framework: Framework,
}

/// Opens each of `subjects` with a copy of itself, and with each one behind it, in the first runtime
/// in which both work; `tell` gets each case as it is there. Whatever works in none has no case.
pub fn check_pairs(
    subjects: &[Subject],
    checked: &[CheckedLibrary],
    runtimes: &[TriedRuntime],
    prober: &Prober,
    isolation: Isolation,
    tell: &(dyn Fn(&CaseResult) + Sync),
) -> (Vec<CheckedPair>, Vec<CaseResult>) {
    let couples = couples(subjects, checked, runtimes);
    let met = side_by_side(&couples, suites::default_jobs(), |couple| {
        let met = meet(couple, prober, isolation);
        tell(&met.1);
        met
    });
    met.into_iter().unzip()
}

fn couples<'a>(
    subjects: &'a [Subject],
    checked: &'a [CheckedLibrary],
    runtimes: &'a [TriedRuntime],
) -> Vec<Couple<'a>> {
    let mut couples = Vec::new();
    let all: Vec<(&Subject, &CheckedLibrary)> = subjects.iter().zip(checked).collect();
    for (index, &(subject, library)) in all.iter().enumerate() {
        for framework in Framework::ALL {
            let fit = |library: &'a CheckedLibrary, runtime: Option<&str>| {
                let mut usable = library.usable();
                usable.find(|fit: &&Fit| {
                    fit.framework == framework && runtime.is_none_or(|name| fit.runtime == name)
                })
            };
            let runtime_of = |fit: &Fit| {
                let mut runtimes = runtimes.iter();
                runtimes.find(|runtime| runtime.label == fit.runtime)
            };
            if let Some(own) = fit(library, None)
                && let (Some(observed), Some(runtime)) = (&own.observed, runtime_of(own))
            {
                couples.push(Couple {
                    first: (subject, observed),
                    second: None,
                    runtime,
                    framework,
                });
            }
            for &(other, other_library) in &all[index + 1..] {
                let mut own = library.usable().filter(|fit| fit.framework == framework);
                let both = own.find_map(|own| {
                    let other = fit(other_library, Some(&own.runtime))?;
                    Some((
                        own.observed.as_ref()?,
                        other.observed.as_ref()?,
                        runtime_of(own)?,
                    ))
                });
                if let Some((observed, other_observed, runtime)) = both {
                    couples.push(Couple {
                        first: (subject, observed),
                        second: Some((other, other_observed)),
                        runtime,
                        framework,
                    });
                }
            }
        }
    }
    couples
}

fn meet(couple: &Couple<'_>, prober: &Prober, isolation: Isolation) -> (CheckedPair, CaseResult) {
    let begin = Instant::now();
    let (first, alone) = couple.first;
    let (second_label, second_ops) = match couple.second {
        Some((second, alone)) => (Some(second.label.clone()), &alone.ops),
        None => (None, &alone.ops),
    };
    let Foretold { shared, meeting } = foretell(couple.framework, &alone.ops, second_ops);
    let outline = outline(couple, isolation);
    let observed = open_both(couple, prober);
    let case = match &observed {
        Err(reason) => outline.skipped(reason.clone()),
        Ok(observed) => compared(&outline, couple.framework, &shared, meeting, observed),
    };
    let seen = observed.as_ref().ok();
    let pair = CheckedPair {
        first: first.label.clone(),
        second: second_label,
        runtime: couple.runtime.label.clone(),
        framework: couple.framework,
        case: case.id.clone(),
        shared,
        predicted: meeting,
        observed: seen.map(|observed| Meeting::of(observed.outcome)),
        message: seen
            .map(|observed| observed.message.clone())
            .unwrap_or_default(),
    };
    let duration_ms = milliseconds(begin.elapsed());
    (
        pair,
        CaseResult {
            duration_ms,
            ..case
        },
    )
}

fn outline(couple: &Couple<'_>, isolation: Isolation) -> Outline {
    let (first, _) = couple.first;
    let runtime = couple.runtime;
    let (name, description, mut reproduce) = match couple.second {
        None => (
            format!("{}+copy@{}", first.label, runtime.label),
            "The library and a copy of it under another path are opened in one process, as happens \
             where two models bring the same file.",
            again(first, &[]),
        ),
        Some((second, _)) => (
            format!("{}+{}@{}", first.label, second.label, runtime.label),
            "The two libraries are opened in one process, one after the other, as happens where \
             models share one.",
            format!(
                "{} --library '{}'",
                again(first, &[]),
                second.path().display()
            ),
        ),
    };
    reproduce.push_str(&format!(" --runtime '{}'", runtime.argument));
    Outline {
        name,
        framework: couple.framework,
        description: format!(
            "{description} What comes of it follows from what each registers alone."
        ),
        runtime: runtime.label.clone(),
        isolation,
        reproduce,
    }
}

/// What became of the second library.
fn open_both(couple: &Couple<'_>, prober: &Prober) -> Result<ProbedLibrary, String> {
    let (first, _) = couple.first;
    let scratch = tempfile::tempdir()
        .map_err(|error| format!("failed to make a folder for a copy: {error}"))?;
    let copy;
    let second: &Path = match couple.second {
        Some((second, _)) => second.path(),
        None => {
            // What the first one needs is in the process already, wherever the copy would look for it.
            let name = first.path().file_name().unwrap_or_default();
            copy = scratch.path().join(name);
            std::fs::copy(first.path(), &copy)
                .map_err(|error| format!("failed to copy '{}': {error}", first.path().display()))?;
            &copy
        }
    };
    let probe = prober
        .probe(couple.runtime, &[first.path(), second])
        .map_err(|error| error.to_string())?;
    let mut libraries = probe.libraries.into_iter();
    match (libraries.next(), libraries.next()) {
        (Some(first), Some(second)) if first.outcome == ProbeOutcome::Registered => Ok(second),
        (Some(first), _) => Err(format!(
            "the first library works alone, and now it {}: {}",
            did(first.outcome),
            first.message
        )),
        _ => Err("the record of the experiment names no library".to_owned()),
    }
}

fn compared(
    outline: &Outline,
    framework: Framework,
    shared: &[String],
    predicted: Option<Meeting>,
    observed: &ProbedLibrary,
) -> CaseResult {
    let seen = Meeting::of(observed.outcome);
    let departures = predicted
        .filter(|predicted| *predicted != seen)
        .map(|predicted| {
            format!(
                "the prediction is wrong: it says that {}, and {}; please report this",
                predicted.text(),
                seen.text()
            )
        });
    let mut message = observed.message.clone();
    if seen != Meeting::Together {
        message = format!("{message}\n{}", advice(framework));
    }
    let mut case = outline.ended(
        predicted.map(outcome),
        (outcome(seen), phase(observed.phase)),
        message.trim().to_owned(),
        departures.into_iter().collect(),
    );
    case.evidence.steps = vec![
        match shared {
            [] => "compare: they share nothing".to_owned(),
            shared => format!("compare: both register {}", shared.join(", ")),
        },
        format!(
            "predict: {}",
            predicted.map_or("what they register does not tell", Meeting::text)
        ),
        format!("open: the second library {}", did(observed.outcome)),
    ];
    case
}

/// What a server would make of models that name them, if they shared a worker.
fn outcome(meeting: Meeting) -> Outcome {
    match meeting {
        Meeting::Together => Outcome::Served,
        Meeting::Refused => Outcome::Rejected,
        Meeting::Crashed => Outcome::WorkerCrashed,
    }
}
