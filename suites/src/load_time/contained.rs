//! Libraries that crash, abort, throw or hang: the front process stays, and a healthy model keeps
//! answering. In `LD_PRELOAD` they meet the server's own process, before anything can be done
//! about it.

use std::time::Duration;

use runtimes::Framework;
use test_ops::{Broken, Fault, Sample};

use crate::arrangement::{Launch, Route, Step};
use crate::making::{Definition, Draft, HEALTHY, OPS, SUBJECT, TOGETHER, absence};
use crate::observation::{Outcome, Phase};

/// Answers that the healthy model must have given after the trouble.
const FURTHER_ANSWERS: u64 = 200;
/// An API level that no runtime offers.
const NEWER_API_LEVEL: u32 = 99;

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    let mut definitions: Vec<Definition> = initializers().collect();
    definitions.push(unchecked_api());
    definitions.extend(kernels());
    definitions.push(kernel_crashes_every_worker());
    definitions
}

/// Asks the healthy model without a pause while the subject is loaded, and after.
pub(super) fn under_traffic(draft: Draft) -> Draft {
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

/// The server's time limits where something hangs: enough for the framework's worker to start on a
/// busy machine, with gigabytes of a full PyTorch that nobody has read before.
fn time_limit(framework: Framework) -> Duration {
    Duration::from_secs(match framework {
        Framework::OnnxRuntime => 3,
        _ => 20,
    })
}

/// Only what hangs gets a short time limit: on a busy machine anything else may take as long.
fn limit_time(framework: Framework, outcome: Outcome) -> impl FnOnce(&mut Launch) {
    move |launch| {
        if outcome == Outcome::Hung {
            launch.load_timeout = time_limit(framework);
            launch.execution_timeout = time_limit(framework);
        }
    }
}

/// Where models share a worker, the trouble of one is the trouble of all until it is restarted.
pub(super) fn expect_contained(
    draft: Draft,
    outcome: Outcome,
    phase: Phase,
    message: &[&str],
) -> Draft {
    draft
        .expect(&TOGETHER, outcome, phase, message)
        .expect_undisturbed(&[], outcome, phase, message)
}

fn initializers() -> impl Iterator<Item = Definition> {
    let cases: [(&str, &str, Broken, &'static [&'static str]); 4] = [
        (
            "static-initializer-crashes",
            "A static initializer of the library writes to address zero.",
            Broken::InitializerCrashes,
            &["signal 11 (SIGSEGV)"],
        ),
        (
            "static-initializer-aborts",
            "A static initializer of the library calls abort.",
            Broken::InitializerAborts,
            &["signal 6 (SIGABRT)"],
        ),
        (
            "static-initializer-throws",
            "A static initializer of the library throws a C++ exception.",
            Broken::InitializerThrows,
            &[
                "signal 6 (SIGABRT)",
                "std::runtime_error",
                "the static initializer throws, as it was asked to",
            ],
        ),
        (
            "static-initializer-hangs",
            "A static initializer of the library never returns.",
            Broken::InitializerHangs,
            &["--load-timeout"],
        ),
    ];
    cases.into_iter().map(|(name, description, broken, texts)| {
        let definition = Definition::new(name, description, move |draft| {
            let stands_for_all =
                !draft.route().is_launch() || draft.framework() == Framework::OnnxRuntime;
            let draft = draft.only(stands_for_all, absence::LOADER_IS_THE_SAME)?;
            let hangs = broken == Broken::InitializerHangs;
            Ok(match draft.route() {
                Route::ModelConfig => contained_initializer(draft, broken, hangs, texts),
                Route::Environment => preloaded_initializer(draft, broken, hangs),
                Route::Flag | Route::BackendConfig => {
                    initializer_at_launch(draft, broken, hangs, texts)
                }
            })
        });
        if broken == Broken::InitializerCrashes {
            definition.representative()
        } else {
            definition
        }
    })
}

fn contained_initializer(draft: Draft, broken: Broken, hangs: bool, texts: &[&str]) -> Draft {
    let framework = draft.framework();
    let outcome = if hangs {
        Outcome::Hung
    } else {
        Outcome::WorkerCrashed
    };
    let mut draft = under_traffic(draft.subject(broken))
        .launch(limit_time(framework, outcome))
        .afterwards([
            Step::IsNotReady,
            Step::HasState(SUBJECT, "UNAVAILABLE"),
            Step::IsUnknownToInference(SUBJECT),
        ]);
    if framework != Framework::TensorRt {
        draft = draft.afterwards([
            Step::Replace(OPS, Sample::default().with_signature(3).into()),
            Step::Load(SUBJECT),
            Step::Compute(SUBJECT),
            Step::IsReady,
        ]);
    }
    let said: Vec<&str> = ["{library}", "static initializer"]
        .into_iter()
        .chain(texts.iter().copied())
        .collect();
    let draft = expect_contained(draft, outcome, Phase::Dlopen, &said);
    match broken {
        // The client sees nothing but a closed connection.
        Broken::InitializerCrashes => expect_triton_dies(draft, Phase::Load, "signal 11"),
        Broken::InitializerAborts => expect_triton_dies(draft, Phase::Load, "signal 6"),
        _ => draft,
    }
}

/// Triton has no process to contain it in.
fn expect_triton_dies(draft: Draft, phase: Phase, signal: &str) -> Draft {
    draft.expect_of_triton_by_model(Outcome::Aborted, phase, &[signal])
}

