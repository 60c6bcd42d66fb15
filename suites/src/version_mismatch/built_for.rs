//! The sample library built for each runtime of a framework, loaded into each.

use runtimes::{Catalog, Framework, RuntimeName};
use test_ops::Sample;

use super::refusal;
use crate::compatibility::Fit;
use crate::making::{Definition, Draft, absence};

/// The definitions: the whole square of `runtimes`.
pub fn definitions(runtimes: &[RuntimeName]) -> Vec<Definition> {
    runtimes
        .iter()
        .flat_map(|&built_for| {
            runtimes
                .iter()
                .map(move |&runtime| definition(built_for, runtime))
        })
        .collect()
}

fn definition(built_for: RuntimeName, runtime: RuntimeName) -> Definition {
    let fit = fit(built_for, runtime);
    let computes = has_same_layout(built_for, runtime);
    let comes_of_it = match (fit, runtime.framework) {
        (Fit::RegistersNothing | Fit::Fails, _) => "it is refused for the reason that was foretold",
        (Fit::Registers, Framework::TensorRt) => "its plugins register",
        (Fit::Registers, _) if computes => "it is served with right values",
        (Fit::Registers, _) => {
            "its ops register, and read tensors as they were laid out in the other release, so that \
             its answers are left to chance and none is asked for"
        }
    };
    let definition = Definition::new(
        format!("built-for-{}", built_for.version),
        format!(
            "The sample library built for {} is loaded into {}: {comes_of_it}.",
            title(built_for),
            title(runtime)
        ),
        move |draft| {
            let draft = draft
                .only_model_config(absence::LAUNCH_IS_FOR_DEFAULT)?
                .needs_runtimes([built_for]);
            let draft = subject(draft, built_for);
            Ok(if fit == Fit::Registers && !computes {
                refusal::loaded(draft, runtime)
            } else {
                refusal::on(draft, runtime, fit)
            })
        },
    );
    let default = Catalog::builtin().default_of(runtime.framework);
    let is_default = default.is_some_and(|entry| entry.name() == runtime);
    if is_default && built_for != runtime {
        definition.representative()
    } else {
        definition
    }
}

/// A model with the sample library that is built for `built_for`.
pub fn subject(draft: Draft, built_for: RuntimeName) -> Draft {
    let sample = Sample::default();
    let content = match built_for.framework {
        Framework::OnnxRuntime => sample.compiled_for_level(api_level(built_for)),
        _ => sample,
    };
    draft.subject(content).built_for(built_for)
}

/// What comes of the sample library built for one runtime in another one of the catalogue.
pub fn fit(built_for: RuntimeName, runtime: RuntimeName) -> Fit {
    let (from, to) = (built_for.version, runtime.version);
    let same = match runtime.framework {
        // A release offers its own level of the C interface and all before.
        Framework::OnnxRuntime => from.minor() <= to.minor(),
        // What the sample library uses of 2.9 is there in 2.11 still, and in no other direction.
        Framework::PyTorch => {
            from == to || (from.to_string() == "2.9.1" && to.to_string() == "2.11.0")
        }
        Framework::TensorFlow => from == to,
        // The soname carries the major version, and the plugin interface changes with it.
        Framework::TensorRt => from.major() == to.major(),
    };
    if same { Fit::Registers } else { Fit::Fails }
}

/// Whether the classes whose members a library reads by their place, in code of the framework's
/// headers, are laid out alike in both releases. Nothing checks that where PyTorch's are not: requests
/// to a library for 2.9 on 2.11 are answered rightly, or fail with "Cannot access data pointer of
/// Tensor that doesn't have storage".
fn has_same_layout(built_for: RuntimeName, runtime: RuntimeName) -> bool {
    runtime.framework != Framework::PyTorch || built_for.version == runtime.version
}

/// The level of ONNX Runtime's C interface that a release's header has: its minor version.
pub fn api_level(runtime: RuntimeName) -> u32 {
    runtime.version.minor()
}

/// A runtime as a sentence names it.
pub fn title(runtime: RuntimeName) -> String {
    format!("{} {}", runtime.framework.title(), runtime.version)
}
