//! Names that can be given as values. The argument parser lists them in `--help` and suggests the
//! nearest one for a name that it does not know.

use std::collections::BTreeSet;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use runtimes::{Catalog, Framework, RuntimeName};
use suites::{Isolation, Profile, Selection, Suite};

/// Frameworks that have cases.
pub fn framework() -> impl TypedValueParser<Value = Framework> {
    let frameworks: BTreeSet<Framework> = suites::cases(&Selection::default())
        .into_iter()
        .map(|case| case.framework)
        .collect();
    one_of(
        frameworks
            .into_iter()
            .map(|framework| (framework.name().to_owned(), framework)),
    )
}

/// All frameworks.
pub fn any_framework() -> impl TypedValueParser<Value = Framework> {
    one_of(
        Framework::ALL
            .into_iter()
            .map(|framework| (framework.name().to_owned(), framework)),
    )
}

/// Suites that have cases of their own.
pub fn suite() -> impl TypedValueParser<Value = Suite> {
    one_of(
        Suite::ALL
            .iter()
            .filter(|suite| **suite != Suite::Check)
            .map(|suite| (suite.name().to_owned(), *suite)),
    )
}

/// Expectation profiles.
pub fn profile() -> impl TypedValueParser<Value = Profile> {
    let help = |profile| match profile {
        Profile::Reference => "the reference server of this project",
        Profile::Triton => "Triton Inference Server",
    };
    let values = Profile::ALL
        .iter()
        .map(|profile| PossibleValue::new(profile.name()).help(help(*profile)));
    PossibleValuesParser::new(values).try_map(|name: String| name.parse::<Profile>())
}

/// Isolation policies.
pub fn isolation() -> impl TypedValueParser<Value = Isolation> {
    let help = |isolation| match isolation {
        Isolation::Shared => "one worker for everything, as in Triton",
        Isolation::Backend => "one worker a framework",
        Isolation::OpSet => "one worker for each runtime and set of op libraries",
        Isolation::Model => "one worker a model",
    };
    let values = Isolation::ALL
        .iter()
        .map(|i| PossibleValue::new(i.name()).help(help(*i)));
    PossibleValuesParser::new(values).try_map(|name: String| name.parse::<Isolation>())
}

/// Runtimes of the catalogue.
pub fn runtime() -> impl TypedValueParser<Value = RuntimeName> {
    one_of(
        Catalog::builtin()
            .entries()
            .iter()
            .map(|entry| (entry.name().to_string(), entry.name())),
    )
}

fn one_of<T: Clone + Send + Sync + 'static>(
    values: impl Iterator<Item = (String, T)>,
) -> impl TypedValueParser<Value = T> {
    let values: Vec<(String, T)> = values.collect();
    let names: Vec<PossibleValue> = values
        .iter()
        .map(|(name, _)| PossibleValue::new(name.clone()))
        .collect();
    PossibleValuesParser::new(names).try_map(move |name| {
        let known = values.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, value)| value.clone())
            .ok_or_else(|| format!("unknown name '{name}'"))
    })
}
