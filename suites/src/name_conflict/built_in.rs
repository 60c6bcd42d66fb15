//! A library that registers an op of the framework itself.

use runtimes::Framework;
use test_ops::spelling::built_in;

use super::arrangement::{Arrangement, FIRST, SECOND, sample, with_libraries};
use crate::arrangement::{Place, Step};
use crate::making::{Absence, Draft, Made, SUBJECT};
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    vec![
        Arrangement::new("built-in-op", "A library registers an op that the framework has.", |draft| made(draft, false)),
        Arrangement::new("built-in-kernel", "A library brings a kernel for an op of the framework.", |draft| {
            let has = matches!(draft.framework(), Framework::PyTorch | Framework::TensorFlow);
            made(draft.only(has, "an op is registered together with its kernel")?, true)
        }),
        Arrangement::new("built-in-namespace", "contrib", |draft| {
            let draft = draft.only_onnxruntime("x")?;
            let draft = draft.library(FIRST, sample(1).with_domain("com.microsoft"), Place::Root);
            let model = draft.bias_gelu(SUBJECT).with_domains(&["com.microsoft"]);
            let draft = with_libraries(draft, model.clone(), &[FIRST]);
            Ok(draft.model(model.with_name(SECOND), &[]).steps([Step::Load(SUBJECT), Step::Load(SECOND), Step::Compute(SUBJECT), Step::Compute(SECOND)])
            .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        }),
    ]
}

fn made(draft: Draft, kernels_only: bool) -> Made {
    let own = built_in(draft.framework()).ok_or(Absence("its plugins come with a library of their own"))?;
    let mut library = sample(1).with_domain(own.domain).with_op_named(own.op, own.name);
    library.kernels_only = kernels_only;
    let draft = draft.library(FIRST, library, Place::Root);
    let model = draft.model_of(SUBJECT, own.op, own.data_type).with_domains(&[own.domain]).with_operator_name(own.name);
    let second = model.clone().with_name(SECOND);
    let draft = with_libraries(draft, model, &[FIRST]);
    Ok(draft.model(second, &[])
        .steps([Step::Load(SUBJECT), Step::Load(SECOND), Step::Compute(SUBJECT), Step::Compute(SECOND)])
        .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
}
