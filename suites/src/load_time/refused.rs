//! Libraries that are refused: whoever asks is told the file, the reason and the remedy. Where a
//! model names the library, the server and the other models go on, and a repaired library is
//! loaded without a restart; where it is given at launch, the server does not start.

use runtimes::Framework;
use test_ops::{Broken, Content, DEFAULT_DOMAIN, Fault, Op, Sample};

use crate::arrangement::{Place, Route, Spelling, Step};
use crate::case::LoadingPath;
use crate::making::{Definition, Draft, HEALTHY, OPS, SUBJECT, VENDOR_DOMAIN, absence};
use crate::observation::{Outcome, Phase};

/// An API level that no runtime offers.
const NEWER_API_LEVEL: u32 = 99;

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    let mut definitions = vec![missing()];
    definitions.extend(outside());
    definitions.extend(files());
    definitions.push(missing_dependency());
    definitions.push(undefined_symbol());
    definitions.extend(entry_points());
    definitions.extend([
        newer_api_level(),
        registration_fails(),
        op_of_a_library_not_named(),
        op_of_no_library(),
    ]);
    definitions
}

/// Where a model names the library: loads the healthy model, then the subject, which should be
/// refused. Where it is given at launch: starts the server, which should refuse.
pub fn attempt(draft: Draft) -> Draft {
    if draft.route().is_launch() {
        return draft.loads_at_start().steps([Step::IsReady]);
    }
    draft
        .healthy()
        .steps([
            Step::Load(HEALTHY),
            Step::Load(SUBJECT),
            Step::Compute(SUBJECT),
        ])
        .afterwards([
            Step::IsLive,
            Step::IsNotReady,
            Step::HasState(SUBJECT, "UNAVAILABLE"),
            Step::IsUnknownToInference(SUBJECT),
            Step::Compute(HEALTHY),
        ])
}

/// Puts a working library in the place of the one that was refused.
pub fn repair(draft: Draft) -> Draft {
    // What is given at launch is repaired by another launch, and TensorRT serves on a GPU only.
    if draft.route().is_launch() || draft.framework() == Framework::TensorRt {
        return draft;
    }
    draft.afterwards([
        Step::Replace(OPS, Sample::default().with_signature(3).into()),
        Step::Load(SUBJECT),
        Step::Compute(SUBJECT),
        Step::IsReady,
    ])
}

/// The model is refused, or the start of the server is, in `phase` and with these `texts`.
pub fn expect_refusal(draft: Draft, phase: Phase, texts: &[&str]) -> Draft {
    if draft.route().is_launch() {
        let texts: Vec<&str> = ["exit status 1"]
            .into_iter()
            .chain(texts.iter().copied())
            .collect();
        draft.expect(&[], Outcome::RefusedStart, phase, &texts)
    } else {
        draft.expect(&[], Outcome::Rejected, phase, texts)
    }
}

/// What Triton's ONNX Runtime says of a library that it cannot use, before the reason.
const TRITON_REFUSES: &str = "onnx runtime error 1";

/// Triton refuses it too, where the model names the library.
fn expect_triton_refuses(draft: Draft, phase: Phase) -> Draft {
    draft.expect_of_triton_by_model(Outcome::Rejected, phase, &[TRITON_REFUSES])
}

/// A subject with this content is refused.
fn refused(draft: Draft, content: impl Into<Content>, phase: Phase, texts: &[&str]) -> Draft {
    expect_refusal(repair(attempt(draft.subject(content))), phase, texts)
}

fn missing() -> Definition {
    Definition::new(
        "file-missing",
        "The library's file does not exist. The dynamic loader ignores such an entry of LD_PRELOAD; \
         the server notices.",
        |draft| {
            let model = draft.bias_gelu(SUBJECT);
            let draft = draft
                .missing_library(OPS, Place::Root)
                .model_with(model, &[OPS]);
            let by_model = draft.route() == Route::ModelConfig;
            let texts: &[&str] = if by_model {
                &["{library}", "was not found", "op_library_filename"]
            } else {
                &["{library}"]
            };
            Ok(expect_triton_refuses(
                expect_refusal(repair(attempt(draft)), Phase::Dlopen, texts),
                Phase::Dlopen,
            ))
        },
    )
    .representative()
}

