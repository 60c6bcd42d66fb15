//! Libraries that load, with ops that compute what the reference maths says.

use runtimes::{Catalog, Framework, RuntimeName};
use test_ops::{Approximation, DEFAULT_DOMAIN, DataType, Model, Op, Sample};

use crate::arrangement::{Place, Route, Spelling, Step};
use crate::making::{APART, Definition, Draft, OPS, SUBJECT, TOGETHER, VENDOR_DOMAIN, absence};
use crate::observation::{Outcome, Phase};

/// An API level that is older than every runtime of the catalogue.
const OLDER_API_LEVEL: u32 = 17;

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    let mut definitions = paths();
    definitions.extend(Op::ALL.map(computes));
    definitions.extend([
        documented_command(),
        two_models(),
        two_domains(),
        older_api_level(),
        sixty_four_models(),
    ]);
    definitions
}

fn loads_and_computes(draft: Draft) -> Draft {
    let given_at_launch = draft.route().is_launch();
    let whose = if given_at_launch && draft.framework() != Framework::OnnxRuntime {
        // The front stays clean, and so do workers of other frameworks.
        Step::IsMappedOnlyBy(OPS, SUBJECT)
    } else {
        Step::IsMapped(OPS)
    };
    draft
        .steps([
            Step::Load(SUBJECT),
            Step::Compute(SUBJECT),
            whose,
            Step::HasState(SUBJECT, "READY"),
            Step::IsReady,
        ])
        .expect_served(Phase::FirstRun)
}

/// As [`loads_and_computes`], also of Triton where its backend reads `model_operations`.
fn loads_and_computes_everywhere(draft: Draft) -> Draft {
    let reads = draft.route() == Route::ModelConfig && draft.framework() == Framework::TensorFlow;
    let draft = loads_and_computes(draft);
    if reads {
        return draft.expect_of_triton(Outcome::Served, Phase::FirstRun, &[]);
    }
    draft.expect_of_triton_by_model(Outcome::Served, Phase::FirstRun, &[])
}

fn paths() -> Vec<Definition> {
    let absolute = Definition::new(
        "absolute-path",
        "The library is named by its absolute path.",
        |draft| {
            Ok(loads_and_computes_everywhere(
                draft.subject(Sample::default()),
            ))
        },
    )
    .representative();
    let of_model = [
        (
            "path-relative-to-model-folder",
            "The library lies in the model's folder and is named by its file name.",
            Place::ModelFolder(SUBJECT),
        ),
        (
            "path-relative-to-version-folder",
            "The library lies in the folder of the model's version and is named by its file name.",
            Place::VersionFolder(SUBJECT),
        ),
    ]
    .map(|(name, description, place)| {
        Definition::new(name, description, move |draft| {
            let draft = draft
                .only_model_config(absence::GIVEN_TO_ALL)?
                .only_onnxruntime(absence::FRONT_RESOLVES)?;
            let model = draft.bias_gelu(SUBJECT);
            // Triton looks in its working directory.
            Ok(loads_and_computes(
                draft
                    .library(OPS, Sample::default(), place)
                    .model(model, &[(OPS, Spelling::FileName)]),
            )
            .expect_of_triton_by_model(Outcome::Rejected, Phase::Dlopen, &["{file}"]))
        })
    });
    let working_directory = Definition::new(
        "path-relative-to-working-directory",
        "The path is relative to the folder that the server was started in.",
        |draft| {
            let draft = draft.only_onnxruntime(absence::FRONT_RESOLVES)?;
            Ok(loads_and_computes_everywhere(from_working_directory(draft)))
        },
    );
    [absolute]
        .into_iter()
        .chain(of_model)
        .chain([working_directory])
        .collect()
}

