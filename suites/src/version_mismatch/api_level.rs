//! Levels of ONNX Runtime's C interface below and above what a runtime offers; the level itself is that
//! of the library built for it.

use runtimes::RuntimeName;
use test_ops::{Fault, Sample};

use super::built_for::{api_level, title};
use super::refusal;
use crate::compatibility::Fit;
use crate::making::{Definition, absence};
use crate::observation::{Outcome, Phase};

/// The level of the oldest release whose functions the sample library gets by with.
const OLD_LEVEL: u32 = 17;

/// The definitions.
pub fn definitions(runtimes: &[RuntimeName]) -> Vec<Definition> {
    runtimes
        .iter()
        .flat_map(|&runtime| [below(runtime), above(runtime), unchecked(runtime)])
        .collect()
}

fn below(runtime: RuntimeName) -> Definition {
    Definition::new(
        "api-level-below",
        format!(
            "A library for level {OLD_LEVEL} of the C interface runs on {}.",
            title(runtime)
        ),
        move |draft| {
            let draft = draft.only_onnxruntime(absence::NO_API_LEVELS)?;
            let draft = draft.subject(Sample::default().with_api_level(OLD_LEVEL));
            Ok(refusal::on(draft, runtime, Fit::Registers))
        },
    )
}

fn above(runtime: RuntimeName) -> Definition {
    let level = api_level(runtime) + 1;
    Definition::new(
        "api-level-above",
        format!(
            "A library asks for level {level} of the C interface, one above the highest of {}, and \
             reports that it is not there.",
            title(runtime)
        ),
        move |draft| {
            let draft = draft.only_onnxruntime(absence::NO_API_LEVELS)?;
            let draft = draft.subject(Sample::default().with_api_level(level));
            Ok(refusal::after_trial(
                draft,
                runtime,
                Outcome::Rejected,
                Phase::Register,
                &["{library}", &format!("API level {level}"), "offers at most"],
            ))
        },
    )
}

fn unchecked(runtime: RuntimeName) -> Definition {
    let level = api_level(runtime) + 1;
    Definition::new(
        "api-level-above-unchecked",
        format!(
            "A library asks for level {level} of the C interface, one above the highest of {}, and \
             uses the answer without a look at it: the worker dies, and the error says why.",
            title(runtime)
        ),
        move |draft| {
            let draft = draft.only_onnxruntime(absence::NO_API_LEVELS)?;
            let sample = Sample::default()
                .with_api_level(level)
                .with_fault(Fault::UncheckedApi);
            Ok(refusal::after_trial(
                draft.subject(sample),
                runtime,
                Outcome::WorkerCrashed,
                Phase::Register,
                &[
                    "{library}",
                    "signal 11 (SIGSEGV)",
                    &format!("level {level}"),
                ],
            ))
        },
    )
}
