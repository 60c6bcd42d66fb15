//! The version-mismatch suite: what becomes of an op library that was built for another version of
//! the framework than the one that runs, and whether the inspector says so beforehand.
//!
//! A case is about one library and one runtime. The inspector judges the file, a throw-away worker
//! opens it without that judgement, and a server that has the runtime as its only choice serves a
//! model with the library or refuses it in the inspector's words. What must come of all three is
//! known for the versions of the catalogue: a mistake that they share shows too.
//!
//! The name of a case is `what@version`: what is loaded, and the version of the runtime.

mod api_level;
mod built_for;
mod chosen;
mod interface;
mod plan;
mod published;
mod published_library;
mod refusal;
#[cfg(test)]
mod table;

use runtimes::{Framework, RuntimeName};

use crate::arrangement::Route;
use crate::case::{Case, Suite};
use crate::making::{Definition, Scene};
use crate::scope::RuntimeRange;

pub use published_library::PublishedLibrary;

/// All definitions for the runtimes of one framework, in the order in which their cases are shown.
fn definitions(framework: Framework, range: &RuntimeRange) -> Vec<Definition> {
    let runtimes: &[RuntimeName] = &range.of(framework);
    let mut definitions = built_for::definitions(runtimes);
    definitions.extend(chosen::definitions(runtimes));
    match framework {
        Framework::OnnxRuntime => definitions.extend(api_level::definitions(runtimes)),
        Framework::PyTorch => definitions.extend(interface::definitions(runtimes)),
        Framework::TensorFlow => {}
        Framework::TensorRt => definitions.extend(plan::definitions(runtimes)),
    }
    definitions.extend(published::definitions(framework, runtimes, range));
    definitions
}

/// All cases of the suite for the runtimes of `range`. Where a model names the library, one can be
/// refused and the server goes on: the path is model-config.
pub(crate) fn cases(range: &RuntimeRange) -> Vec<Case> {
    Framework::ALL
        .into_iter()
        .flat_map(|framework| {
            let scene = Scene {
                framework,
                route: Route::ModelConfig,
            };
            definitions(framework, range)
                .into_iter()
                .filter_map(move |definition| definition.at(Suite::VersionMismatch, scene).ok())
        })
        .map(|draft| draft.build())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use runtimes::Catalog;

    use super::*;
    use crate::case::Need;
    use crate::compatibility::Fit;
    use crate::expectation::{Isolation, Profile};

    #[test]
    fn ids_are_unique_and_tell_runtime_and_library() {
        let cases = cases(&RuntimeRange::All);
        let ids: HashSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids.len(), cases.len());
        for case in &cases {
            let (what, version) = case.name().split_once('@').expect("what@version");
            let runtime = case.arrangement.launch.default_runtime.expect("a runtime");
            assert_eq!(version, runtime.version.to_string(), "{}", case.id);
            assert!(
                what.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c)),
                "{}",
                case.id
            );
        }
    }

    #[test]
    fn every_case_has_what_it_needs() {
        for case in cases(&RuntimeRange::All) {
            let arrangement = &case.arrangement;
            let runtime = arrangement.launch.default_runtime.expect("a runtime");
            let named = |name: RuntimeName| {
                case.needs
                    .iter()
                    .any(|need| matches!(need, Need::Runtime(other) | Need::FullRuntime(other) if *other == name))
            };
            assert!(named(runtime), "{} runs on {runtime}", case.id);
            for file in &arrangement.libraries {
                if let Some(built_for) = file.built_for {
                    assert!(named(built_for), "{}: built for {built_for}", case.id);
                }
                if let Some(content) = &file.content {
                    let library = test_ops::Library::new(file.framework, content.clone());
                    assert!(library.exists(), "{}: {library:?}", case.id);
                }
            }
            let version = runtime.version.to_semver();
            let expected = case.expectation(Profile::Reference, Isolation::OpSet, &version);
            assert!(expected.is_some(), "{}", case.id);
            assert_eq!(case.isolation, Some(Isolation::OpSet), "{}", case.id);
            assert!(case.description.ends_with('.'), "{}", case.id);
        }
    }

    #[test]
    fn the_square_is_whole() {
        let cases = cases(&RuntimeRange::All);
        for framework in Framework::ALL {
            let runtimes = RuntimeRange::All.of(framework);
            let square: Vec<_> = cases
                .iter()
                .filter(|case| case.framework == framework)
                .filter(|case| case.name().starts_with("built-for-"))
                .filter(|case| !case.name().contains("-chosen@"))
                .collect();
            assert_eq!(square.len(), runtimes.len().pow(2), "{framework}");
            let fitting = square.iter().filter(|case| {
                case.arrangement
                    .claim
                    .is_some_and(|claim| claim.fit == Fit::Registers)
            });
            assert!(fitting.count() >= runtimes.len(), "{framework}");
        }
    }

    #[test]
    fn a_smaller_range_has_fewer_of_the_same_cases() {
        let all: HashSet<String> = cases(&RuntimeRange::All)
            .into_iter()
            .map(|case| case.id)
            .collect();
        let two = cases(&RuntimeRange::DefaultAndOther);
        assert!(two.len() < all.len());
        for case in two {
            assert!(all.contains(&case.id), "{}", case.id);
        }
        let named: RuntimeName = "tensorflow-2.19.1".parse().expect("a name");
        let one = cases(&RuntimeRange::Named(vec![named]));
        let of_tensorflow = one
            .iter()
            .filter(|case| case.framework == Framework::TensorFlow);
        for case in of_tensorflow {
            assert!(case.id.ends_with("@2.19.1"), "{}", case.id);
        }
    }

    #[test]
    fn every_framework_has_a_mismatch_where_time_is_short() {
        for framework in Framework::ALL {
            let default = Catalog::builtin().default_of(framework).expect("one each");
            let cases = cases(&RuntimeRange::DefaultAndOther);
            let representative: Vec<_> = cases
                .iter()
                .filter(|case| case.framework == framework && case.representative)
                .collect();
            assert!(!representative.is_empty(), "{framework}");
            for case in representative {
                let version = default.version.to_string();
                assert!(case.id.ends_with(&version), "{}", case.id);
            }
        }
    }
}
