//! One library twice: the same file, and a copy of it elsewhere.

use super::arrangement::{Arrangement, FIRST, OTHER, first, two_libraries, with_libraries};
use super::expected::{loads_and_computes, refused, registers_before_main, served};
use super::one_form;
use crate::arrangement::Place;
use crate::making::{APART, SUBJECT};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    vec![same_library(), copy()]
}

fn same_library() -> Arrangement {
    Arrangement::new(
        "same-library-twice",
        "A library is given twice, under the same path: it is loaded once and serves.",
        |draft| {
            let draft = one_form::where_all_is_the_same(draft)?;
            let (library, model) = (first(&draft), draft.bias_gelu(SUBJECT));
            let draft = draft.library(FIRST, library, Place::Root);
            let draft = with_libraries(draft, model, &[FIRST, FIRST]);
            Ok(served(loads_and_computes(draft), &[]))
        },
    )
}

fn copy() -> Arrangement {
    Arrangement::new(
        "identical-copy",
        "A library and a byte-identical copy under another path serve the same models. Where the \
         server goes by content it loads one of them; elsewhere the copy is one more library with \
         the same ops.",
        |draft| {
            let draft = one_form::where_all_but_pytorch_are_the_same(draft)?;
            let (library, model) = (first(&draft), draft.bias_gelu(SUBJECT));
            let draft = two_libraries(draft, library.clone(), library);
            let draft = with_libraries(draft, model, &[FIRST, OTHER]).answered_by(FIRST);
            let draft = loads_and_computes(draft);
            if registers_before_main(&draft) {
                refused(draft)
            } else {
                refused(served(draft, &APART))
            }
        },
    )
}
