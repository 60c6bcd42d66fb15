//! Unload, and reload after a rebuild.

use test_ops::Sample;

use crate::arrangement::Step;
use crate::making::{APART, Definition, Draft, HEALTHY, Made, OPS, SUBJECT, TOGETHER, absence};
use crate::observation::{Outcome, Phase};

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    vec![
        unload(),
        unload_of_pinned(),
        reload_after_rebuild(),
        load_again_after_rebuild(),
    ]
}

/// The healthy model keeps the worker alive where models share one, so that it is really the
/// unload that takes the library away.
fn unload() -> Definition {
    Definition::new(
        "unload",
        "After the unload of its only model the library is gone from all processes of the server.",
        |draft| {
            let draft = draft
                .only_model_config(absence::STAYS_FOR_ALL)?
                .runs_ops()
                .subject(Sample::default())
                .healthy()
                .steps([
                    Step::Load(HEALTHY),
                    Step::Load(SUBJECT),
                    Step::Compute(SUBJECT),
                    Step::IsMapped(OPS),
                    Step::Unload(SUBJECT),
                    Step::IsUnmapped(OPS),
                    Step::IsUnknownToInference(SUBJECT),
                    Step::IsReady,
                ])
                .afterwards([Step::IsMapped(HEALTHY), Step::Compute(HEALTHY)]);
            let draft = expect_kept_by_triton(draft);
            Ok(if draft.closes_libraries() {
                draft.expect(&[], Outcome::Served, Phase::Unload, &[])
            } else {
                draft
                    .expect(&APART, Outcome::Served, Phase::Unload, &[])
                    .expect(
                        &TOGETHER,
                        Outcome::StillLoaded,
                        Phase::Unload,
                        &["{library}"],
                    )
            })
        },
    )
    .representative()
}

fn unload_of_pinned() -> Definition {
    Definition::new(
        "unload-of-library-pinned-by-unique-symbol",
        "A STB_GNU_UNIQUE symbol keeps the library mapped after dlclose: the server warns when it \
         loads it, and tells the truth after the unload.",
        |draft| {
            let draft = draft.only_model_config(absence::STAYS_FOR_ALL)?;
            let closes = draft.closes_libraries();
            let draft = draft
                .only(closes, absence::NOT_CLOSED)?
                .runs_ops()
                .subject(Sample::default().pinned())
                .healthy()
                .steps([
                    Step::Load(HEALTHY),
                    Step::Load(SUBJECT),
                    Step::LogSays(vec!["{file}".into(), "STB_GNU_UNIQUE".into()]),
                    Step::Compute(SUBJECT),
                    Step::IsMapped(OPS),
                    Step::Unload(SUBJECT),
                    Step::IsUnmapped(OPS),
                ])
                .afterwards([Step::IsReady, Step::Compute(HEALTHY)]);
            Ok(expect_kept_by_triton(draft)
                .expect(
                    &TOGETHER,
                    Outcome::StillLoaded,
                    Phase::Unload,
                    &["{library}", "still mapped", "STB_GNU_UNIQUE"],
                )
                .expect(&[], Outcome::Served, Phase::Unload, &[]))
        },
    )
}

/// Triton's ONNX Runtime keeps every op library mapped for ever.
fn expect_kept_by_triton(draft: Draft) -> Draft {
    draft.expect_of_triton_by_model(Outcome::StillLoaded, Phase::Unload, &["{library}"])
}

/// Where a framework's libraries are never closed, a rebuilt one can replace the old one only in a
/// worker of its own.
fn expect_rebuilt(draft: Draft) -> Made {
    let draft = draft.runs_ops();
    Ok(if draft.closes_libraries() {
        draft.expect(&[], Outcome::Served, Phase::FirstRun, &[])
    } else {
        draft.expect(&APART, Outcome::Served, Phase::FirstRun, &[])
    })
}

fn reload_after_rebuild() -> Definition {
    Definition::new(
        "reload-after-rebuild",
        "The library's file is replaced by another build; after unload and load the new code runs.",
        |draft| {
            let draft = draft
                .only_model_config(absence::STAYS_FOR_ALL)?
                .subject(Sample::default().with_signature(1))
                .healthy()
                .steps([
                    Step::Load(HEALTHY),
                    Step::Load(SUBJECT),
                    Step::Compute(SUBJECT),
                    Step::Replace(OPS, Sample::default().with_signature(2).into()),
                    Step::Unload(SUBJECT),
                    Step::IsUnmapped(OPS),
                    Step::Load(SUBJECT),
                    Step::Compute(SUBJECT),
                    Step::IsMapped(OPS),
                ])
                .afterwards([Step::Compute(HEALTHY)]);
            expect_rebuilt(expect_kept_by_triton(draft))
        },
    )
    .representative()
}

fn load_again_after_rebuild() -> Definition {
    Definition::new(
        "load-again-after-rebuild",
        "The library's file is replaced by another build: the model answers with the old code \
         until it is loaded again, without an unload, and with the new code from then on.",
        |draft| {
            expect_rebuilt(
                draft
                    .only_model_config(absence::STAYS_FOR_ALL)?
                    .subject(Sample::default().with_signature(1))
                    .healthy()
                    .steps([
                        Step::Load(HEALTHY),
                        Step::Load(SUBJECT),
                        Step::Compute(SUBJECT),
                        Step::Replace(OPS, Sample::default().with_signature(2).into()),
                        Step::Compute(SUBJECT),
                        Step::Load(SUBJECT),
                        Step::Compute(SUBJECT),
                    ])
                    .afterwards([Step::Compute(HEALTHY), Step::IsReady]),
            )
        },
    )
}
