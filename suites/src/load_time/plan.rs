//! TensorRT's plans, told from their header before TensorRT sees them, and what becomes of one where
//! there is no GPU, or another one.

use runtimes::Framework;
use test_ops::Sample;

use crate::arrangement::{PlanFile, Step};
use crate::case::Need;
use crate::making::{Definition, Draft, HEALTHY, Made, OPS, SUBJECT, absence};
use crate::observation::{Outcome, Phase};

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    vec![
        without_gpu(),
        other_version(),
        other_gpu(),
        truncated(),
        no_plan(),
    ]
}

fn only_tensorrt(draft: Draft) -> Made {
    let has_plans = draft.framework() == Framework::TensorRt;
    draft.only(has_plans, absence::IS_ABOUT_PLANS)
}

fn without_gpu() -> Definition {
    Definition::new(
        "plan-without-gpu",
        "On a machine without a GPU the library is loaded and registers, and its model is refused \
         with a sentence that says what is missing.",
        |draft| {
            Ok(only_tensorrt(draft)?
                .needs(Need::NoGpu)
                .subject(Sample::default())
                .healthy()
                .steps([Step::Load(HEALTHY), Step::Load(SUBJECT)])
                .afterwards([Step::IsNotReady, Step::Compute(HEALTHY)])
                .expect(
                    &[],
                    Outcome::Rejected,
                    Phase::Load,
                    &["model.plan", "needs a GPU", "nvidia-smi"],
                ))
        },
    )
    .representative()
}

/// A subject with a model file that is refused for what it is.
fn refused_plan(draft: Draft, file: PlanFile, texts: &[&str]) -> Made {
    Ok(only_tensorrt(draft)?
        .only_model_config("the plan is read in the same way whatever brought the library")?
        .subject(Sample::default())
        .plan_file(file)
        .healthy()
        .steps([Step::Load(HEALTHY), Step::Load(SUBJECT)])
        .afterwards([
            Step::IsNotReady,
            Step::HasState(SUBJECT, "UNAVAILABLE"),
            Step::IsUnmapped(OPS),
            Step::Compute(HEALTHY),
        ])
        .expect(&[], Outcome::Rejected, Phase::Load, texts))
}

fn other_version() -> Definition {
    Definition::new(
        "plan-of-another-version",
        "The plan was built by another version of TensorRT than the one that runs; the error names \
         both.",
        |draft| {
            refused_plan(
                draft,
                PlanFile::BuiltBy([10, 16, 1]),
                &["model.plan", "built by TensorRT 10.16.1", "runs TensorRT"],
            )
        },
    )
    .representative()
}

/// The plan is one for this GPU in which TensorRT finds another compute capability: a machine has one
/// kind of GPU, and a plan is built on the GPU that it is for. The words about the device are
/// TensorRT's own verdict, put into a sentence by the server.
fn other_gpu() -> Definition {
    Definition::new(
        "plan-for-another-gpu",
        "The plan was built for a GPU of another compute capability than the one here; the error names \
         both, and how to build the plan here.",
        |draft| {
            refused_plan(
                draft.runs_ops(),
                PlanFile::ForAnotherGpu,
                &[
                    "model.plan",
                    "was built for a GPU of compute capability 6.",
                    "the GPU here has",
                    "harness build-plans",
                ],
            )
        },
    )
}

fn truncated() -> Definition {
    Definition::new("plan-truncated", "The plan's end is missing.", |draft| {
        refused_plan(
            draft,
            PlanFile::Truncated,
            &["model.plan", "truncated", "copy or build it again"],
        )
    })
    .representative()
}

fn no_plan() -> Definition {
    Definition::new(
        "plan-is-none",
        "The file named model.plan is something else.",
        |draft| refused_plan(draft, PlanFile::NoPlan, &["model.plan", "no TensorRT plan"]),
    )
}
