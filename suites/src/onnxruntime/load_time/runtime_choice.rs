//! Which of several installed runtimes serves a model.

use runtimes::{Framework, RuntimeName, Version};
use test_ops::{Fault, Sample};

use super::draft::{Draft, HEALTHY, SUBJECT};
use crate::arrangement::Step;
use crate::case::Case;
use crate::observation::{Outcome, Phase};

const NEWER: RuntimeName = RuntimeName::new(Framework::OnnxRuntime, Version::new(1, 32, 0));
const OLDER: RuntimeName = RuntimeName::new(Framework::OnnxRuntime, Version::new(1, 27, 0));
/// An API level that the newer one offers and the older one does not.
const API_OF_NEWER: u32 = 30;
/// A runtime that nobody has.
const UNKNOWN: &str = "onnxruntime-9.9.9";

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        named_by_model(),
        unknown(),
        chosen_by_fit(),
        chosen_after_crash(),
        named_is_kept(),
        strict(),
    ]
}

fn named_by_model() -> Case {
    Draft::new(
        "runtime-named-by-model",
        "A model that names an installed runtime is served by it, beside another model on the \
         default runtime.",
    )
    .subject(Sample::default())
    .parameter("runtime", OLDER.to_string())
    .healthy()
    .launch(|launch| launch.default_runtime = Some(NEWER))
    .needs(NEWER)
    .needs(OLDER)
    .steps([
        Step::Load(SUBJECT),
        Step::Load(HEALTHY),
        Step::RunsOn(SUBJECT, OLDER),
        Step::RunsOn(HEALTHY, NEWER),
        Step::Compute(SUBJECT),
        Step::Compute(HEALTHY),
    ])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

fn unknown() -> Case {
    Draft::new(
        "runtime-unknown",
        "A model that names a runtime which is not installed is refused; the error lists those \
         that are.",
    )
    .subject(Sample::default())
    .parameter("runtime", UNKNOWN)
    .healthy()
    .steps([Step::Load(HEALTHY), Step::Load(SUBJECT)])
    .afterwards([
        Step::IsNotReady,
        Step::HasState(SUBJECT, "UNAVAILABLE"),
        Step::Compute(HEALTHY),
    ])
    .expect(
        &[],
        Outcome::Rejected,
        Phase::Load,
        &[UNKNOWN, "not installed", "{runtime}"],
    )
    .build()
}

fn newer_library_on_older_default(name: &str, description: &str) -> Draft {
    on_older_default(Draft::new(name, description).subject(newer_library()))
}

fn newer_library() -> Sample {
    Sample::default().with_api_level(API_OF_NEWER)
}

fn on_older_default(draft: Draft) -> Draft {
    draft
        .healthy()
        .launch(|launch| launch.default_runtime = Some(OLDER))
        .needs(NEWER)
        .needs(OLDER)
        .steps([Step::Load(HEALTHY), Step::Load(SUBJECT)])
}

fn chosen_by_fit() -> Case {
    newer_library_on_older_default(
        "runtime-chosen-by-fit",
        "A library that fits only another installed runtime than the default is served by that \
         one; log and configuration say so.",
    )
    .steps([
        Step::RunsOn(SUBJECT, NEWER),
        Step::RunsOn(HEALTHY, OLDER),
        Step::LogSays(&[SUBJECT, "onnxruntime-1.32.0"]),
        Step::Compute(SUBJECT),
        Step::Compute(HEALTHY),
    ])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

fn chosen_after_crash() -> Case {
    on_older_default(
        Draft::new(
            "runtime-chosen-after-crash",
            "A library that crashes because the default runtime refuses it an API level is served \
             by the installed one that offers the level.",
        )
        .subject(newer_library().with_fault(Fault::UncheckedApi)),
    )
    .steps([
        Step::RunsOn(SUBJECT, NEWER),
        Step::Compute(SUBJECT),
        // Where models share a worker, it is a new one now.
        Step::AwaitAnswer(HEALTHY),
        Step::RunsOn(HEALTHY, OLDER),
    ])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

fn named_is_kept() -> Case {
    on_older_default(
        Draft::new(
            "runtime-named-is-kept",
            "A library that does not fit the runtime which its model names is refused, although \
             another one would do; the error names that one.",
        )
        .subject(newer_library())
        .parameter("runtime", OLDER.to_string()),
    )
    .afterwards([Step::IsNotReady, Step::Compute(HEALTHY)])
    .expect(
        &[],
        Outcome::Rejected,
        Phase::Register,
        &[
            "{library}",
            "API level 30",
            "ONNX Runtime 1.27.0",
            "onnxruntime-1.32.0 is installed",
        ],
    )
    .build()
}

fn strict() -> Case {
    newer_library_on_older_default(
        "runtime-select-strict",
        "With --runtime-select=strict a library that does not fit the default runtime is refused; \
         the error names the runtime that it fits.",
    )
    .launch(|launch| launch.strict_runtime = true)
    .afterwards([Step::IsNotReady, Step::Compute(HEALTHY)])
    .expect(
        &[],
        Outcome::Rejected,
        Phase::Register,
        &[
            "{library}",
            "API level 30",
            "ONNX Runtime 1.27.0",
            "onnxruntime-1.32.0 is installed",
            "--runtime-select auto",
        ],
    )
    .build()
}