fn outside() -> impl Iterator<Item = Definition> {
    [
        (
            "outside-roots",
            "The library lies outside the allowed folders.",
            Place::Elsewhere,
            Spelling::Absolute,
        ),
        (
            "outside-roots-through-parent-folder",
            "The path begins in an allowed folder and leaves it through `..`.",
            Place::Elsewhere,
            Spelling::ThroughParent,
        ),
        (
            "outside-roots-through-symbolic-link",
            "A symbolic link in an allowed folder points to a library outside of it.",
            Place::LinkedFromRoot,
            Spelling::Absolute,
        ),
    ]
    .into_iter()
    .map(|(name, description, place, spelling)| {
        Definition::new(name, description, move |draft| {
            let draft = draft
                .only_model_config(absence::LAUNCHER_DECIDES)?
                .only_onnxruntime(absence::FRONT_RESOLVES)?;
            let model = draft.bias_gelu(SUBJECT);
            let draft = draft
                .library(OPS, Sample::default(), place)
                .model(model, &[(OPS, spelling)]);
            Ok(attempt(draft).afterwards([Step::IsUnmapped(OPS)]).expect(
                &[],
                Outcome::Rejected,
                Phase::Dlopen,
                &["elsewhere/{file}", "outside", "--op-library-root"],
            ))
        })
    })
}

/// Files that are no libraries for this machine.
fn files() -> impl Iterator<Item = Definition> {
    let cases: [(&str, &str, Broken, &'static [&'static str]); 3] = [
        (
            "not-elf",
            "The file is a text file with the name of a library.",
            Broken::NotElf,
            &[
                "{library}",
                "is not an ELF file",
                "give the path of the shared library",
            ],
        ),
        (
            "truncated-elf",
            "The file is the first half of a library.",
            Broken::Truncated,
            &["{library}", "truncated ELF file", "copy or build it again"],
        ),
        (
            "other-architecture",
            "The library was built for another processor architecture.",
            Broken::OtherArchitecture,
            &[
                "{library}",
                "built for another architecture",
                "AArch64",
                "build it for",
            ],
        ),
    ];
    cases.into_iter().map(|(name, description, broken, texts)| {
        Definition::new(name, description, move |draft| {
            let by_loader = draft.route() == Route::Environment && broken == Broken::Truncated;
            let draft = draft.only(
                !by_loader,
                "the dynamic loader maps past the end of the file and dies of it before the server \
                 begins, whatever the framework",
            )?;
            Ok(refused(draft, broken, Phase::Dlopen, texts))
        })
    })
}

fn missing_dependency() -> Definition {
    Definition::new(
        "missing-dependency",
        "The library needs another library that is nowhere to be found. In LD_PRELOAD it keeps the \
         process from starting at all, with status 127.",
        |draft| {
            let by_loader = draft.route() == Route::Environment;
            let draft = repair(attempt(draft.subject(Broken::MissingDependency)));
            if by_loader {
                let texts = &[
                    "exit status 127",
                    "libabsent_dependency.so",
                    "dynamic loader",
                ];
                return Ok(draft
                    .expect(&[], Outcome::RefusedStart, Phase::Preload, texts)
                    .expect_of_triton_by_loader(Outcome::RefusedStart, Phase::Preload, texts));
            }
            Ok(expect_refusal(
                draft,
                Phase::Dlopen,
                &[
                    "{library}",
                    "needs the library libabsent_dependency.so",
                    "not found",
                    "install",
                ],
            ))
        },
    )
    .representative()
}

fn undefined_symbol() -> Definition {
    Definition::new(
        "undefined-symbol",
        "The library refers to a C++ symbol that nothing defines.",
        |draft| {
            let draft = refused(
                draft,
                Broken::UndefinedSymbol,
                Phase::Dlopen,
                &[
                    "{library}",
                    "undefined symbol",
                    "vendor::Tensor::resize(unsigned long)",
                    "link the",
                ],
            );
            Ok(expect_triton_refuses(draft, Phase::Dlopen))
        },
    )
    .representative()
}

