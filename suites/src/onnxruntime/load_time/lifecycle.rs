//! Unload, and reload after a rebuild.

use test_ops::Sample;

use super::draft::{Draft, HEALTHY, OPS, SUBJECT, TOGETHER};
use crate::arrangement::Step;
use crate::case::Case;
use crate::observation::{Outcome, Phase};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        unload(),
        unload_of_pinned(),
        reload_after_rebuild(),
        load_again_after_rebuild(),
    ]
}

/// The healthy model keeps the worker alive where models share one, so that it is really the
/// unload that takes the library away.
fn unload() -> Case {
    Draft::new(
        "unload",
        "After the unload of its only model the library is gone from all processes of the server.",
    )
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
    .afterwards([Step::IsMapped(HEALTHY), Step::Compute(HEALTHY)])
    .expect(&[], Outcome::Served, Phase::Unload, &[])
    .build()
}

fn unload_of_pinned() -> Case {
    Draft::new(
        "unload-of-library-pinned-by-unique-symbol",
        "A STB_GNU_UNIQUE symbol keeps the library mapped after dlclose: the server warns when it \
         loads it, and tells the truth after the unload.",
    )
    .subject(Sample::default().pinned())
    .healthy()
    .steps([
        Step::Load(HEALTHY),
        Step::Load(SUBJECT),
        Step::LogSays(&["{file}", "STB_GNU_UNIQUE"]),
        Step::Compute(SUBJECT),
        Step::IsMapped(OPS),
        Step::Unload(SUBJECT),
        Step::IsUnmapped(OPS),
    ])
    .afterwards([Step::IsReady, Step::Compute(HEALTHY)])
    .expect(
        &TOGETHER,
        Outcome::StillLoaded,
        Phase::Unload,
        &["{library}", "still mapped", "STB_GNU_UNIQUE"],
    )
    .expect(&[], Outcome::Served, Phase::Unload, &[])
    .build()
}

fn reload_after_rebuild() -> Case {
    Draft::new(
        "reload-after-rebuild",
        "The library's file is replaced by another build; after unload and load the new code runs.",
    )
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
    .afterwards([Step::Compute(HEALTHY)])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

fn load_again_after_rebuild() -> Case {
    Draft::new(
        "load-again-after-rebuild",
        "The library's file is replaced by another build: the model answers with the old code \
         until it is loaded again, without an unload, and with the new code from then on.",
    )
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
    .afterwards([Step::Compute(HEALTHY), Step::IsReady])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}
