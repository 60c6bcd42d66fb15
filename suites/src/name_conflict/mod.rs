//! The name-conflict suite: what happens where two op libraries, or one and the framework, register
//! the same op, and who answers.
//!
//! An [`arrangement`] is defined once and made for every framework and route where it makes sense; a
//! table in the package's README shows where that is. Each is run under `shared`, which shows the
//! hazard, and under `op-set`, which keeps libraries of different models apart and refuses what was
//! given to all models. A case fixes policy and runtime, and its id tells both; [`scope`] says which
//! of them a run takes. What several arrangements expect stands in [`expected`].

mod arrangement;
mod built_in;
mod copies;
mod executed;
mod expected;
mod kernels;
mod namespaces;
mod one_form;
mod same_op;
mod scope;
mod two_models;
mod two_paths;

use std::collections::HashSet;
use std::sync::OnceLock;

use runtimes::{Framework, RuntimeName};

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
    arrangements.extend(executed::arrangements());
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
                let made = arrangements
                    .iter()
                    .flat_map(|arrangement| cases_of(arrangement, scene, range, runtime));
                cases.extend(made);
            }
        }
    }
    cases
}

/// Whether a usual run, one that was not asked for certain runtimes, has the case of this id.
pub(crate) fn is_in_usual_run(id: &str) -> bool {
    static USUAL: OnceLock<HashSet<String>> = OnceLock::new();
    let usual = USUAL.get_or_init(|| {
        let cases = cases(&RuntimeRange::default()).into_iter();
        cases.map(|case| case.id).collect()
    });
    usual.contains(id)
}

/// The cases of one arrangement with one runtime, under each policy that a run over `range` takes.
fn cases_of(
    arrangement: &Arrangement,
    scene: Scene,
    range: &RuntimeRange,
    runtime: RuntimeName,
) -> Vec<Case> {
    let Ok(draft) = arrangement.definition.at(Suite::NameConflict, scene) else {
        return Vec::new();
    };
    let stands_for_suite = scope::stands_for_suite(arrangement, scene.route, runtime);
    let draft = draft.representative(stands_for_suite);
    let policies = scope::policies(arrangement, scene.route, range, runtime);
    policies
        .into_iter()
        .map(|policy| draft.clone().under(policy, runtime).build())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::expectation::{Isolation, Profile};
    use crate::making::{soundness, table};

    #[test]
    fn the_readme_has_the_table_of_the_arrangements() {
        let arrangements = arrangements();
        let definitions = arrangements.iter().map(|one| &one.definition);
        table::assert_in_readme(Suite::NameConflict, definitions);
    }

    #[test]
    fn cases_are_sound() {
        cases(&RuntimeRange::All)
            .iter()
            .for_each(soundness::assert_sound);
    }

    #[test]
    fn an_id_says_what_the_case_says() {
        let cases = cases(&RuntimeRange::All);
        let ids: HashSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids.len(), cases.len());
        for case in &cases {
            let conflict = case.conflict.as_ref().expect("what collides");
            let order = if conflict.reversed { "-reversed" } else { "" };
            let form = if conflict.by_flag { "-by-flag" } else { "" };
            let runtime = case.own_runtime(case.framework).expect("a runtime");
            let name = format!(
                "{}{order}{form}@{}@{}",
                conflict.arrangement,
                case.isolation.expect("a policy"),
                runtime.version
            );
            assert_eq!(case.name(), name);
        }
    }

    #[test]
    fn every_case_expects_something_of_its_runtime_under_its_policy() {
        for case in cases(&RuntimeRange::All) {
            let runtime = case.own_runtime(case.framework).expect("a runtime");
            let isolation = case.isolation.expect("a policy");
            let version = runtime.version.to_semver();
            let expected = case.expectation(Profile::Reference, isolation, &version);
            assert!(expected.is_some(), "{}", case.id);
        }
    }

    #[test]
    fn a_usual_run_leaves_out_no_arrangement_and_a_full_one_nothing() {
        let usual = cases(&RuntimeRange::default());
        let all = cases(&RuntimeRange::All);
        assert!(usual.len() >= 80, "{}", usual.len());
        let of = |cases: &[Case], isolation| -> BTreeSet<String> {
            let under = cases
                .iter()
                .filter(|case| case.isolation == Some(isolation));
            under
                .map(|case| {
                    let conflict = case.conflict.as_ref().expect("what collides");
                    let arrangement = &conflict.arrangement;
                    format!("{} {} {arrangement}", case.framework, case.path)
                })
                .collect()
        };
        for isolation in [Isolation::Shared, Isolation::OpSet] {
            assert_eq!(of(&usual, isolation), of(&all, isolation));
        }
        let under = |isolation| {
            let under = all.iter().filter(|case| case.isolation == Some(isolation));
            under.count()
        };
        assert_eq!(under(Isolation::Shared), under(Isolation::OpSet));
    }

    #[test]
    fn a_few_cases_of_each_framework_stand_for_the_suite() {
        let cases = cases(&RuntimeRange::default());
        for framework in Framework::ALL {
            let of_framework = cases.iter().filter(|case| case.framework == framework);
            let few = of_framework.filter(|case| case.representative).count();
            assert!((4..=10).contains(&few), "{framework}: {few}");
        }
    }
}
