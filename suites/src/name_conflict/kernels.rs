//! A library that brings kernels for an op which another library defines.

use runtimes::Framework;
use test_ops::{Op, Sample};

use super::arrangement::{Arrangement, Order, first, other, subject_with_both, two_libraries};
use super::expected::{BOTH, loads_and_computes, refused};
use super::one_form;
use crate::arrangement::{Route, Step};
use crate::making::{Draft, Made, absence};
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    Arrangement::in_both_orders(
        "kernel-override",
        "A library brings a kernel for an op that another one defines with a kernel of its own. \
         PyTorch takes the newest and the server warns; TensorFlow cannot choose.",
        |draft, order| {
            let draft = one_form::where_all_is_the_same(with_kernels_apart(draft)?)?;
            let libraries = (first(&draft), kernels(&draft));
            let draft = two_libraries(draft, libraries.0, libraries.1);
            let draft = loads_and_computes(subject_with_both(draft, order));
            match draft.framework() {
                Framework::PyTorch => Ok(expect_newest(draft, order)),
                _ => refused(draft),
            }
        },
    )
    .into()
}

/// Ends the making where ops are registered together with their kernels.
pub fn with_kernels_apart(draft: Draft) -> Made {
    let apart = matches!(
        draft.framework(),
        Framework::PyTorch | Framework::TensorFlow
    );
    draft.only(apart, absence::KERNELS_WITH_OPS)
}

/// A library of kernels for BiasGelu.
pub fn kernels(draft: &Draft) -> Sample {
    other(draft).with_ops(&[Op::BiasGelu]).kernels_only()
}

/// Whoever registers last answers. The dynamic loader initializes what is preloaded from the last
/// library to the first.
fn expect_newest(draft: Draft, order: Order) -> Draft {
    let is_preloaded = matches!(draft.route(), Route::Environment | Route::Flag);
    let other_is_last = (order == Order::Plain) != is_preloaded;
    let draft = if other_is_last {
        draft.expect(&[], Outcome::Shadowed, Phase::FirstRun, &["{second}"])
    } else {
        draft.expect(&[], Outcome::Served, Phase::FirstRun, &[])
    };
    if is_preloaded {
        // Nobody watches yet: what PyTorch itself says names no library.
        return draft.afterwards([says(&["Overriding a previously registered kernel"])]);
    }
    draft.afterwards([says(&BOTH)])
}

/// A line of the log says all this.
fn says(texts: &[&str]) -> Step {
    Step::LogSays(texts.iter().map(|&text| text.to_owned()).collect())
}
