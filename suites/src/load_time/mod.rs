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
    fn cases_are_sound() {
        cases().iter().for_each(soundness::assert_sound);
    }
}
