//! Libraries that are refused: the client is told the file, the reason and the remedy, the server
//! and the other models go on, and a repaired library is loaded without a restart.

use test_ops::{Broken, Content, Fault, Op, Sample};

use super::draft::{Draft, HEALTHY, OPS, SUBJECT, bias_gelu};
use crate::arrangement::{Place, Spelling, Step};
use crate::case::Case;
use crate::observation::{Outcome, Phase};

/// An API level that no runtime offers.
const NEWER_API_LEVEL: u32 = 99;
/// A domain that the library of the healthy model does not register.
const VENDOR_DOMAIN: &str = "vendor.ops";

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = paths();
    cases.extend(contents());
    cases.extend([
        registration_fails(),
        op_of_a_library_not_named(),
        op_of_no_library(),
    ]);
    cases
}

/// Loads the healthy model, then the subject, which should be refused.
fn attempt(draft: Draft) -> Draft {
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
fn repair(draft: Draft) -> Draft {
    draft.afterwards([
        Step::Replace(OPS, Sample::default().with_signature(3).into()),
        Step::Load(SUBJECT),
        Step::Compute(SUBJECT),
        Step::IsReady,
    ])
}

fn paths() -> Vec<Case> {
    let missing = repair(attempt(
        Draft::new("file-missing", "The library's file does not exist.")
            .missing_library(OPS, Place::Root)
            .model(bias_gelu(SUBJECT), &[(OPS, Spelling::Absolute)]),
    ))
    .expect(
        &[],
        Outcome::Rejected,
        Phase::Dlopen,
        &["{library}", "was not found", "op_library_filename"],
    )
    .build();
    let outside = [
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
    ];
    let mut cases = vec![missing];
    cases.extend(
        outside
            .into_iter()
            .map(|(name, description, place, spelling)| {
                attempt(
                    Draft::new(name, description)
                        .library(OPS, Sample::default(), place)
                        .model(bias_gelu(SUBJECT), &[(OPS, spelling)]),
                )
                .afterwards([Step::IsUnmapped(OPS)])
                .expect(
                    &[],
                    Outcome::Rejected,
                    Phase::Dlopen,
                    &["elsewhere/{file}", "outside", "--op-library-root"],
                )
                .build()
            }),
    );
    cases
}

fn contents() -> Vec<Case> {
    let cases: [(&str, &str, Content, Phase, &[&str]); 8] = [
        (
            "not-elf",
            "The file is a text file with the name of a library.",
            Broken::NotElf.into(),
            Phase::Dlopen,
            &[
                "{library}",
                "is not an ELF file",
                "give the path of the shared library",
            ],
        ),
        (
            "truncated-elf",
            "The file is the first half of a library.",
            Broken::Truncated.into(),
            Phase::Dlopen,
            &["{library}", "truncated ELF file", "copy or build it again"],
        ),
        (
            "other-architecture",
            "The library was built for another processor architecture.",
            Broken::OtherArchitecture.into(),
            Phase::Dlopen,
            &[
                "{library}",
                "built for another architecture",
                "AArch64",
                "build it for",
            ],
        ),
        (
            "missing-dependency",
            "The library needs another library that is nowhere to be found.",
            Broken::MissingDependency.into(),
            Phase::Dlopen,
            &[
                "{library}",
                "needs the library libabsent_dependency.so",
                "not found",
                "install",
            ],
        ),
        (
            "undefined-symbol",
            "The library refers to a C++ symbol that nothing defines.",
            Broken::UndefinedSymbol.into(),
            Phase::Dlopen,
            &[
                "{library}",
                "undefined symbol",
                "vendor::Tensor::resize(unsigned long)",
                "link the",
            ],
        ),
        (
            "no-entry-point",
            "The library has no RegisterCustomOps.",
            Broken::NoEntryPoint.into(),
            Phase::Register,
            &["{library}", "exports no RegisterCustomOps", "extern \"C\""],
        ),
        (
            "mangled-entry-point",
            "The library's RegisterCustomOps was compiled as a C++ function.",
            Broken::MangledEntryPoint.into(),
            Phase::Register,
            &[
                "{library}",
                "RegisterCustomOps under the C++ name",
                "declare it extern \"C\"",
            ],
        ),
        (
            "api-level-newer-than-runtime",
            "The library asks for a level of the runtime's interface that the runtime lacks.",
            Sample::default().with_api_level(NEWER_API_LEVEL).into(),
            Phase::Register,
            &[
                "{library}",
                "API level 99",
                "offers at most",
                "build it for level",
            ],
        ),
    ];
    cases
        .into_iter()
        .map(|(name, description, content, phase, texts)| {
            repair(attempt(Draft::new(name, description).subject(content)))
                .expect(&[], Outcome::Rejected, phase, texts)
                .build()
        })
        .collect()
}

fn registration_fails() -> Case {
    let failing = Sample::default().with_fault(Fault::RegistrationFails);
    repair(attempt(
        Draft::new(
            "registration-fails",
            "RegisterCustomOps returns an error, whose text reaches the client.",
        )
        .subject(failing),
    ))
    .expect(
        &[],
        Outcome::Rejected,
        Phase::Register,
        &["{library}", "RegisterCustomOps", "failed"],
    )
    .build()
}

fn op_of_a_library_not_named() -> Case {
    attempt(
        Draft::new(
            "op-not-provided",
            "The model needs an op that none of its libraries provides; the error names op and \
             domain, and the known library that provides it.",
        )
        .library(
            OPS,
            Sample::default().with_domain(VENDOR_DOMAIN),
            Place::Root,
        )
        .model(bias_gelu(SUBJECT).with_domains(&[VENDOR_DOMAIN]), &[]),
    )
    .expect(
        &[],
        Outcome::Rejected,
        Phase::Load,
        &[
            "BiasGelu",
            VENDOR_DOMAIN,
            "{library}",
            "op_library_filename",
        ],
    )
    .build()
}

fn op_of_no_library() -> Case {
    attempt(
        Draft::new(
            "op-not-provided-by-any-library",
            "The model needs an op that its library lacks and that no known library provides; the \
             error names op and domain.",
        )
        .library(OPS, Sample::default().with_ops(&[Op::RmsNorm]), Place::Root)
        .model(
            bias_gelu(SUBJECT).with_domains(&[VENDOR_DOMAIN]),
            &[(OPS, Spelling::Absolute)],
        ),
    )
    .expect(
        &[],
        Outcome::Rejected,
        Phase::Load,
        &[
            "BiasGelu",
            VENDOR_DOMAIN,
            "no op library",
            "{library}",
            "op_library_filename",
        ],
    )
    .build()
}
