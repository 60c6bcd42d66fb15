//! A library that brings kernels for an op of another library.

use runtimes::Framework;
use test_ops::Op;

use super::arrangement::{Arrangement, sample, subject_with_both, two_libraries};
use crate::arrangement::Step;
use crate::making::SUBJECT;
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    Arrangement::in_both_orders(
        "kernel-override",
        "A library brings a kernel for an op that another library defines with its own.",
        |draft, order| {
            let has = matches!(draft.framework(), Framework::PyTorch | Framework::TensorFlow);
            let draft = draft.only(has, "an op is registered together with its kernel")?;
            let draft = two_libraries(draft, sample(1), sample(2).with_ops(&[Op::BiasGelu]).kernels_only());
            Ok(subject_with_both(draft, order).steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .expect(&[], Outcome::Shadowed, Phase::FirstRun, &["{second}"]))
        },
    ).into()
}