/// The subject with its library, named relative to the server's working directory.
fn from_working_directory(draft: Draft) -> Draft {
    let model = draft.bias_gelu(SUBJECT);
    let draft = draft.library(OPS, Sample::default(), Place::Root);
    if draft.route() == Route::ModelConfig {
        draft.model(model, &[(OPS, Spelling::FromWorkingDirectory)])
    } else {
        draft
            .launch_library(OPS, Spelling::FromWorkingDirectory)
            .model(model, &[])
    }
}

fn documented_command() -> Definition {
    Definition::new(
        "documented-command",
        "The command of Triton's documentation, with the server's name replaced: a bare file name \
         in LD_PRELOAD with LD_LIBRARY_PATH, a relative path in model_operations, several entries \
         in plugins=.",
        |draft| {
            let by_flag = draft.route() == Route::Flag;
            let draft = draft
                .only(!by_flag, absence::NOT_IN_DOCUMENTATION)?
                .loads_at_start();
            const VENDOR: &str = "vendor";
            let sample = || Sample::default().with_signature(1);
            let model = draft.bias_gelu(SUBJECT);
            let draft = match draft.route() {
                Route::Environment | Route::Flag => draft
                    .library(OPS, sample(), Place::Root)
                    .launch_library(OPS, Spelling::FileName)
                    .model(model, &[]),
                Route::ModelConfig => from_working_directory(draft),
                Route::BackendConfig => draft
                    .library(OPS, sample(), Place::Root)
                    .library(
                        VENDOR,
                        Sample::default()
                            .with_signature(2)
                            .with_domain(VENDOR_DOMAIN),
                        Place::Root,
                    )
                    .launch_library(OPS, Spelling::FromWorkingDirectory)
                    .launch_library(VENDOR, Spelling::FromWorkingDirectory)
                    .model(model.with_domains(&[DEFAULT_DOMAIN, VENDOR_DOMAIN]), &[]),
            };
            Ok(draft
                .steps([
                    Step::HasState(SUBJECT, "READY"),
                    Step::Compute(SUBJECT),
                    Step::IsMapped(OPS),
                ])
                .expect_served(Phase::FirstRun))
        },
    )
    .representative()
}

/// One case an op: models of all its element types and attributes share the library.
fn computes(op: Op) -> Definition {
    let name = format!("computes-{}", op.snake_name().replace('_', "-"));
    let description = format!(
        "{op} computes what the reference maths says, in each element type and with each of its \
         attributes."
    );
    Definition::new(name, description, move |draft| {
        let draft = draft.only_model_config(absence::OP_IS_THE_SAME)?;
        let models = variants(&draft, op);
        let draft = draft.only(
            !models.is_empty(),
            "a plugin of TensorRT 8 cannot have an output whose shape depends on values",
        )?;
        let steps: Vec<Step> = models
            .iter()
            .flat_map(|(name, _)| [Step::Load(name), Step::Compute(name)])
            .collect();
        let draft = draft.library(OPS, Sample::default(), Place::Root);
        let draft = models.into_iter().fold(draft, |draft, (_, model)| {
            draft.model(model, &[(OPS, Spelling::Absolute)])
        });
        Ok(draft
            .steps(steps)
            .expect_served(Phase::FirstRun)
            .expect_of_triton_by_model(Outcome::Served, Phase::FirstRun, &[]))
    })
}

/// The models of `op` that the framework's default runtime can run, with their names.
fn variants(draft: &Draft, op: Op) -> Vec<(&'static str, Model)> {
    let default: Option<RuntimeName> = Catalog::builtin()
        .default_of(draft.framework())
        .map(|entry| entry.name());
    let types = default.map_or(op.data_types(), |runtime| op.data_types_on(&runtime));
    let mut models = Vec::new();
    for &data_type in types {
        let name = match data_type {
            DataType::Fp32 => "fp32",
            DataType::Fp16 => "fp16",
            DataType::Int32 => "int32",
            DataType::Int64 => "int64",
        };
        models.push((name, draft.model_of(name, op, data_type)));
    }
    let attributes = match op {
        Op::BiasGelu => [("tanh-fp32", DataType::Fp32), ("tanh-fp16", DataType::Fp16)],
        Op::RmsNorm => [
            ("large-epsilon-fp32", DataType::Fp32),
            ("large-epsilon-fp16", DataType::Fp16),
        ],
        Op::Modulo | Op::SelectAbove => return models,
    };
    for (name, data_type) in attributes {
        let model = draft.model_of(name, op, data_type);
        models.push((
            name,
            match op {
                Op::BiasGelu => model.with_approximation(Approximation::Tanh),
                _ => model.with_epsilon(0.5),
            },
        ));
    }
    models
}

