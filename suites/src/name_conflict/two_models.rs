//! Two models on one server, each with a library of its own, which collide.

use runtimes::Framework;
use test_ops::{DataType, Op};

use super::arrangement::{Arrangement, Order, SECOND, sample, two_libraries, two_models};
use crate::arrangement::Step;
use crate::making::{Draft, Made, SUBJECT, absence};
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    let mut all = Vec::new();
    all.push(Arrangement::new("two-models-identical-copy", "copies", |draft| {
        let draft = draft.only_model_config(absence::GIVEN_TO_ALL)?;
        let (a, b) = (draft.bias_gelu(SUBJECT), draft.bias_gelu(SECOND));
        let draft = two_libraries(draft, sample(1), sample(1));
        both(two_models(draft, a, b), Order::Plain)
    }));
    all.extend(Arrangement::in_both_orders("two-models-same-op", "same op", |draft, order| {
        let draft = draft.only_model_config(absence::GIVEN_TO_ALL)?;
        let (a, b) = (draft.bias_gelu(SUBJECT), draft.bias_gelu(SECOND));
        let draft = two_libraries(draft, sample(1), sample(2));
        both(two_models(draft, a, b), order)
    }));
    all.extend(Arrangement::in_both_orders("two-models-other-signature", "other sig", |draft, order| {
        let draft = draft.only_model_config(absence::GIVEN_TO_ALL)?;
        let has = draft.framework() != Framework::TensorRt;
        let draft = draft.only(has, "TensorRT's registry knows no inputs")?;
        let (a, b) = (draft.bias_gelu(SUBJECT), draft.bias_gelu(SECOND).without_bias());
        let draft = two_libraries(draft, sample(1), sample(2).without_bias());
        both(two_models(draft, a, b), order)
    }));
    all.push(Arrangement::new("two-models-same-namespace", "same ns", |draft| {
        let draft = draft.only_model_config(absence::GIVEN_TO_ALL)?;
        let has = draft.framework() != Framework::TensorFlow;
        let draft = draft.only(has, "TensorFlow's ops have no namespaces")?;
        let (a, b) = (draft.bias_gelu(SUBJECT), draft.model_of(SECOND, Op::RmsNorm, DataType::Fp32));
        let draft = two_libraries(draft, sample(1).with_ops(&[Op::BiasGelu]), sample(2).with_ops(&[Op::RmsNorm]));
        both(two_models(draft, a, b), Order::Plain)
    }));
    all
}

fn both(draft: Draft, order: Order) -> Made {
    let [one, two] = order.of(SUBJECT, SECOND);
    Ok(draft
        .steps([Step::Load(one), Step::Compute(one), Step::Load(two), Step::Compute(two), Step::Compute(one)])
        .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
}
