//! What comes of libraries that collide, as several arrangements expect it.

use runtimes::Framework;

use crate::arrangement::{Route, Step};
use crate::expectation::Isolation;
use crate::making::{APART, Draft, Made, SUBJECT, TOGETHER};
use crate::observation::{Outcome, Phase};

/// Both libraries.
pub const BOTH: [&str; 2] = ["{library}", "{second}"];
/// Both libraries, and what to do.
const BOTH_AND_REMEDY: [&str; 3] = ["{library}", "{second}", "model_operations"];

/// Loads and runs the subject.
pub fn loads_and_computes(draft: Draft) -> Draft {
    draft.steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
}

/// Nothing stands against the model. TensorRT serves none on a machine without a GPU; there, that
/// the plan is looked at shows that all libraries have registered: it is the next step.
pub fn served(draft: Draft, isolations: &[Isolation]) -> Draft {
    match draft.framework() {
        Framework::TensorRt => {
            draft.expect(isolations, Outcome::Rejected, Phase::Load, &["model.plan"])
        }
        _ => draft.expect(isolations, Outcome::Served, Phase::FirstRun, &[]),
    }
}

/// One model has both libraries, and no process can have both: told with both names and, where
/// models are kept apart, with the remedy.
pub fn refused(draft: Draft) -> Made {
    if registers_before_main(&draft) {
        return Ok(draft.expect(&[], Outcome::Aborted, Phase::Preload, &["signal 6"]));
    }
    let is_launch = draft.route().is_launch();
    let (apart, remedy) = if is_launch {
        (Outcome::RefusedStart, &BOTH_AND_REMEDY[..])
    } else {
        (Outcome::Rejected, &BOTH[..])
    };
    let together = match draft.framework() {
        // It takes both for all models, and no model then.
        Framework::OnnxRuntime => Outcome::Rejected,
        // The dispatcher ends the process.
        Framework::PyTorch if !is_launch => Outcome::WorkerCrashed,
        _ => apart,
    };
    Ok(draft.expect(&APART, apart, Phase::Register, remedy).expect(
        &TOGETHER,
        together,
        Phase::Register,
        &BOTH,
    ))
}

/// Whether PyTorch's libraries register while the dynamic loader brings them in, before the server
/// can do anything about it.
pub fn registers_before_main(draft: &Draft) -> bool {
    draft.framework() == Framework::PyTorch && draft.route() == Route::Environment
}

/// Where the two models share a process, the second one's library meets the first one's there.
pub fn refused_together(draft: Draft) -> Draft {
    let outcome = match draft.framework() {
        Framework::PyTorch => Outcome::WorkerCrashed,
        _ => Outcome::Rejected,
    };
    draft.expect(&TOGETHER, outcome, Phase::Register, &BOTH)
}
