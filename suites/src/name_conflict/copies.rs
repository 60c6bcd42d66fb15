//! One library twice: the same file, and a copy of it elsewhere.

use super::arrangement::{Arrangement, FIRST, OTHER, sample, two_libraries, with_libraries};
use crate::arrangement::{Place, Step};
use crate::making::{Draft, Made, SUBJECT};
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    vec![
        Arrangement::new(
            "same-library-twice",
            "One library is given twice under the same path: it is loaded once and serves.",
            |draft| {
                let model = draft.bias_gelu(SUBJECT);
                let draft = draft.library(FIRST, sample(1), Place::Root);
                expect_served(with_libraries(draft, model, &[FIRST, FIRST]))
            },
        ),
        Arrangement::new(
            "identical-copy",
            "A library is given together with a byte-identical copy under another path.",
            |draft| {
                let model = draft.bias_gelu(SUBJECT);
                let draft = two_libraries(draft, sample(1), sample(1));
                expect_served(with_libraries(draft, model, &[FIRST, OTHER]))
            },
        ),
    ]
}

fn expect_served(draft: Draft) -> Made {
    Ok(draft
        .steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
        .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
}
