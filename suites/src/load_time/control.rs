//! Model control modes: who loads a model, and what a bad library does to the start.

use test_ops::{Broken, Sample};

use crate::arrangement::{ControlMode, Step};
use crate::making::{Definition, HEALTHY, OPS, SUBJECT, absence};
use crate::observation::{Outcome, Phase};

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    vec![
        loaded_at_start(),
        loaded_by_flag(),
        polled(),
        bad_library_refuses_start(),
        bad_library_is_tolerated(),
    ]
}

fn loaded_at_start() -> Definition {
    Definition::new(
        "control-mode-none",
        "With control mode none the server is ready when all models with their libraries are.",
        |draft| {
            Ok(draft
                .only_onnxruntime(absence::FRONT_CONTROLS)?
                .subject(Sample::default())
                .healthy()
                .loads_at_start()
                .steps([
                    Step::HasState(SUBJECT, "READY"),
                    Step::Compute(SUBJECT),
                    Step::Compute(HEALTHY),
                    Step::IsMapped(OPS),
                ])
                .expect_served(Phase::FirstRun)
                .expect_of_triton_by_model(Outcome::Served, Phase::FirstRun, &[]))
        },
    )
}

fn loaded_by_flag() -> Definition {
    Definition::new(
        "control-mode-explicit-load-model",
        "With control mode explicit the models named by --load-model are loaded at start, the \
         others are not.",
        |draft| {
            Ok(draft
                .only_onnxruntime(absence::FRONT_CONTROLS)?
                .only_model_config(absence::GIVEN_TO_ALL)?
                .subject(Sample::default())
                .healthy()
                .launch(|launch| launch.load_models = vec![SUBJECT])
                .steps([
                    Step::HasState(SUBJECT, "READY"),
                    Step::Compute(SUBJECT),
                    Step::IsUnknownToInference(HEALTHY),
                    Step::IsUnmapped(HEALTHY),
                ])
                .expect_served(Phase::FirstRun))
        },
    )
}

fn polled() -> Definition {
    Definition::new(
        "control-mode-poll",
        "With control mode poll a model that changed is loaded again with the library that is \
         there now, and a model that was removed takes its library along.",
        |draft| {
            Ok(draft
                .only_onnxruntime(absence::FRONT_CONTROLS)?
                .only_model_config(absence::STAYS_FOR_ALL)?
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
                .expect_served(Phase::FirstRun))
        },
    )
}

fn bad_library_refuses_start() -> Definition {
    Definition::new(
        "control-mode-none-bad-library",
        "With control mode none a library that cannot be loaded ends the server with status 1 and \
         the reason.",
        |draft| {
            Ok(draft
                .only_onnxruntime(absence::FRONT_CONTROLS)?
                .only_model_config("see undefined-symbol")?
                .subject(Broken::UndefinedSymbol)
                .healthy()
                .loads_at_start()
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
                .expect_of_triton_by_model(
                    Outcome::RefusedStart,
                    Phase::Dlopen,
                    &["exit status 1", SUBJECT],
                ))
        },
    )
}

fn bad_library_is_tolerated() -> Definition {
    Definition::new(
        "bad-library-without-exit-on-error",
        "With --exit-on-error=false a library that cannot be loaded makes only the models \
         unavailable that need it; the others are served.",
        |draft| {
            let draft = draft
                .subject(Broken::UndefinedSymbol)
                .healthy()
                .loads_at_start()
                .launch(|launch| {
                    launch.exit_on_error = false;
                    launch.becomes_ready = false;
                });
            // ONNX Runtime's healthy model gets the library too where it is given at launch.
            let healthy_gets_it =
                draft.route().is_launch() && draft.framework() == runtimes::Framework::OnnxRuntime;
            let others: &[Step] = if healthy_gets_it {
                &[]
            } else {
                &[Step::AwaitLoaded(HEALTHY), Step::Compute(HEALTHY)]
            };
            Ok(draft
                .steps(others.iter().cloned())
                .steps([Step::AwaitLoaded(SUBJECT)])
                .afterwards([
                    Step::IsLive,
                    Step::IsNotReady,
                    Step::IsUnknownToInference(SUBJECT),
                ])
                .expect(
                    &[],
                    Outcome::Rejected,
                    Phase::Dlopen,
                    &["{library}", "vendor::Tensor::resize(unsigned long)"],
                )
                .expect_of_triton_by_model(
                    Outcome::Rejected,
                    Phase::Dlopen,
                    &["onnx runtime error 1"],
                ))
        },
    )
}
