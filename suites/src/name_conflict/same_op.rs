//! Two libraries that register the same op and serve the same models.

use runtimes::Framework;

use super::arrangement::{Arrangement, Order, first, other, subject_with_both, two_libraries};
use super::expected::{loads_and_computes, refused};
use super::one_form;
use crate::making::{Draft, Made, absence};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    let [plain, reversed] = same_op();
    let mut arrangements = vec![plain.representative(), reversed];
    arrangements.extend(other_signature());
    arrangements
}

fn same_op() -> [Arrangement; 2] {
    Arrangement::in_both_orders(
        "same-op",
        "Two libraries that register the same op with the same signature and other results serve \
         the same models.",
        |draft, order| {
            let draft = one_form::where_all_but_pytorch_are_the_same(draft)?;
            let (first, other) = (first(&draft), other(&draft));
            refused(both(two_libraries(draft, first, other), order))
        },
    )
}

fn other_signature() -> [Arrangement; 2] {
    Arrangement::in_both_orders(
        "other-signature",
        "Two libraries that register an op of the same name with other inputs serve the same \
         models.",
        |draft, order| {
            let draft = one_form::where_all_is_the_same(with_signatures(draft)?)?;
            let (first, other) = (first(&draft), other(&draft).without_bias());
            refused(both(two_libraries(draft, first, other), order))
        },
    )
}

/// Ends the making where ops have no signature.
pub fn with_signatures(draft: Draft) -> Made {
    let has_signatures = draft.framework() != Framework::TensorRt;
    draft.only(has_signatures, absence::NO_SIGNATURES)
}

fn both(draft: Draft, order: Order) -> Draft {
    loads_and_computes(subject_with_both(draft, order))
}
