//! Model control modes: who loads a model, and what a bad library does to the start.

use test_ops::{Broken, Sample};

use super::draft::{Draft, HEALTHY, OPS, SUBJECT};
use crate::arrangement::{ControlMode, Step};
use crate::case::Case;
use crate::observation::{Outcome, Phase};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        loaded_at_start(),
        loaded_by_flag(),
        polled(),
        bad_library_refuses_start(),
        bad_library_is_tolerated(),
    ]
}

fn loaded_at_start() -> Case {
    Draft::new(
        "control-mode-none",
        "With control mode none the server is ready when all models with their libraries are.",
    )
    .subject(Sample::default())
    .healthy()
    .launch(|launch| launch.control_mode = ControlMode::None)
    .steps([
        Step::HasState(SUBJECT, "READY"),
        Step::Compute(SUBJECT),
        Step::Compute(HEALTHY),
        Step::IsMapped(OPS),
    ])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

fn loaded_by_flag() -> Case {
    Draft::new(
        "control-mode-explicit-load-model",
        "With control mode explicit the models named by --load-model are loaded at start, the \
         others are not.",
    )
    .subject(Sample::default())
    .healthy()
    .launch(|launch| launch.load_models = vec![SUBJECT])
    .steps([
        Step::HasState(SUBJECT, "READY"),
        Step::Compute(SUBJECT),
        Step::IsUnknownToInference(HEALTHY),
        Step::IsUnmapped(HEALTHY),
    ])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

fn polled() -> Case {
    Draft::new(
        "control-mode-poll",
        "With control mode poll a model that changed is loaded again with the library that is \
         there now, and a model that was removed takes its library along.",
    )
    .subject(Sample::default().with_signature(1))
    .healthy()
    .launch(|launch| launch.control_mode = ControlMode::Poll)
    .steps([
        Step::AwaitLoaded(SUBJECT),
        Step::Compute(SUBJECT),
        Step::Replace(OPS, Sample::default().with_signature(2).into()),
        Step::TouchModel(SUBJECT),
        Step::AwaitRebuilt(SUBJECT),
        Step::RemoveModel(SUBJECT),
        Step::AwaitGone(SUBJECT),
        Step::IsUnmapped(OPS),
    ])
    .afterwards([Step::Compute(HEALTHY)])
    .expect(&[], Outcome::Served, Phase::FirstRun, &[])
    .build()
}

fn bad_library_refuses_start() -> Case {
    Draft::new(
        "control-mode-none-bad-library",
        "With control mode none a library that cannot be loaded ends the server with status 1 and \
         the reason.",
    )
    .subject(Broken::UndefinedSymbol)
    .healthy()
    .launch(|launch| launch.control_mode = ControlMode::None)
    .steps([Step::IsReady])
    .expect(
        &[],
        Outcome::RefusedStart,
        Phase::Dlopen,
        &[
            "exit status 1",
            SUBJECT,
            "{library}",
            "vendor::Tensor::resize(unsigned long)",
        ],
    )
    .build()
}

fn bad_library_is_tolerated() -> Case {
    Draft::new(
        "control-mode-none-bad-library-without-exit",
        "With control mode none and --exit-on-error=false a library that cannot be loaded makes \
         only its model unavailable; the others are served.",
    )
    .subject(Broken::UndefinedSymbol)
    .healthy()
    .launch(|launch| {
        launch.control_mode = ControlMode::None;
        launch.exit_on_error = false;
        launch.becomes_ready = false;
    })
    .steps([
        Step::AwaitLoaded(HEALTHY),
        Step::Compute(HEALTHY),
        Step::AwaitLoaded(SUBJECT),
    ])
    .afterwards([
        Step::IsLive,
        Step::IsNotReady,
        Step::IsUnknownToInference(SUBJECT),
        Step::Compute(HEALTHY),
    ])
    .expect(
        &[],
        Outcome::Rejected,
        Phase::Dlopen,
        &["{library}", "vendor::Tensor::resize(unsigned long)"],
    )
    .build()
}
