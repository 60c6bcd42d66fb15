//! Op libraries in the wild: those of published packages, against the catalogued runtimes.

use runtimes::{Framework, RuntimeName};
use test_ops::Format;

use super::built_for::title;
use super::{PublishedLibrary, refusal};
use crate::arrangement::Spelling;
use crate::case::Need;
use crate::compatibility::Fit;
use crate::making::{
    Definition, Draft, OPS, SUBJECT, absence, maximum_spanning_tree, negative_and_positive,
    non_maximum_suppression,
};
use crate::scope::RuntimeRange;

/// The definitions: each library in each of `runtimes`; where `range` is not the whole catalogue,
/// one version of each package.
pub fn definitions(
    framework: Framework,
    runtimes: &[RuntimeName],
    range: &RuntimeRange,
) -> Vec<Definition> {
    PublishedLibrary::all()
        .iter()
        .filter(|library| library.framework == framework)
        .filter(|library| library.small || *range == RuntimeRange::All)
        .flat_map(|library| {
            runtimes
                .iter()
                .map(move |&runtime| definition(library, runtime))
        })
        .collect()
}

fn definition(library: &'static PublishedLibrary, runtime: RuntimeName) -> Definition {
    Definition::new(
        &library.name,
        format!("{library} is loaded into {}.", title(runtime)),
        move |draft| {
            let draft = draft.only_model_config(absence::LAUNCH_IS_FOR_DEFAULT)?;
            let fit = if library.fits.contains(&runtime.version) {
                Fit::Registers
            } else {
                Fit::Fails
            };
            Ok(refusal::on(subject(draft, library, runtime), runtime, fit))
        },
    )
}

/// A model of an op that the library has, with what the library needs to be loaded at all.
fn subject(draft: Draft, library: &'static PublishedLibrary, runtime: RuntimeName) -> Draft {
    let model = draft.bias_gelu(SUBJECT);
    let draft = draft.package(OPS, library);
    let named = [(OPS, Spelling::Absolute)];
    match draft.framework() {
        Framework::OnnxRuntime => draft
            .needs(Need::PythonLibrary)
            .model(model, &named)
            .ready(negative_and_positive()),
        Framework::PyTorch => draft
            .needs(Need::FullRuntime(runtime))
            .needs(Need::PythonLibrary)
            .model(model, &named)
            .ready(non_maximum_suppression()),
        Framework::TensorFlow => draft
            .model(model.in_format(Format::GraphDef), &named)
            .ready(maximum_spanning_tree()),
        Framework::TensorRt => draft.model(model, &named),
    }
}
