//! Libraries that crash, abort, throw or hang: the front process stays, and a healthy model keeps
//! answering.

use std::time::Duration;

use test_ops::{Broken, Content, Fault, Sample};

use super::draft::{Draft, HEALTHY, OPS, SUBJECT, TOGETHER};
use crate::arrangement::{Launch, Step};
use crate::case::Case;
use crate::observation::{Outcome, Phase};

/// The server's time limits where something hangs.
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// Answers that the healthy model must have given after the trouble.
const FURTHER_ANSWERS: u64 = 200;
/// An API level that no runtime offers.
const NEWER_API_LEVEL: u32 = 99;

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = initializers();
    cases.push(unchecked_api());
    cases.extend(kernels());
    cases.push(kernel_crashes_every_worker());
    cases
}

/// Asks the healthy model without a pause while the subject is loaded, and after.
fn under_traffic(draft: Draft) -> Draft {
    draft
        .healthy()
        .steps([
            Step::Load(HEALTHY),
            Step::StartTraffic(HEALTHY),
            Step::Load(SUBJECT),
        ])
        .afterwards([
            Step::IsLive,
            Step::AwaitTraffic(FURTHER_ANSWERS),
            // Where models share a worker, it is a new one now.
            Step::AwaitAnswer(HEALTHY),
        ])
}

/// Only what hangs gets a short time limit: on a busy machine anything else may take as long.
fn limit_time(launch: &mut Launch, outcome: Outcome) {
    if outcome == Outcome::Hung {
        launch.load_timeout = TIME_LIMIT;
        launch.execution_timeout = TIME_LIMIT;
    }
}

/// Where models share a worker, the trouble of one is the trouble of all until it is restarted.
fn expect_contained(draft: Draft, outcome: Outcome, phase: Phase, message: &[&str]) -> Case {
    draft
        .expect(&TOGETHER, outcome, phase, message)
        .expect_undisturbed(&[], outcome, phase, message)
        .build()
}

fn initializers() -> Vec<Case> {
    let cases: [(&str, &str, Broken, Outcome, &[&str]); 4] = [
        (
            "static-initializer-crashes",
            "A static initializer of the library writes to address zero.",
            Broken::InitializerCrashes,
            Outcome::WorkerCrashed,
            &["{library}", "static initializer", "signal 11 (SIGSEGV)"],
        ),
        (
            "static-initializer-aborts",
            "A static initializer of the library calls abort.",
            Broken::InitializerAborts,
            Outcome::WorkerCrashed,
            &["{library}", "static initializer", "signal 6 (SIGABRT)"],
        ),
        (
            "static-initializer-throws",
            "A static initializer of the library throws a C++ exception.",
            Broken::InitializerThrows,
            Outcome::WorkerCrashed,
            &[
                "{library}",
                "static initializer",
                "signal 6 (SIGABRT)",
                "std::runtime_error",
                "the static initializer throws, as it was asked to",
            ],
        ),
        (
            "static-initializer-hangs",
            "A static initializer of the library never returns.",
            Broken::InitializerHangs,
            Outcome::Hung,
            &["{library}", "static initializer", "3 s", "--load-timeout"],
        ),
    ];
    cases
        .into_iter()
        .map(|(name, description, broken, outcome, message)| {
            let draft = under_traffic(Draft::new(name, description).subject(broken))
                .launch(|launch| limit_time(launch, outcome))
                .afterwards([
                    Step::IsNotReady,
                    Step::HasState(SUBJECT, "UNAVAILABLE"),
                    Step::IsUnknownToInference(SUBJECT),
                    Step::Replace(OPS, Sample::default().with_signature(3).into()),
                    Step::Load(SUBJECT),
                    Step::Compute(SUBJECT),
                    Step::IsReady,
                ]);
            expect_contained(draft, outcome, Phase::Dlopen, message)
        })
        .collect()
}

fn unchecked_api() -> Case {
    let library = Sample::default()
        .with_api_level(NEWER_API_LEVEL)
        .with_fault(Fault::UncheckedApi);
    let draft = under_traffic(
        Draft::new(
            "registration-crashes-on-newer-api-level",
            "The library asks for an API level that the runtime lacks and uses the null pointer \
             that it gets.",
        )
        .subject(library),
    );
    expect_contained(
        draft,
        Outcome::WorkerCrashed,
        Phase::Register,
        &[
            "{library}",
            "build the library for API level",
            "signal 11 (SIGSEGV)",
            "API level 99",
        ],
    )
}

fn kernels() -> Vec<Case> {
    let cases: [(&str, &str, Fault, Outcome, &[&str]); 4] = [
        (
            "kernel-crashes",
            "The op's first run writes to address zero.",
            Fault::KernelCrashes,
            Outcome::WorkerCrashed,
            &["signal 11 (SIGSEGV)"],
        ),
        (
            "kernel-throws",
            "The op's first run throws a C++ exception; the request is refused with its text.",
            Fault::KernelThrows,
            Outcome::Rejected,
            &["the kernel throws, as it was asked to"],
        ),
        (
            "kernel-returns-error",
            "The op's first run fails with a status; the request is refused with its text.",
            Fault::KernelPanics,
            Outcome::Rejected,
            &["the kernel panics, as it was asked to"],
        ),
        (
            "kernel-hangs",
            "The op's first run never returns.",
            Fault::KernelHangs,
            Outcome::Hung,
            &["3 s", "--execution-timeout"],
        ),
    ];
    cases
        .into_iter()
        .map(|(name, description, fault, outcome, message)| {
            let library: Content = Sample::default().with_fault(fault).into();
            let mut draft = under_traffic(Draft::new(name, description).subject(library))
                .launch(|launch| limit_time(launch, outcome))
                .steps([Step::Compute(SUBJECT)]);
            if outcome == Outcome::Rejected {
                // Only the first run fails; the worker, and with it the model, goes on.
                draft = draft.afterwards([Step::Compute(SUBJECT), Step::IsReady]);
            }
            expect_contained(draft, outcome, Phase::FirstRun, message)
        })
        .collect()
}

fn kernel_crashes_every_worker() -> Case {
    let library = Sample::default().with_fault(Fault::KernelCrashes);
    let draft = Draft::new(
        "kernel-crashes-every-worker",
        "The op kills each worker that runs it: the server restarts the worker a few times, then \
         marks the model unavailable with the reason.",
    )
    .subject(library)
    .healthy()
    .steps([
        Step::Load(HEALTHY),
        Step::StartTraffic(HEALTHY),
        Step::Load(SUBJECT),
        Step::RunUntilGivenUp(SUBJECT),
    ])
    .afterwards([
        Step::IsLive,
        Step::IsNotReady,
        Step::IsUnknownToInference(SUBJECT),
        Step::AwaitTraffic(FURTHER_ANSWERS),
    ]);
    expect_contained(
        draft,
        Outcome::WorkerCrashed,
        Phase::FirstRun,
        &["signal 11 (SIGSEGV)"],
    )
}