fn two_models() -> Definition {
    const SECOND: &str = "second";
    Definition::new(
        "two-models-one-library",
        "Two models share one library; it stays while one of them does, and goes with the last.",
        |draft| {
            let draft = draft.only_model_config("see available-to-all-models")?;
            let second = draft.model_of(SECOND, Op::RmsNorm, DataType::Fp32);
            let closes = draft.closes_libraries();
            let draft = draft
                .runs_ops()
                .subject(Sample::default())
                .model(second, &[(OPS, Spelling::Absolute)])
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
                .expect_of_triton_by_model(Outcome::StillLoaded, Phase::Unload, &["{library}"]);
            Ok(if closes {
                draft.expect(&[], Outcome::Served, Phase::Unload, &[])
            } else {
                draft
                    .expect(&APART, Outcome::Served, Phase::Unload, &[])
                    .expect(
                        &TOGETHER,
                        Outcome::StillLoaded,
                        Phase::Unload,
                        &["{library}"],
                    )
            })
        },
    )
}

fn two_domains() -> Definition {
    const VENDOR: &str = "vendor";
    Definition::new(
        "two-libraries-two-domains",
        "One model uses two libraries that register the same ops under different domains, \
         namespaces or prefixes; each node is answered by its own library.",
        |draft| {
            let draft =
                draft.only_model_config("see documented-command, on the path backend-config")?;
            let model = draft
                .bias_gelu(SUBJECT)
                .with_domains(&[DEFAULT_DOMAIN, VENDOR_DOMAIN]);
            let sample = |signature| Sample::default().with_signature(signature);
            Ok(draft
                .library(OPS, sample(1), Place::Root)
                .library(VENDOR, sample(2).with_domain(VENDOR_DOMAIN), Place::Root)
                .model_with(model, &[OPS, VENDOR])
                .steps([
                    Step::Load(SUBJECT),
                    Step::Compute(SUBJECT),
                    Step::IsMapped(OPS),
                    Step::IsMapped(VENDOR),
                ])
                .expect_served(Phase::FirstRun))
        },
    )
}

fn older_api_level() -> Definition {
    Definition::new(
        "older-api-level",
        "The library was built for an older level of the runtime's interface.",
        |draft| {
            let draft = draft
                .only_onnxruntime(absence::NO_API_LEVELS)?
                .only_model_config(absence::OP_IS_THE_SAME)?;
            Ok(loads_and_computes(draft.subject(
                Sample::default().with_api_level(OLDER_API_LEVEL),
            )))
        },
    )
}

fn sixty_four_models() -> Definition {
    Definition::new(
        "sixty-four-models",
        "64 models with one library are loaded at once; all of them answer.",
        |draft| {
            let draft = draft
                .only_onnxruntime(absence::MANY_WORKERS)?
                .only_model_config(absence::OP_IS_THE_SAME)?;
            let model = draft.bias_gelu(SUBJECT);
            Ok(draft
                .library(OPS, Sample::default(), Place::Root)
                .models(64, model, &[(OPS, Spelling::Absolute)])
                .steps([
                    Step::Load(SUBJECT),
                    Step::AwaitLoaded(SUBJECT),
                    Step::IsReady,
                    Step::Compute(SUBJECT),
                ])
                .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        },
    )
}