/// The dynamic loader runs it in the server's own process, before the server begins.
fn preloaded_initializer(draft: Draft, broken: Broken, hangs: bool) -> Draft {
    let draft = draft
        .subject(broken)
        .loads_at_start()
        .launch(|launch| {
            if hangs {
                launch.start_limit = Duration::from_secs(3);
            }
        })
        .steps([Step::IsReady]);
    if hangs {
        return draft
            .expect(&[], Outcome::Hung, Phase::Preload, &[])
            .expect_of_triton_by_loader(Outcome::Hung, Phase::Preload, &[]);
    }
    let signal = match broken {
        Broken::InitializerCrashes => "signal 11",
        _ => "signal 6",
    };
    draft
        .expect(&[], Outcome::Aborted, Phase::Preload, &[signal])
        .expect_of_triton_by_loader(Outcome::Aborted, Phase::Preload, &[signal])
}

/// A worker runs it while the server starts.
fn initializer_at_launch(draft: Draft, broken: Broken, hangs: bool, texts: &[&str]) -> Draft {
    let outcome = if hangs {
        Outcome::Hung
    } else {
        Outcome::RefusedStart
    };
    let framework = draft.framework();
    // What the dynamic loader does in a worker is before the worker's own code.
    let where_it_was = match draft.route() {
        Route::Flag => "before its own code ran",
        _ => "static initializer",
    };
    let texts: Vec<&str> = ["exit status 1", "{library}", where_it_was]
        .into_iter()
        .chain(texts.iter().copied())
        .collect();
    draft
        .subject(broken)
        .loads_at_start()
        .launch(limit_time(framework, outcome))
        .steps([Step::IsReady])
        .expect(&[], Outcome::RefusedStart, Phase::Dlopen, &texts)
}

fn unchecked_api() -> Definition {
    Definition::new(
        "registration-crashes-on-newer-api-level",
        "The library asks for an API level that the runtime lacks and uses the null pointer that \
         it gets.",
        |draft| {
            let draft = draft
                .only_onnxruntime(absence::NO_API_LEVELS)?
                .only_model_config(absence::OP_IS_THE_SAME)?;
            let library = Sample::default()
                .with_api_level(NEWER_API_LEVEL)
                .with_fault(Fault::UncheckedApi);
            let draft = expect_contained(
                under_traffic(draft.subject(library)),
                Outcome::WorkerCrashed,
                Phase::Register,
                &[
                    "{library}",
                    "build the library for API level",
                    "signal 11 (SIGSEGV)",
                    "API level 99",
                ],
            );
            Ok(expect_triton_dies(draft, Phase::Load, "signal 11"))
        },
    )
}

fn kernels() -> impl Iterator<Item = Definition> {
    let cases: [(&str, &str, Fault, Outcome, &'static [&'static str]); 4] = [
        (
            "kernel-crashes",
            "The op's first run writes to address zero.",
            Fault::KernelCrashes,
            Outcome::WorkerCrashed,
            &["signal 11 (SIGSEGV)"],
        ),
        (
            "kernel-throws",
            "The op's first run throws a C++ exception; the request is refused with its text. \
             TensorFlow and TensorRT catch none: there it takes the worker along.",
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
            &["--execution-timeout"],
        ),
    ];
    cases
        .into_iter()
        .map(|(name, description, fault, outcome, message)| {
            let definition = Definition::new(name, description, move |draft| {
                let framework = draft.framework();
                let draft = draft
                    .only_model_config(absence::OP_IS_THE_SAME)?
                    .only(fault.exists_for(framework), absence::RETURNS_NO_STATUS)?
                    .runs_ops();
                let library = Sample::default().with_fault(fault);
                // TensorFlow runs kernels in threads of its own and catches nothing there; the
                // functions of a TensorRT plugin are declared to throw nothing.
                let catches = !matches!(framework, Framework::TensorFlow | Framework::TensorRt);
                let uncaught = fault == Fault::KernelThrows && !catches;
                let outcome = if uncaught {
                    Outcome::WorkerCrashed
                } else {
                    outcome
                };
                let mut draft = under_traffic(draft.subject(library))
                    .launch(limit_time(framework, outcome))
                    .steps([Step::Compute(SUBJECT)]);
                if outcome == Outcome::Rejected {
                    // Only the first run fails; the worker, and with it the model, goes on.
                    draft = draft.afterwards([Step::Compute(SUBJECT), Step::IsReady]);
                }
                let draft = expect_contained(draft, outcome, Phase::FirstRun, message);
                Ok(if fault == Fault::KernelCrashes {
                    expect_triton_dies(draft, Phase::FirstRun, "signal 11")
                } else {
                    draft
                })
            });
            if fault == Fault::KernelCrashes {
                definition.representative()
            } else {
                definition
            }
        })
}

fn kernel_crashes_every_worker() -> Definition {
    Definition::new(
        "kernel-crashes-every-worker",
        "The op kills each worker that runs it: the server restarts the worker a few times, then \
         marks the model unavailable with the reason.",
        |draft| {
            let draft = draft
                .only_model_config(absence::OP_IS_THE_SAME)?
                .runs_ops()
                .subject(Sample::default().with_fault(Fault::KernelCrashes))
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
            Ok(expect_contained(
                draft,
                Outcome::WorkerCrashed,
                Phase::FirstRun,
                &["signal 11 (SIGSEGV)"],
            ))
        },
    )
}
