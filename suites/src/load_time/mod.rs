//! The load-time suite: what becomes of an op library, and of those who live beside it, from the
//! path on which it reaches the server to its unload.
//!
//! A case is defined once and made for every framework and route where it makes sense; where it does
//! not, the definition says why. A table in the package's README shows all of that.

mod availability;
mod bundled;
mod collision;
mod contained;
mod control;
mod gpu;
mod launch;
mod lifecycle;
mod plan;
mod refused;
mod runtime_choice;
mod served;

use runtimes::Framework;

use crate::arrangement::Route;
use crate::case::{Case, Suite};
use crate::making::{Definition, Scene};

/// All definitions, in the order in which their cases are shown.
fn definitions() -> Vec<Definition> {
    let mut definitions = served::definitions();
    definitions.extend(availability::definitions());
    definitions.extend(bundled::definitions());
    definitions.extend(collision::definitions());
    definitions.extend(lifecycle::definitions());
    definitions.extend(control::definitions());
    definitions.extend(runtime_choice::definitions());
    definitions.extend(launch::definitions());
    definitions.extend(plan::definitions());
    definitions.extend(refused::definitions());
    definitions.extend(contained::definitions());
    definitions.extend(gpu::definitions());
    definitions
}

/// All cases of the suite.
pub(crate) fn cases() -> Vec<Case> {
    let definitions = definitions();
    let mut cases = Vec::new();
    for framework in Framework::ALL {
        for route in Route::ALL {
            let scene = Scene { framework, route };
            let made = definitions
                .iter()
                .filter_map(|definition| definition.at(Suite::LoadTime, scene).ok());
            cases.extend(made.map(|draft| draft.build()));
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use runtimes::Catalog;

    use super::*;
    use crate::expectation::{Isolation, Profile};
    use crate::making::{soundness, table};
    use crate::observation::Outcome;

    #[test]
    fn the_readme_has_the_table_of_the_definitions() {
        table::assert_in_readme(Suite::LoadTime, definitions().iter());
    }

    #[test]
    fn ids_are_unique_and_plain() {
        let cases = cases();
        let ids: HashSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids.len(), cases.len());
        for case in &cases {
            assert!(
                case.name()
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                case.id
            );
        }
    }

    #[test]
    fn every_case_expects_something_of_every_runtime() {
        for case in cases() {
            for entry in Catalog::builtin().of(case.framework) {
                let version = entry.version.to_semver();
                let expected = case.expectation(Profile::Reference, Isolation::OpSet, &version);
                assert!(expected.is_some(), "{} on {version}", case.id);
            }
        }
    }

    #[test]
    fn what_is_known_of_triton_is_expected_of_it_in_one_process() {
        let cases = cases();
        let expected = |id: &str, isolation| {
            let id = format!("load-time/{id}");
            let mut cases = cases.iter();
            let case = cases.find(|case| case.id == id).expect("a case");
            let version = Catalog::builtin().default_of(case.framework)?.version;
            let expectation = case.expectation(Profile::Triton, isolation, &version.to_semver());
            expectation.map(|expectation| expectation.outcome)
        };
        for (id, outcome) in [
            ("onnxruntime/model-config/file-missing", Outcome::Rejected),
            (
                "onnxruntime/model-config/static-initializer-crashes",
                Outcome::Aborted,
            ),
            ("onnxruntime/model-config/unload", Outcome::StillLoaded),
            (
                "onnxruntime/model-config/control-mode-none-bad-library",
                Outcome::RefusedStart,
            ),
            (
                "onnxruntime/model-config/two-builds-for-two-models",
                Outcome::Served,
            ),
            ("pytorch/model-config/absolute-path", Outcome::Rejected),
            (
                "pytorch/preload/same-op-given-to-all-models",
                Outcome::Aborted,
            ),
            (
                "tensorflow/model-config/two-builds-for-two-models",
                Outcome::Rejected,
            ),
        ] {
            assert_eq!(expected(id, Isolation::Shared), Some(outcome), "{id}");
            assert_eq!(expected(id, Isolation::OpSet), None, "{id}");
        }
        // A flag that it does not have, and what the healthy model would miss as well.
        for id in [
            "onnxruntime/preload/static-initializer-crashes-by-flag",
            "onnxruntime/preload/missing-dependency-by-flag",
            "pytorch/model-config/unload",
        ] {
            assert_eq!(expected(id, Isolation::Shared), None, "{id}");
        }
    }

    #[test]
    fn cases_are_sound() {
        cases().iter().for_each(soundness::assert_sound);
    }
}
