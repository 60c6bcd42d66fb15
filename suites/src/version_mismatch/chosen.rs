//! With `--runtime-select auto`, a library that does not fit the default runtime is served by another
//! installed one.

use runtimes::{Catalog, Framework, RuntimeName};

use super::built_for::{self, title};
use crate::arrangement::Step;
use crate::compatibility::Fit;
use crate::making::{Definition, SUBJECT, absence};
use crate::observation::{Outcome, Phase};

/// The definitions: each pair of `runtimes` of which the first does not fit the second.
pub fn definitions(runtimes: &[RuntimeName]) -> Vec<Definition> {
    let pairs = runtimes
        .iter()
        .flat_map(|&built_for| runtimes.iter().map(move |&default| (built_for, default)));
    pairs
        .filter(|&(built_for, default)| built_for::fit(built_for, default) == Fit::Fails)
        .filter_map(|(built_for, default)| {
            // The server looks through the installed runtimes in the catalogue's order.
            let mut catalogued = Catalog::builtin().of(default.framework);
            let chosen = catalogued
                .find(|entry| built_for::fit(built_for, entry.name()) == Fit::Registers)?
                .name();
            runtimes
                .contains(&chosen)
                .then(|| definition(built_for, default, chosen))
        })
        .collect()
}

fn definition(built_for: RuntimeName, default: RuntimeName, chosen: RuntimeName) -> Definition {
    Definition::new(
        format!("built-for-{}-chosen", built_for.version),
        format!(
            "The sample library built for {} does not fit the default runtime, {}: {chosen}, which \
             is installed too, serves it with right values.",
            title(built_for),
            title(default)
        ),
        move |draft| {
            let draft = draft.only_model_config(absence::LAUNCH_IS_FOR_DEFAULT)?;
            let is_served = draft.framework() != Framework::TensorRt;
            let draft = draft.only(is_served, absence::RUNS_WHERE_IT_WAS_BUILT)?;
            Ok(
                built_for::subject(draft.needs_runtimes([built_for, chosen]), built_for)
                    .on_runtime(default)
                    .claims(Fit::Fails)
                    .steps([
                        Step::Load(SUBJECT),
                        Step::RunsOn(SUBJECT, chosen),
                        Step::LogSays(vec![SUBJECT.into(), chosen.to_string()]),
                        Step::Compute(SUBJECT),
                    ])
                    .expect(&[], Outcome::Served, Phase::FirstRun, &[]),
            )
        },
    )
}
