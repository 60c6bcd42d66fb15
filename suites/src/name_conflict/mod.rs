//! The name-conflict suite: what happens where two op libraries, or one and the framework, register
//! the same op, and who answers.
//!
//! An arrangement is defined once and made for every framework and route where it makes sense, under
//! `shared`, which shows the hazard, and under `op-set`, which keeps libraries of different models
//! apart and refuses what was given to all models. A case fixes policy and runtime; its id tells
//! both. [`scope`] says which combinations a run takes.

mod arrangement;
mod built_in;
mod copies;
mod kernels;
mod namespaces;
mod same_op;
mod scope;
mod two_models;
mod two_paths;

use runtimes::Framework;

use self::arrangement::Arrangement;
use crate::arrangement::Route;
use crate::case::{Case, Suite};
use crate::making::Scene;
use crate::scope::RuntimeRange;

/// All arrangements, each in its orders, in the order in which their cases are shown.
fn arrangements() -> Vec<Arrangement> {
    let mut arrangements = copies::arrangements();
    arrangements.extend(same_op::arrangements());
    arrangements.extend(namespaces::arrangements());
    arrangements.extend(kernels::arrangements());
    arrangements.extend(built_in::arrangements());
    arrangements.extend(two_paths::arrangements());
    arrangements.extend(two_models::arrangements());
    arrangements
}

/// All cases of the suite for the runtimes of `range`.
pub(crate) fn cases(range: &RuntimeRange) -> Vec<Case> {
    let arrangements = arrangements();
    let mut cases = Vec::new();
    for framework in Framework::ALL {
        for runtime in range.of(framework) {
            for route in Route::ALL {
                let scene = Scene { framework, route };
                for arrangement in &arrangements {
                    let Ok(draft) = arrangement.definition.at(Suite::NameConflict, scene) else {
                        continue;
                    };
                    let policies = scope::policies(arrangement, range, runtime);
                    let made = policies.into_iter().map(|policy| {
                        let draft = draft.clone().under(policy, runtime);
                        draft.build()
                    });
                    cases.extend(made);
                }
            }
        }
    }
    cases
}
