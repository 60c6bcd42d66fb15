//! Two libraries that register the same ops.

use runtimes::Framework;
use test_ops::{DEFAULT_DOMAIN, Op, Sample};

use crate::arrangement::{Place, Route, Spelling, Step};
use crate::making::{APART, Definition, OPS, SUBJECT, TOGETHER, absence};
use crate::observation::{Outcome, Phase};

/// The model with the other library.
const SECOND: &str = "second";
/// The other library.
const OTHER: &str = "other";

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    vec![side_by_side(), given_to_all(), launch_against_model()]
}

fn sample(signature: u8) -> Sample {
    Sample::default().with_signature(signature)
}

fn side_by_side() -> Definition {
    Definition::new(
        "two-builds-for-two-models",
        "Two libraries that register the same op with different results serve two models at the \
         same time; each model is answered by its own library.",
        |draft| {
            let draft = draft
                .only_model_config("see same-op-given-to-all-models")?
                .runs_ops();
            let second = draft.bias_gelu(SECOND);
            let per_session = draft.framework() == Framework::OnnxRuntime;
            let draft = draft
                .subject(sample(1))
                .library(OTHER, sample(2), Place::Root)
                .model(second, &[(OTHER, Spelling::Absolute)])
                .steps([
                    Step::Load(SUBJECT),
                    Step::Load(SECOND),
                    Step::AreIsolated(SUBJECT, SECOND),
                    Step::Compute(SECOND),
                    Step::Compute(SUBJECT),
                    Step::Compute(SECOND),
                ]);
            let (outcome, phase, text) = match draft.framework() {
                // The dispatcher aborts the process that registers a namespace twice.
                Framework::PyTorch => (
                    Outcome::WorkerCrashed,
                    Phase::Dlopen,
                    "Only a single TORCH_LIBRARY",
                ),
                _ => (Outcome::Rejected, Phase::Register, "BiasGelu"),
            };
            let draft = match draft.framework() {
                // The second library is taken, and then no session finds a single kernel.
                Framework::TensorFlow => draft.expect_of_triton(
                    Outcome::Rejected,
                    Phase::FirstRun,
                    &["Multiple OpKernel registrations match"],
                ),
                _ => draft.expect_of_triton_by_model(Outcome::Served, Phase::FirstRun, &[]),
            };
            Ok(if per_session {
                draft.expect(&[], Outcome::Served, Phase::FirstRun, &[])
            } else {
                // Sharing a process is what makes them collide.
                draft
                    .expect(&APART, Outcome::Served, Phase::FirstRun, &[])
                    .expect(&TOGETHER, outcome, phase, &["{second}", text])
            })
        },
    )
    .representative()
}

fn given_to_all() -> Definition {
    Definition::new(
        "same-op-given-to-all-models",
        "Two libraries that register the same op are given to all models: the server refuses to \
         start, names both and says what to do. In LD_PRELOAD, PyTorch's end the process before it \
         begins.",
        |draft| {
            let draft = draft.only_launch("see two-builds-for-two-models")?;
            // The dispatcher takes a namespace once; the others register later, or not by themselves.
            let aborts_in_loader =
                draft.framework() == Framework::PyTorch && draft.route() == Route::Environment;
            let model = draft.bias_gelu(SUBJECT);
            let draft = draft
                .library(OPS, sample(1), Place::Root)
                .library(OTHER, sample(2), Place::Root)
                .model_with(model, &[OPS, OTHER])
                .loads_at_start()
                .steps([Step::IsReady]);
            let draft = match draft.framework() {
                Framework::PyTorch => draft.expect_of_triton_by_loader(
                    Outcome::Aborted,
                    Phase::Preload,
                    &["signal 6", "Only a single TORCH_LIBRARY"],
                ),
                // It registers when the backend is opened, and that is before the server is up.
                Framework::TensorFlow => draft.expect_of_triton_by_loader(
                    Outcome::Aborted,
                    Phase::Preload,
                    &["signal 6", "ALREADY_EXISTS"],
                ),
                Framework::OnnxRuntime | Framework::TensorRt => draft,
            };
            Ok(if aborts_in_loader {
                draft.expect(&APART, Outcome::Aborted, Phase::Preload, &["signal 6"])
            } else {
                draft.expect(
                    &APART,
                    Outcome::RefusedStart,
                    Phase::Register,
                    &["{library}", "{second}", "model_operations"],
                )
            })
        },
    )
    .representative()
}

fn launch_against_model() -> Definition {
    Definition::new(
        "same-op-at-launch-and-in-model",
        "A model names a library that registers the same op as one that is given to all models: \
         the model is refused, and the error names both.",
        |draft| {
            let once = draft.route() == Route::BackendConfig;
            let draft = draft
                .only_launch(absence::ONLY_GIVEN_TO_ALL)?
                .only(once, absence::SEVERAL_TOGETHER)?;
            let model = draft.bias_gelu(SUBJECT);
            let op = draft.op_name(DEFAULT_DOMAIN, Op::BiasGelu);
            let op = op.rsplit("::").next().unwrap_or(&op).to_owned();
            Ok(draft
                .library(OPS, sample(1), Place::Root)
                .library(OTHER, sample(2), Place::Root)
                .launch_library(OPS, Spelling::Absolute)
                .model(model, &[(OTHER, Spelling::Absolute)])
                .steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .afterwards([Step::IsLive, Step::HasState(SUBJECT, "UNAVAILABLE")])
                .expect(
                    &APART,
                    Outcome::Rejected,
                    Phase::Register,
                    &["{library}", "{second}", &op, "model_operations"],
                ))
        },
    )
}
