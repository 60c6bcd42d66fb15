//! Two models on one server, each with a library of its own, which collide.

use runtimes::Framework;
use test_ops::{DataType, Op, PluginEntry, Sample};

use super::arrangement::{
    Arrangement, FIRST, OTHER, Order, SECOND, first, model_for_each, other, two_libraries,
};
use super::expected::{BOTH, refused_together, served};
use super::kernels::{kernels, with_kernels_apart};
use super::namespaces::with_namespaces;
use super::same_op::with_signatures;
use crate::arrangement::{Spelling, Step};
use crate::making::{APART, Draft, SUBJECT, TOGETHER, absence};
use crate::observation::{Outcome, Phase};

/// The arrangements.
pub fn arrangements() -> Vec<Arrangement> {
    let [plain, reversed] = same_op();
    let mut arrangements = vec![copy(), plain.representative(), reversed];
    arrangements.extend(other_signature());
    arrangements.extend([same_namespace(), kernel_override()]);
    arrangements
}

fn copy() -> Arrangement {
    Arrangement::new(
        "two-models-identical-copy",
        "Two models bring byte-identical copies of one library.",
        |draft| {
            let draft = draft.only_model_config(absence::GIVEN_TO_ALL)?;
            let library = in_any_process(first(&draft), &draft);
            let models = (draft.bias_gelu(SUBJECT), draft.bias_gelu(SECOND));
            let draft = two_libraries(draft, library.clone(), library);
            let draft = model_for_each(draft, models.0, models.1);
            Ok(expect_collision(in_turn(draft, Order::Plain)))
        },
    )
}

fn same_op() -> [Arrangement; 2] {
    Arrangement::in_both_orders(
        "two-models-same-op",
        "The libraries of two models register the same op with other results.",
        |draft, order| {
            let draft = draft.only_model_config(absence::GIVEN_TO_ALL)?;
            let libraries = [first(&draft), other(&draft)].map(|one| in_any_process(one, &draft));
            let models = (draft.bias_gelu(SUBJECT), draft.bias_gelu(SECOND));
            let [first, other] = libraries;
            let draft = two_libraries(draft, first, other);
            let draft = model_for_each(draft, models.0, models.1);
            Ok(expect_collision(in_turn(draft, order)))
        },
    )
}

fn other_signature() -> [Arrangement; 2] {
    Arrangement::in_both_orders(
        "two-models-other-signature",
        "The libraries of two models register an op of the same name with other inputs.",
        |draft, order| {
            let draft = with_signatures(draft.only_model_config(absence::GIVEN_TO_ALL)?)?;
            let libraries = (first(&draft), other(&draft).without_bias());
            let subject = draft.bias_gelu(SUBJECT);
            let second = draft.bias_gelu(SECOND).without_bias();
            let draft = two_libraries(draft, libraries.0, libraries.1);
            let draft = model_for_each(draft, subject, second);
            Ok(expect_collision(in_turn(draft, order)))
        },
    )
}

fn same_namespace() -> Arrangement {
    Arrangement::new(
        "two-models-same-namespace",
        "The libraries of two models register other ops in the same domain or namespace.",
        |draft| {
            let draft = with_namespaces(draft.only_model_config(absence::GIVEN_TO_ALL)?)?;
            let first = first(&draft).with_ops(&[Op::BiasGelu]);
            let other = other(&draft).with_ops(&[Op::RmsNorm]);
            let libraries = [first, other].map(|one| in_any_process(one, &draft));
            let subject = draft.bias_gelu(SUBJECT);
            let second = draft.model_of(SECOND, Op::RmsNorm, DataType::Fp32);
            let [first, other] = libraries;
            let draft = two_libraries(draft, first, other);
            let draft = in_turn(model_for_each(draft, subject, second), Order::Plain);
            Ok(match draft.framework() {
                Framework::PyTorch => expect_collision(draft),
                _ => served(draft, &[]),
            })
        },
    )
}

fn kernel_override() -> Arrangement {
    Arrangement::new(
        "two-models-kernel-override",
        "One model has a library, and another one that library and kernels which override its \
         own. In one process the first model gets the override, too.",
        |draft| {
            let draft = with_kernels_apart(draft.only_model_config(absence::GIVEN_TO_ALL)?)?;
            let libraries = (first(&draft), kernels(&draft));
            let (subject, second) = (draft.bias_gelu(SUBJECT), draft.bias_gelu(SECOND));
            let both = [FIRST, OTHER].map(|library| (library, Spelling::Absolute));
            let draft = two_libraries(draft, libraries.0, libraries.1)
                .model(subject, &[(FIRST, Spelling::Absolute)])
                .answered_by(FIRST)
                .model(second, &both)
                .answered_by(OTHER);
            let draft = in_turn(draft, Order::Plain);
            Ok(match draft.framework() {
                Framework::PyTorch => served(draft, &APART).expect(
                    &TOGETHER,
                    Outcome::Shadowed,
                    Phase::FirstRun,
                    &["'subject'", "{second}"],
                ),
                // It is the second model alone that has both.
                _ => draft.expect(&[], Outcome::Rejected, Phase::Register, &BOTH),
            })
        },
    )
}

/// On a machine without a GPU TensorRT serves no model, and gives up a model's libraries with it: only
/// what registers by itself stays in the process for the next one to meet.
fn in_any_process(library: Sample, draft: &Draft) -> Sample {
    if draft.framework() == Framework::TensorRt {
        library.with_plugin_entry(PluginEntry::StaticRegistrar)
    } else {
        library
    }
}

/// Loads and runs the models one after the other, then the one that came first again.
fn in_turn(draft: Draft, order: Order) -> Draft {
    let [one, two] = order.of(SUBJECT, SECOND);
    if draft.framework() == Framework::TensorRt {
        return draft.steps([Step::IsRefused(one, "model.plan"), Step::Load(two)]);
    }
    draft
        .steps([
            Step::Load(one),
            Step::Compute(one),
            Step::Load(two),
            Step::Compute(two),
            Step::Compute(one),
        ])
        .afterwards([Step::IsLive])
}

/// Each model is served by its own library where they have processes of their own, and in ONNX
/// Runtime, where they have sessions of their own.
fn expect_collision(draft: Draft) -> Draft {
    match draft.framework() {
        Framework::OnnxRuntime => served(draft, &[]),
        _ => refused_together(served(draft, &APART)),
    }
}
