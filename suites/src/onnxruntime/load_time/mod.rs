//! The load-time suite of ONNX Runtime: what becomes of an op library, and of those who live
//! beside it, from its path in a model's configuration to its unload.

mod contained;
mod control;
mod draft;
mod lifecycle;
mod refused;
mod runtime_choice;
mod served;

use crate::case::Case;

/// All cases of the suite.
pub(crate) fn cases() -> Vec<Case> {
    [
        served::cases(),
        lifecycle::cases(),
        control::cases(),
        runtime_choice::cases(),
        refused::cases(),
        contained::cases(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use runtimes::{Catalog, Framework};

    use super::*;
    use crate::expectation::{Isolation, Profile};

    #[test]
    fn ids_are_unique_and_tell_where_a_case_belongs() {
        let cases = cases();
        let ids: HashSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids.len(), cases.len());
        for case in &cases {
            let prefix = format!("{}/{}/{}/", case.suite, case.framework, case.path);
            assert!(case.id.starts_with(&prefix), "{}", case.id);
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
    fn every_case_expects_something_everywhere() {
        for case in cases() {
            for &isolation in Isolation::ALL {
                for entry in Catalog::builtin().of(Framework::OnnxRuntime) {
                    let version = entry.version.to_semver();
                    let expected = case.expectation(Profile::Reference, isolation, &version);
                    assert!(
                        expected.is_some(),
                        "{} under {isolation} on {version}",
                        case.id
                    );
                }
            }
        }
    }

    #[test]
    fn arrangements_do_not_contradict_themselves() {
        for case in cases() {
            let arrangement = &case.arrangement;
            let libraries: HashSet<&str> = arrangement
                .libraries
                .iter()
                .map(|library| library.name)
                .collect();
            assert_eq!(libraries.len(), arrangement.libraries.len(), "{}", case.id);
            for model in &arrangement.models {
                for (library, _) in &model.libraries {
                    assert!(libraries.contains(library), "{}: {library}", case.id);
                }
            }
            assert!(!arrangement.steps.is_empty(), "{}", case.id);
            assert!(
                !case.description.is_empty() && case.description.ends_with('.'),
                "{}",
                case.id
            );
        }
    }
}
