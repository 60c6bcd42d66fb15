//! Levels of ONNX Runtime's C interface below and above what a runtime offers; the level itself is that
//! of the library built for it.

use runtimes::RuntimeName;
use test_ops::{Fault, Sample};

use super::built_for::{api_level, title};
use super::refusal;
use crate::compatibility::Fit;
use crate::making::{Definition, absence};

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
            let draft = draft.subject(Sample::default().compiled_for_level(OLD_LEVEL));
            Ok(refusal::on(draft, runtime, Fit::Registers))
        },
    )
}

fn above(runtime: RuntimeName) -> Definition {
    let level = api_level(runtime) + 1;
    refused(
        "api-level-above",
        level,
        format!(
            "A library asks for level {level} of the C interface, one above the highest of {}, and \
             would report that it is not there.",
            title(runtime)
        ),
        runtime,
        Sample::default(),
    )
}

fn unchecked(runtime: RuntimeName) -> Definition {
    let level = api_level(runtime) + 1;
    refused(
        "api-level-above-unchecked",
        level,
        format!(
            "A library asks for level {level} of the C interface, one above the highest of {}, and \
             uses the answer without a look at it: in a trial the worker dies, and the server does \
             not let it come to that.",
            title(runtime)
        ),
        runtime,
        Sample::default().with_fault(Fault::UncheckedApi),
    )
}

fn refused(
    name: &str,
    level: u32,
    description: String,
    runtime: RuntimeName,
    sample: Sample,
) -> Definition {
    Definition::new(name, description, move |draft| {
        let draft = draft.only_onnxruntime(absence::NO_API_LEVELS)?;
        let draft = draft.subject(sample.clone().compiled_for_level(level));
        Ok(refusal::told(
            draft,
            runtime,
            &[&format!("API level {level}")],
        ))
    })
}
