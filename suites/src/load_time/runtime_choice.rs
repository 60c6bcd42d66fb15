//! Which of several installed runtimes serves a model.

use runtimes::{Catalog, Framework, RuntimeName, Version};
use test_ops::{Content, Fault, Sample};

use crate::arrangement::Step;
use crate::making::{Absence, Definition, Draft, HEALTHY, SUBJECT, absence};
use crate::observation::{Outcome, Phase};

/// An API level that the newer ONNX Runtime offers and the older one does not.
const API_OF_NEWER: u32 = 30;
/// A version that nobody has.
const UNKNOWN: Version = Version::new(9, 9, 9);

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    vec![
        named_by_model(),
        unknown(),
        chosen_by_fit(),
        chosen_after_crash(),
        named_is_kept(),
        strict(),
    ]
}

/// The runtimes that a framework's cases choose between.
#[derive(Clone, Copy)]
struct Choice {
    /// The default of the case's server.
    default: RuntimeName,
    /// The other one, which the library of [`fits_other`] needs.
    other: RuntimeName,
}

/// The choice of the draft's framework.
fn choice(draft: &Draft) -> Result<Choice, Absence> {
    let mut names = Catalog::builtin()
        .of(draft.framework())
        .map(|entry| entry.name());
    let (Some(first), Some(second)) = (names.next(), names.next()) else {
        return Err(Absence("the catalogue has one release of the framework"));
    };
    Ok(match draft.framework() {
        // A newer interface is what an older release lacks.
        Framework::OnnxRuntime | Framework::PyTorch => Choice {
            default: second,
            other: first,
        },
        _ => Choice {
            default: first,
            other: second,
        },
    })
}

/// A draft whose server has the default runtime of its choice, and both installed.
fn choosing(draft: Draft) -> Result<(Draft, Choice), Absence> {
    let draft = draft.only_model_config(absence::LAUNCH_IS_FOR_DEFAULT)?;
    let choice = choice(&draft)?;
    let draft = draft
        .runs_ops()
        .needs_runtimes([choice.default, choice.other])
        .launch(|launch| launch.default_runtime = Some(choice.default));
    Ok((draft, choice))
}

fn named_by_model() -> Definition {
    Definition::new(
        "runtime-named-by-model",
        "A model that names an installed runtime is served by it, beside another model on the \
         default runtime.",
        |draft| {
            let draft = draft.only_model_config(absence::LAUNCH_IS_FOR_DEFAULT)?;
            let several = draft.framework() != Framework::TensorRt;
            let draft = draft.only(
                several,
                "a plan runs with the release that built it: see plan-of-another-version",
            )?;
            let (draft, Choice { default, other }) = choosing(draft)?;
            let draft = draft
                .subject(Sample::default())
                .built_for(other)
                .parameter("runtime", other.to_string())
                .healthy();
            Ok(draft
                .steps([
                    Step::Load(SUBJECT),
                    Step::Load(HEALTHY),
                    Step::RunsOn(SUBJECT, other),
                ])
                .steps([
                    Step::RunsOn(HEALTHY, default),
                    Step::Compute(SUBJECT),
                    Step::Compute(HEALTHY),
                ])
                .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        },
    )
}

fn unknown() -> Definition {
    Definition::new(
        "runtime-unknown",
        "A model that names a runtime which is not installed is refused; the error lists those \
         that are.",
        |draft| {
            let draft = draft.only_model_config(absence::OP_IS_THE_SAME)?;
            let unknown = RuntimeName::new(draft.framework(), UNKNOWN).to_string();
            Ok(draft
                .subject(Sample::default())
                .parameter("runtime", unknown.clone())
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
                    &[&unknown, "not installed", "{runtime}"],
                ))
        },
    )
}

/// A subject whose library fits only the other runtime.
fn fits_other(draft: Draft, choice: Choice) -> Draft {
    match draft.framework() {
        Framework::OnnxRuntime => draft.subject(newer_library()),
        _ => draft.subject(Sample::default()).built_for(choice.other),
    }
}

