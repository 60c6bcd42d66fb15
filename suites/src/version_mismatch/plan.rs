//! Plans that another version of TensorRT built.

use runtimes::{Framework, RuntimeName};
use test_ops::Sample;

use super::built_for::title;
use crate::arrangement::{PlanFile, Step};
use crate::making::{Definition, SUBJECT, absence};
use crate::observation::{Outcome, Phase};

/// The first version that reads plans which older ones built to be compatible: there it takes a GPU
/// to tell.
const READS_OLDER: u32 = 10;

/// The definitions: each pair of `runtimes` of which the second cannot read what the first built.
pub fn definitions(runtimes: &[RuntimeName]) -> Vec<Definition> {
    let pairs = runtimes
        .iter()
        .flat_map(|&built_by| runtimes.iter().map(move |&runtime| (built_by, runtime)));
    pairs
        .filter(|(built_by, runtime)| {
            built_by != runtime
                && (runtime.version.major() < READS_OLDER || built_by.version > runtime.version)
        })
        .map(|(built_by, runtime)| definition(built_by, runtime))
        .collect()
}

fn definition(built_by: RuntimeName, runtime: RuntimeName) -> Definition {
    Definition::new(
        format!("plan-of-{}", built_by.version),
        format!(
            "A plan that {} built is refused by {}; the error names both.",
            title(built_by),
            title(runtime)
        ),
        move |draft| {
            let has_plans = draft.framework() == Framework::TensorRt;
            let draft = draft.only(has_plans, absence::IS_ABOUT_PLANS)?;
            let version = built_by.version;
            // TensorRT's own version numbers stay below 256.
            let numbers = [version.major(), version.minor(), version.patch()]
                .map(|number| u8::try_from(number).unwrap_or(u8::MAX));
            let text = numbers.map(|number| number.to_string()).join(".");
            Ok(draft
                .subject(Sample::default())
                .built_for(runtime)
                .plan_file(PlanFile::BuiltBy(numbers))
                .on_runtime(runtime)
                .launch(|launch| launch.strict_runtime = true)
                .steps([Step::Load(SUBJECT)])
                .afterwards([Step::IsNotReady, Step::HasState(SUBJECT, "UNAVAILABLE")])
                .expect(
                    &[],
                    Outcome::Rejected,
                    Phase::Load,
                    &[
                        "model.plan",
                        &format!("built by TensorRT {text}"),
                        "runs TensorRT",
                    ],
                ))
        },
    )
}
