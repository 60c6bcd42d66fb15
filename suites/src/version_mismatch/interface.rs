//! Op libraries of PyTorch that a release takes or refuses for the interface that they are written
//! against: strings of before GCC 5, the stable interface, and a kernel that takes other arguments
//! than its op's schema says.

use runtimes::RuntimeName;
use test_ops::{Broken, DataType, Fault, Op, Sample, TorchInterface};

use super::built_for::title;
use super::refusal;
use crate::arrangement::{Place, Spelling, Step};
use crate::compatibility::Fit;
use crate::making::{Definition, Draft, OPS, SUBJECT, absence};
use crate::observation::{Outcome, Phase};

/// The definitions.
pub fn definitions(runtimes: &[RuntimeName]) -> Vec<Definition> {
    let mut definitions: Vec<Definition> = runtimes.iter().copied().map(old_strings).collect();
    for &built_for in runtimes {
        definitions.extend(runtimes.iter().map(|&runtime| stable(built_for, runtime)));
    }
    definitions.extend(runtimes.iter().copied().map(schema_disagrees));
    definitions.extend(runtimes.iter().copied().map(stable_schema_disagrees));
    definitions
}

fn old_strings(runtime: RuntimeName) -> Definition {
    Definition::new(
        "old-strings",
        format!(
            "The sample library built for {} with _GLIBCXX_USE_CXX11_ABI=0, which PyTorch had \
             before 2.6: the error names the ABI.",
            title(runtime)
        ),
        move |draft| {
            let draft = draft.only_model_config(absence::LAUNCH_IS_FOR_DEFAULT)?;
            let sample = Sample::default().with_interface(TorchInterface::CppOldStrings);
            let draft = draft.subject(sample).built_for(runtime);
            Ok(refusal::told(
                draft,
                runtime,
                &["undefined symbol", "_GLIBCXX_USE_CXX11_ABI"],
            ))
        },
    )
}

/// A model of the one op that there is for the stable interface.
fn stable_subject(draft: Draft, built_for: RuntimeName, sample: Sample) -> Draft {
    let model = draft.model_of(SUBJECT, Op::Modulo, DataType::Fp32);
    draft
        .library(
            OPS,
            sample
                .with_ops(&[Op::Modulo])
                .with_interface(TorchInterface::Stable),
            Place::Root,
        )
        .built_for(built_for)
        .model(model, &[(OPS, Spelling::Absolute)])
}

/// What the stable interface has stays there. The headers of a release use all that it has, so that
/// its libraries run on it and on every later one.
fn stable_fit(built_for: RuntimeName, runtime: RuntimeName) -> Fit {
    if built_for.version <= runtime.version {
        Fit::Registers
    } else {
        Fit::Fails
    }
}

fn stable(built_for: RuntimeName, runtime: RuntimeName) -> Definition {
    Definition::new(
        format!("stable-interface-of-{}", built_for.version),
        format!(
            "A library on the stable interface, built with the headers of {}, is loaded into {}.",
            title(built_for),
            title(runtime)
        ),
        move |draft| {
            let draft = draft
                .only_model_config(absence::LAUNCH_IS_FOR_DEFAULT)?
                .needs_runtimes([built_for]);
            let draft = stable_subject(draft, built_for, Sample::default());
            Ok(refusal::on(draft, runtime, stable_fit(built_for, runtime)))
        },
    )
}

fn schema_disagrees(runtime: RuntimeName) -> Definition {
    Definition::new(
        "schema-disagrees",
        format!(
            "The kernel of an op takes other arguments than its schema says. {} compares the two \
             when the library registers, and throws in a static initializer; the server does not let \
             it come to that.",
            title(runtime)
        ),
        move |draft| {
            let draft = draft.only_model_config(absence::LAUNCH_IS_FOR_DEFAULT)?;
            Ok(refusal::told(
                draft.subject(Broken::SchemaDisagrees).built_for(runtime),
                runtime,
                &[
                    "custom_ops::bias_gelu",
                    "argument 3 is 'str approximate' in the schema, and the kernel takes 'double'",
                ],
            ))
        },
    )
}

fn stable_schema_disagrees(runtime: RuntimeName) -> Definition {
    Definition::new(
        "stable-interface-schema-disagrees",
        format!(
            "On the stable interface, {} knows nothing of a kernel's arguments: a library whose \
             schema disagrees with its kernel is loaded, and the first request fails.",
            title(runtime)
        ),
        move |draft| {
            let draft = draft.only_model_config(absence::LAUNCH_IS_FOR_DEFAULT)?;
            let sample = Sample::default().with_fault(Fault::SchemaDisagrees);
            Ok(
                refusal::registered(stable_subject(draft, runtime, sample), runtime)
                    .steps([Step::Compute(SUBJECT)])
                    .expect(
                        &[],
                        Outcome::Rejected,
                        Phase::FirstRun,
                        &["the schema has 3 inputs and the kernel takes 2"],
                    ),
            )
        },
    )
}
