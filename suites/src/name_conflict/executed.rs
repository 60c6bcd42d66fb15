//! What two arrangements come to where a GPU executes TensorRT's plugins: elsewhere they end with
//! the registration. A plan is built by the default runtime alone.

use runtimes::Framework;
use test_ops::DEFAULT_DOMAIN;

use super::arrangement::{
    Arrangement, FIRST, OTHER, SECOND, first, model_for_each, other, two_libraries, with_libraries,
};
use super::expected::{loads_and_computes, refused_together};
use crate::arrangement::Step;
use crate::making::{APART, Draft, Made, SUBJECT, VENDOR_DOMAIN, absence};
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    vec![
        other_namespace().with_default_runtime(),
        two_models().with_default_runtime(),
    ]
}

fn on_gpu(draft: Draft) -> Made {
    let takes_gpu = draft.framework() == Framework::TensorRt;
    let draft = draft.only(takes_gpu, absence::EXECUTED_ANYWHERE)?;
    Ok(draft.only_model_config(absence::OP_IS_THE_SAME)?.runs_ops())
}

fn other_namespace() -> Arrangement {
    Arrangement::new(
        "other-namespace-executed",
        "Two libraries that register plugins of the same names in other namespaces serve the same \
         model; each layer is answered by its own.",
        |draft| {
            let draft = on_gpu(draft)?;
            let (first, other) = (first(&draft), other(&draft).with_domain(VENDOR_DOMAIN));
            let model = draft
                .bias_gelu(SUBJECT)
                .with_domains(&[DEFAULT_DOMAIN, VENDOR_DOMAIN]);
            let draft = two_libraries(draft, first, other);
            let draft = loads_and_computes(with_libraries(draft, model, &[FIRST, OTHER]));
            Ok(draft.expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        },
    )
}

fn two_models() -> Arrangement {
    Arrangement::new(
        "two-models-executed",
        "The libraries of two models register the same plugin with other results.",
        |draft| {
            let draft = on_gpu(draft)?;
            let (first, other) = (first(&draft), other(&draft));
            let (subject, second) = (draft.bias_gelu(SUBJECT), draft.bias_gelu(SECOND));
            let draft = two_libraries(draft, first, other);
            let draft = loads_and_computes(model_for_each(draft, subject, second)).steps([
                Step::Load(SECOND),
                Step::Compute(SECOND),
                Step::Compute(SUBJECT),
            ]);
            Ok(refused_together(draft.expect(
                &APART,
                Outcome::Served,
                Phase::FirstRun,
                &[],
            )))
        },
    )
}
