//! Which models have the ops of a library: all of the framework, those of a worker, or one.

use runtimes::Framework;
use test_ops::{DEFAULT_DOMAIN, DataType, Op, Sample};

use crate::arrangement::{Place, Route, Spelling, Step};
use crate::making::{APART, Definition, OPS, SUBJECT, VENDOR_DOMAIN, absence};
use crate::observation::{Outcome, Phase};

/// A second model.
const SECOND: &str = "second";
/// A second library.
const VENDOR: &str = "vendor";

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    vec![all_models(), of_another_model(), launch_and_model()]
}

fn all_models() -> Definition {
    Definition::new(
        "available-to-all-models",
        "A library that is given at launch serves models that do not name it, and only the \
         framework's worker has it mapped.",
        |draft| {
            let draft = draft.only_launch(absence::ONLY_GIVEN_TO_ALL)?;
            let second = draft.model_of(SECOND, Op::RmsNorm, DataType::Fp32);
            Ok(draft
                .subject(Sample::default().with_signature(1))
                .model(second, &[])
                .steps([
                    Step::Load(SUBJECT),
                    Step::Load(SECOND),
                    Step::AreIsolated(SUBJECT, SECOND),
                    Step::Compute(SUBJECT),
                    Step::Compute(SECOND),
                    Step::Unload(SUBJECT),
                    Step::IsMapped(OPS),
                    Step::Compute(SECOND),
                ])
                .expect_served(Phase::FirstRun))
        },
    )
    .representative()
}

fn of_another_model() -> Definition {
    Definition::new(
        "library-of-another-model",
        "A model needs the op that another model's library provides. In a worker of both it has \
         it, as in Triton, except in ONNX Runtime; in workers of their own it is refused with the \
         library that has the op.",
        |draft| {
            let draft = draft.only_model_config(absence::GIVEN_TO_ALL)?.runs_ops();
            let second = draft.bias_gelu(SECOND);
            let op = draft.op_name(DEFAULT_DOMAIN, Op::BiasGelu);
            let per_session = draft.framework() == Framework::OnnxRuntime;
            let refused: [&str; 3] = [&op, "{library}", "op_library_filename"];
            let draft = draft
                .subject(Sample::default().with_signature(1))
                .model(second, &[])
                .borrows(OPS)
                .steps([
                    Step::Load(SUBJECT),
                    Step::Load(SECOND),
                    Step::Compute(SECOND),
                    Step::Compute(SUBJECT),
                ]);
            Ok(if per_session {
                draft.expect(&[], Outcome::Rejected, Phase::Load, &refused)
            } else {
                draft
                    .expect(&APART, Outcome::Rejected, Phase::Load, &refused)
                    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
            })
        },
    )
}

fn launch_and_model() -> Definition {
    Definition::new(
        "libraries-of-launch-and-model",
        "One model uses a library that was given at launch and one that its configuration names; \
         each node is answered by its own library.",
        |draft| {
            let draft = draft.only_launch(absence::ONLY_GIVEN_TO_ALL)?;
            let once = draft.route() == Route::BackendConfig;
            let draft = draft.only(once, absence::SEVERAL_TOGETHER)?;
            let model = draft
                .bias_gelu(SUBJECT)
                .with_domains(&[DEFAULT_DOMAIN, VENDOR_DOMAIN]);
            let sample = |signature| Sample::default().with_signature(signature);
            Ok(draft
                .library(OPS, sample(1), Place::Root)
                .library(VENDOR, sample(2).with_domain(VENDOR_DOMAIN), Place::Root)
                .launch_library(OPS, Spelling::Absolute)
                .model(model, &[(VENDOR, Spelling::Absolute)])
                .steps([
                    Step::Load(SUBJECT),
                    Step::Compute(SUBJECT),
                    Step::IsMapped(OPS),
                    Step::IsMapped(VENDOR),
                ])
                .expect_served(Phase::FirstRun))
        },
    )
}
