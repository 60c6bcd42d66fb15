//! Two libraries that register the same op and reach the server on two paths.

use super::arrangement::{Arrangement, FIRST, OTHER, sample, two_libraries};
use crate::arrangement::{LaunchLibrary, Route, Spelling, Step};
use crate::making::SUBJECT;
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    vec![
        Arrangement::new("preloaded-and-configured", "preloaded, and the other in the configuration", |draft| {
            let is = matches!(draft.route(), Route::ModelConfig | Route::BackendConfig);
            let draft = draft.only(is, "x")?;
            let draft = two_libraries(draft, sample(1), sample(2));
            let model = draft.bias_gelu(SUBJECT);
            let draft = draft.launch(|launch| {
                launch.libraries.push(LaunchLibrary { name: FIRST, route: Route::Environment, spelling: Spelling::Absolute });
                launch.library_path = true;
            });
            let draft = draft.model_with(model, &[OTHER]);
            Ok(draft.answered_by(OTHER).steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .expect(&[], Outcome::Rejected, Phase::Register, &["{library}", "{second}"]))
        }),
        Arrangement::new("for-all-and-in-model", "backend-config, and the other in the model's configuration", |draft| {
            let is = draft.route() == Route::BackendConfig;
            let draft = draft.only(is, "x")?;
            let draft = two_libraries(draft, sample(1), sample(2));
            let model = draft.bias_gelu(SUBJECT);
            let draft = draft.given(FIRST).model(model, &[(OTHER, Spelling::Absolute)]);
            Ok(draft.answered_by(OTHER).steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .expect(&[], Outcome::Rejected, Phase::Register, &["{library}", "{second}"]))
        }),
    ]
}
