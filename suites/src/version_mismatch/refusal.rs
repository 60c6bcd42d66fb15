//! How a server that has one runtime deals with a library that fits it, or does not.

use runtimes::{Framework, RuntimeName};

use crate::arrangement::Step;
use crate::compatibility::Fit;
use crate::making::{Draft, OPS, SUBJECT};
use crate::observation::{Outcome, Phase};

/// The model [`SUBJECT`] is loaded on `runtime` alone, with a library that fits as told by `fit`:
/// served with right values, or refused in the inspector's words.
pub fn on(draft: Draft, runtime: RuntimeName, fit: Fit) -> Draft {
    let draft = alone(draft, runtime, fit);
    match fit {
        Fit::Registers => expect_use(draft),
        Fit::RegistersNothing | Fit::Fails => expect_refusal(draft, &["{reason}"]),
    }
}

/// As [`on`], of a library that fails for a reason which these `texts` are part of.
pub fn told(draft: Draft, runtime: RuntimeName, texts: &[&str]) -> Draft {
    let texts: Vec<&str> = ["{reason}"]
        .into_iter()
        .chain(texts.iter().copied())
        .collect();
    expect_refusal(alone(draft, runtime, Fit::Fails), &texts)
}

/// The model [`SUBJECT`] is loaded on `runtime` alone, with a library that registers and whose answers
/// are left to chance.
pub fn loaded(draft: Draft, runtime: RuntimeName) -> Draft {
    registered(draft, runtime).expect(&[], Outcome::Served, Phase::Load, &[])
}

/// The model [`SUBJECT`] is loaded on `runtime` alone, with a library that registers.
pub fn registered(draft: Draft, runtime: RuntimeName) -> Draft {
    alone(draft, runtime, Fit::Registers)
}

fn alone(draft: Draft, runtime: RuntimeName, fit: Fit) -> Draft {
    draft
        .on_runtime(runtime)
        .launch(|launch| launch.strict_runtime = true)
        .claims(fit)
        .steps([Step::Load(SUBJECT)])
}

/// The model is served by the runtime. TensorRT serves on a GPU only: there it is the plan that is
/// refused, which nobody looks at before the library is loaded.
fn expect_use(draft: Draft) -> Draft {
    if draft.framework() == Framework::TensorRt {
        return draft.expect(&[], Outcome::Rejected, Phase::Load, &["model.plan"]);
    }
    draft
        .steps([Step::Compute(SUBJECT)])
        .expect(&[], Outcome::Served, Phase::FirstRun, &[])
}

/// The model is refused with these `texts`, before anything of the library is loaded.
fn expect_refusal(draft: Draft, texts: &[&str]) -> Draft {
    let texts: Vec<&str> = ["{library}"]
        .into_iter()
        .chain(texts.iter().copied())
        .collect();
    let phase = match draft.framework() {
        // The loader has no part in it: the level of the interface is what does not fit.
        Framework::OnnxRuntime => Phase::Register,
        _ => Phase::Dlopen,
    };
    refused(draft)
        .afterwards([Step::IsUnmapped(OPS)])
        .expect(&[], Outcome::Rejected, phase, &texts)
}

fn refused(draft: Draft) -> Draft {
    draft.afterwards([
        Step::IsLive,
        Step::IsNotReady,
        Step::HasState(SUBJECT, "UNAVAILABLE"),
    ])
}
