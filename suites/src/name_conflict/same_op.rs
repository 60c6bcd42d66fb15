//! Two libraries that register the same op, both for the same models.

use super::arrangement::{Arrangement, OTHER, FIRST, sample, subject_with_both, two_libraries, with_libraries, SECOND, Order};
use crate::arrangement::Step;
use crate::making::{Draft, Made, SUBJECT, APART, absence};
use crate::observation::{Outcome, Phase};
use runtimes::Framework;

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    let mut all = Vec::new();
    let [a, b] = Arrangement::in_both_orders(
        "same-op",
        "Two libraries register the same op with the same signature and other results.",
        |draft, order| {
            let draft = two_libraries(draft, sample(1), sample(2));
            expect_refused(subject_with_both(draft, order).steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)]))
        },
    );
    all.extend([a.representative(), b]);
    all.extend(Arrangement::in_both_orders(
        "other-signature",
        "Two libraries register an op of the same name with other inputs.",
        |draft, order: Order| {
            let has = draft.framework() != Framework::TensorRt;
            let draft = draft.only(has, "TensorRT's registry knows no inputs")?;
            let draft = two_libraries(draft, sample(1), sample(2).without_bias());
            let second = draft.bias_gelu(SECOND).without_bias();
            let draft = subject_with_both(draft, order);
            let libraries = order.of(FIRST, OTHER);
            let draft = if draft.route().is_launch() { draft.model(second, &[]) } else { with_libraries(draft, second, &libraries) };
            expect_refused(draft.answered_by(OTHER).steps([Step::Load(SUBJECT), Step::Compute(SUBJECT), Step::Load(SECOND), Step::Compute(SECOND)]))
        },
    ));
    let _ = absence::GIVEN_TO_ALL;
    all
}

/// Nobody can tell which of the two is meant.
fn expect_refused(draft: Draft) -> Made {
    let refusal = if draft.route().is_launch() { Outcome::RefusedStart } else { Outcome::Rejected };
    let both: [&str; 3] = ["{library}", "{second}", "model_operations"];
    Ok(draft
        .expect(&APART, refusal, Phase::Register, &both)
        .expect(&[], refusal, Phase::Register, &both[..2]))
}