fn entry_points() -> [Definition; 2] {
    let has_entry_point = |broken: Broken, draft: Draft| {
        let exists = broken.exists_for(draft.framework());
        draft.only(exists, absence::NO_ENTRY_POINT)
    };
    [
        Definition::new(
            "no-entry-point",
            "The library has no function that the framework could register its ops with.",
            move |draft| {
                let draft = has_entry_point(Broken::NoEntryPoint, draft)?;
                let is_preloaded = draft.route().path() == LoadingPath::Preload;
                // Plugins are known by TensorRT's registry, which they are linked against.
                if is_preloaded && draft.framework() != Framework::TensorRt {
                    return Ok(preloaded_without_ops(draft));
                }
                let texts: &[&str] = match draft.framework() {
                    Framework::OnnxRuntime => {
                        &["{library}", "exports no RegisterCustomOps", "extern \"C\""]
                    }
                    _ => &["{library}", "getPluginCreators"],
                };
                Ok(expect_triton_refuses(
                    refused(draft, Broken::NoEntryPoint, Phase::Register, texts),
                    Phase::Register,
                ))
            },
        ),
        Definition::new(
            "mangled-entry-point",
            "The library's entry point was compiled as a C++ function.",
            move |draft| {
                let draft = has_entry_point(Broken::MangledEntryPoint, draft)?;
                let texts: &[&str] = match draft.framework() {
                    Framework::OnnxRuntime => &[
                        "{library}",
                        "RegisterCustomOps under the C++ name",
                        "declare it extern \"C\"",
                    ],
                    _ => &["{library}", "getPluginCreators", "extern \"C\""],
                };
                Ok(expect_triton_refuses(
                    refused(draft, Broken::MangledEntryPoint, Phase::Register, texts),
                    Phase::Register,
                ))
            },
        ),
    ]
}

/// Nothing tells a preloaded library without an entry point from any other library that people
/// preload, such as an allocator: the model misses the op.
fn preloaded_without_ops(draft: Draft) -> Draft {
    let op = draft.op_name(DEFAULT_DOMAIN, Op::BiasGelu);
    expect_refusal(
        attempt(draft.runs_ops().subject(Broken::NoEntryPoint)),
        Phase::Load,
        &[SUBJECT, &op, "op_library_filename"],
    )
}

fn newer_api_level() -> Definition {
    Definition::new(
        "api-level-newer-than-runtime",
        "The library asks for a level of the runtime's interface that the runtime lacks.",
        |draft| {
            let draft = draft.only_onnxruntime(absence::NO_API_LEVELS)?;
            Ok(refused(
                draft,
                Sample::default().with_api_level(NEWER_API_LEVEL),
                Phase::Register,
                &[
                    "{library}",
                    "API level 99",
                    "offers at most",
                    "build it for level",
                ],
            ))
        },
    )
}

fn registration_fails() -> Definition {
    Definition::new(
        "registration-fails",
        "The library's entry point reports an error, whose text reaches whoever asked.",
        |draft| {
            let exists = Fault::RegistrationFails.exists_for(draft.framework());
            let draft = draft.only(exists, absence::REGISTRATION_CANNOT_FAIL)?;
            let texts: &[&str] = match draft.framework() {
                Framework::OnnxRuntime => &["{library}", "RegisterCustomOps", "failed"],
                _ => &["{library}", "entry point", "no plugin creators"],
            };
            Ok(refused(
                draft,
                Sample::default().with_fault(Fault::RegistrationFails),
                Phase::Register,
                texts,
            ))
        },
    )
}

fn op_of_a_library_not_named() -> Definition {
    Definition::new(
        "op-not-provided",
        "The model needs an op that none of its libraries provides; the error names the op, and \
         the known library that provides it.",
        |draft| {
            let draft = draft.only_model_config(absence::GIVEN_TO_ALL)?.runs_ops();
            let model = draft.bias_gelu(SUBJECT).with_domains(&[VENDOR_DOMAIN]);
            let op = draft.op_name(VENDOR_DOMAIN, Op::BiasGelu);
            let draft = attempt(
                draft
                    .library(
                        OPS,
                        Sample::default().with_domain(VENDOR_DOMAIN),
                        Place::Root,
                    )
                    .model(model, &[]),
            )
            .expect(
                &[],
                Outcome::Rejected,
                Phase::Load,
                &[&op, "{library}", "op_library_filename"],
            );
            Ok(expect_triton_refuses(draft, Phase::Load))
        },
    )
}

fn op_of_no_library() -> Definition {
    Definition::new(
        "op-not-provided-by-any-library",
        "The model needs an op that its library lacks and that no known library provides; the \
         error names the op.",
        |draft| {
            let draft = draft.only_model_config(absence::OP_IS_THE_SAME)?.runs_ops();
            let model = draft.bias_gelu(SUBJECT).with_domains(&[VENDOR_DOMAIN]);
            let op = draft.op_name(VENDOR_DOMAIN, Op::BiasGelu);
            let draft = attempt(
                draft
                    .library(OPS, Sample::default().with_ops(&[Op::RmsNorm]), Place::Root)
                    .model(model, &[(OPS, Spelling::Absolute)]),
            )
            .expect(
                &[],
                Outcome::Rejected,
                Phase::Load,
                &[&op, "{file}", "op_library_filename"],
            );
            Ok(expect_triton_refuses(draft, Phase::Load))
        },
    )
    .representative()
}