fn newer_library() -> Sample {
    Sample::default().with_api_level(API_OF_NEWER)
}

/// What an error says about a library that does not fit the default runtime.
fn mismatch(draft: &Draft, choice: Choice) -> (Phase, Vec<String>) {
    let is_installed = format!("{} is installed", choice.other);
    match draft.framework() {
        Framework::OnnxRuntime => (
            Phase::Register,
            vec![
                "API level 30".to_owned(),
                format!("ONNX Runtime {}", choice.default.version),
                is_installed,
            ],
        ),
        _ => (
            Phase::Dlopen,
            vec!["undefined symbol".to_owned(), choice.other.to_string()],
        ),
    }
}

fn healthy_beside(draft: Draft) -> Draft {
    draft
        .healthy()
        .steps([Step::Load(HEALTHY), Step::Load(SUBJECT)])
}

fn has_versions(draft: Draft) -> Result<Draft, Absence> {
    let several = draft.framework() != Framework::TensorRt;
    draft.only(several, absence::ONE_INTERFACE)
}

fn chosen_by_fit() -> Definition {
    Definition::new(
        "runtime-chosen-by-fit",
        "A library that fits only another installed runtime than the default is served by that \
         one; log and configuration say so.",
        |draft| {
            let (draft, choice) = choosing(has_versions(draft)?)?;
            Ok(healthy_beside(fits_other(draft, choice))
                .steps([
                    Step::RunsOn(SUBJECT, choice.other),
                    Step::RunsOn(HEALTHY, choice.default),
                    Step::LogSays(vec![SUBJECT.into(), choice.other.to_string()]),
                    Step::Compute(SUBJECT),
                    Step::Compute(HEALTHY),
                ])
                .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        },
    )
}

fn chosen_after_crash() -> Definition {
    Definition::new(
        "runtime-chosen-after-crash",
        "A library that crashes because the default runtime refuses it an API level is served by \
         the installed one that offers the level.",
        |draft| {
            let draft = draft.only_onnxruntime(absence::NO_API_LEVELS)?;
            let (draft, choice) = choosing(draft)?;
            let content: Content = newer_library().with_fault(Fault::UncheckedApi).into();
            Ok(healthy_beside(draft.subject(content))
                .steps([
                    Step::RunsOn(SUBJECT, choice.other),
                    Step::Compute(SUBJECT),
                    // Where models share a worker, it is a new one now.
                    Step::AwaitAnswer(HEALTHY),
                    Step::RunsOn(HEALTHY, choice.default),
                ])
                .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        },
    )
}

fn named_is_kept() -> Definition {
    Definition::new(
        "runtime-named-is-kept",
        "A library that does not fit the runtime which its model names is refused, although \
         another one would do; the error names that one.",
        |draft| {
            let (draft, choice) = choosing(has_versions(draft)?)?;
            let (phase, texts) = mismatch(&draft, choice);
            let texts: Vec<&str> = std::iter::once("{library}")
                .chain(texts.iter().map(String::as_str))
                .collect();
            Ok(healthy_beside(
                fits_other(draft, choice).parameter("runtime", choice.default.to_string()),
            )
            .afterwards([Step::IsNotReady, Step::Compute(HEALTHY)])
            .expect(&[], Outcome::Rejected, phase, &texts))
        },
    )
}

fn strict() -> Definition {
    Definition::new(
        "runtime-select-strict",
        "With --runtime-select=strict a library that does not fit the default runtime is refused; \
         the error names the runtime that it fits.",
        |draft| {
            let (draft, choice) = choosing(has_versions(draft)?)?;
            let (phase, texts) = mismatch(&draft, choice);
            let texts: Vec<&str> = ["{library}", "--runtime-select auto"]
                .into_iter()
                .chain(texts.iter().map(String::as_str))
                .collect();
            Ok(healthy_beside(fits_other(draft, choice))
                .launch(|launch| launch.strict_runtime = true)
                .afterwards([Step::IsNotReady, Step::Compute(HEALTHY)])
                .expect(&[], Outcome::Rejected, phase, &texts))
        },
    )
}
