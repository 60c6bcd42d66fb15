//! Libraries that load, with ops that compute what the reference maths says.

use test_ops::{Approximation, DataType, Op, Sample};

use super::draft::{Draft, HEALTHY, OPS, SUBJECT, bias_gelu, model};
use crate::arrangement::{Place, Spelling, Step};
use crate::case::Case;
use crate::observation::{Outcome, Phase};

/// An API level that is older than every runtime of the catalogue.
const OLDER_API_LEVEL: u32 = 17;

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = paths();
    cases.extend(computations());
    cases.extend([
        two_models(),
        two_domains(),
        two_builds(),
        older_api_level(),
        sixty_four_models(),
    ]);
    cases
}

fn loads_and_computes(draft: Draft) -> Case {
    draft
        .steps([
            Step::Load(SUBJECT),
            Step::Compute(SUBJECT),
            Step::IsMapped(OPS),
            Step::HasState(SUBJECT, "READY"),
            Step::IsReady,
        ])
        .expect(&[], Outcome::Served, Phase::FirstRun, &[])
        .build()
}

fn paths() -> Vec<Case> {
    [
        (
            "absolute-path",
            "The configuration names the library by its absolute path.",
            Place::Root,
            Spelling::Absolute,
        ),
        (
            "path-relative-to-model-folder",
            "The library lies in the model's folder and is named by its file name.",
            Place::ModelFolder(SUBJECT),
            Spelling::FileName,
        ),
        (
            "path-relative-to-version-folder",
            "The library lies in the folder of the model's version and is named by its file name.",
            Place::VersionFolder(SUBJECT),
            Spelling::FileName,
        ),
        (
            "path-relative-to-working-directory",
            "The path is relative to the folder that the server was started in.",
            Place::Root,
            Spelling::FromWorkingDirectory,
        ),
    ]
    .into_iter()
    .map(|(name, description, place, spelling)| {
        loads_and_computes(
            Draft::new(name, description)
                .library(OPS, Sample::default(), place)
                .model(bias_gelu(SUBJECT), &[(OPS, spelling)]),
        )
    })
    .collect()
}

/// One case for each op and each element type it has kernels for, and for its attributes.
fn computations() -> Vec<Case> {
    let mut models = Vec::new();
    for op in Op::ALL {
        for &data_type in op.data_types() {
            models.push((String::new(), model(SUBJECT, op, data_type)));
        }
    }
    for data_type in [DataType::Fp32, DataType::Fp16] {
        models.push((
            "-tanh".to_owned(),
            model(SUBJECT, Op::BiasGelu, data_type).with_approximation(Approximation::Tanh),
        ));
        models.push((
            "-large-epsilon".to_owned(),
            model(SUBJECT, Op::RmsNorm, data_type).with_epsilon(0.5),
        ));
    }
    models
        .into_iter()
        .map(|(attribute, model)| {
            let element = model.data_type.protocol_name().to_lowercase();
            let name = format!("computes-{}{attribute}-{element}", kebab(model.op.name()));
            let description = format!(
                "{}{} computes what the reference maths says, in {element}.",
                model.op,
                attribute.replace('-', " ")
            );
            loads_and_computes(
                Draft::new(&name, &description)
                    .library(OPS, Sample::default(), Place::Root)
                    .model(model, &[(OPS, Spelling::Absolute)]),
            )
        })
        .collect()
}

/// `BiasGelu` as `bias-gelu`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(character.to_ascii_lowercase());
    }
    kebab
}

fn two_models() -> Case {
    const SECOND: &str = "second";
    Draft::new(
        "two-models-one-library",
        "Two models share one library; it stays while one of them does, and goes with the last.",
    )
    .subject(Sample::default())
    .model(
        model(SECOND, Op::RmsNorm, DataType::Fp32),
        &[(OPS, Spelling::Absolute)],
    )
    .steps([
        Step::Load(SUBJECT),
        Step::Load(SECOND),
        Step::AreIsolated(SUBJECT, SECOND),
        Step::Compute(SUBJECT),
        Step::Compute(SECOND),
        Step::Unload(SUBJECT),
        Step::IsMapped(OPS),
        Step::Compute(SECOND),
        Step::Unload(SECOND),
        Step::IsUnmapped(OPS),
    ])
    .expect(&[], Outcome::Served, Phase::Unload, &[])
    .build()
}

fn two_domains() -> Case {
    const VENDOR: &str = "vendor";
    const VENDOR_DOMAIN: &str = "vendor.ops";
    let library = |signature| Sample::default().with_signature(signature);
    Draft::new(
        "two-libraries-two-domains",
        "One model uses two libraries that register the same op names under different domains; \
         each node is answered by its own library.",
    )
    .library(OPS, library(1), Place::Root)
    .library(VENDOR, library(2).with_domain(VENDOR_DOMAIN), Place::Root)
    .model(
        bias_gelu(SUBJECT).with_domains(&[test_ops::DEFAULT_DOMAIN, VENDOR_DOMAIN]),
        &[(OPS, Spelling::Absolute), (VENDOR, Spelling::Absolute)],
    )
    .steps([
        Step::Load(SUBJECT),
        Step::Compute(SUBJECT),
        Step::IsMapped(OPS),
        Step::IsMapped(VENDOR),
    ])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

fn two_builds() -> Case {
    Draft::new(
        "two-builds-for-two-models",
        "Two builds of one library serve two models at the same time; each model is answered by \
         its own build.",
    )
    .subject(Sample::default().with_signature(1))
    .healthy()
    .steps([
        Step::Load(SUBJECT),
        Step::Load(HEALTHY),
        Step::AreIsolated(SUBJECT, HEALTHY),
        Step::Compute(HEALTHY),
        Step::Compute(SUBJECT),
        Step::Compute(HEALTHY),
    ])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

fn older_api_level() -> Case {
    loads_and_computes(
        Draft::new(
            "older-api-level",
            "The library was built for an older level of the runtime's interface.",
        )
        .subject(Sample::default().with_api_level(OLDER_API_LEVEL)),
    )
}

fn sixty_four_models() -> Case {
    Draft::new(
        "sixty-four-models",
        "64 models with one library are loaded at once; all of them answer.",
    )
    .library(OPS, Sample::default(), Place::Root)
    .models(64, bias_gelu(SUBJECT), &[(OPS, Spelling::Absolute)])
    .steps([
        Step::Load(SUBJECT),
        Step::AwaitLoaded(SUBJECT),
        Step::IsReady,
        Step::Compute(SUBJECT),
    ])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_names_become_case_names() {
        assert_eq!(kebab("BiasGelu"), "bias-gelu");
        assert_eq!(kebab("Modulo"), "modulo");
        let cases = computations();
        let names: Vec<&str> = cases.iter().map(Case::name).collect();
        for name in [
            "computes-rms-norm-fp16",
            "computes-bias-gelu-tanh-fp32",
            "computes-modulo-int64",
        ] {
            assert!(names.contains(&name), "{names:?}");
        }
    }
}
