//! Two libraries that register the same op and reach the server on two paths.

use runtimes::Framework;

use super::arrangement::{Arrangement, FIRST, OTHER, first, other, two_libraries, with_libraries};
use super::expected::{BOTH, loads_and_computes, refused, refused_together};
use crate::arrangement::{Route, Spelling};
use crate::making::{APART, Draft, SUBJECT, absence};
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    vec![preloaded_and_configured(), for_all_and_in_model()]
}

fn preloaded_and_configured() -> Arrangement {
    Arrangement::new(
        "preloaded-and-configured",
        "One library is preloaded, and one with the same op comes by the configuration.",
        |draft| {
            let route = draft.route();
            let is_configured = matches!(route, Route::ModelConfig | Route::BackendConfig);
            let draft = draft.only(is_configured, absence::PRELOADED_ANYWAY)?;
            let (first, other, model) = (first(&draft), other(&draft), draft.bias_gelu(SUBJECT));
            let draft = two_libraries(draft, first, other).given_on(
                Route::Environment,
                FIRST,
                Spelling::Absolute,
            );
            let draft = loads_and_computes(with_libraries(draft, model, &[OTHER]));
            let draft = draft.answered_by(OTHER);
            if route.is_launch() {
                refused(draft)
            } else {
                Ok(model_refused(draft))
            }
        },
    )
}

fn for_all_and_in_model() -> Arrangement {
    Arrangement::new(
        "for-all-and-in-model",
        "One library is listed in --backend-config, and one with the same op in the model's \
         configuration.",
        |draft| {
            let is_listed = draft.route() == Route::BackendConfig;
            let draft = draft.only(is_listed, absence::SEE_PRELOADED_AND_CONFIGURED)?;
            let (first, other, model) = (first(&draft), other(&draft), draft.bias_gelu(SUBJECT));
            let draft = two_libraries(draft, first, other)
                .given(FIRST)
                .model(model, &[(OTHER, Spelling::Absolute)])
                .answered_by(OTHER);
            Ok(model_refused(loads_and_computes(draft)))
        },
    )
}

/// The model with a library of its own is refused, and nobody else.
fn model_refused(draft: Draft) -> Draft {
    let [library, second] = BOTH;
    let texts = [library, second, "model_operations"];
    let draft = draft.expect(&APART, Outcome::Rejected, Phase::Register, &texts);
    match draft.framework() {
        Framework::OnnxRuntime => draft.expect(&[], Outcome::Rejected, Phase::Register, &BOTH),
        _ => refused_together(draft),
    }
}
