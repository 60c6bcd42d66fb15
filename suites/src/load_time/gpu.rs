//! Op libraries on a GPU: instances on the GPU that the configuration names, code that the GPU does
//! not run, and kernels that spoil what the process has there or never end. Other workers on the same
//! GPU go on.

use std::time::Duration;

use runtimes::Framework;
use test_ops::{DeviceCode, Fault, Sample};

use super::contained::{expect_contained, under_traffic};
use crate::arrangement::{Place, Spelling, Step};
use crate::case::Need;
use crate::expectation::Isolation;
use crate::making::{
    APART, Definition, Draft, HEALTHY, Made, OPS, SUBJECT, TOGETHER, VENDOR_DOMAIN, absence,
};
use crate::observation::{Outcome, Phase};

/// A GPU that no machine has.
const ABSENT_GPU: u32 = 99;
/// The time limit of an execution that never ends: long enough for all that comes before it.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    vec![
        instance(),
        two_workers(),
        absent(),
        other_architecture(),
        ptx(),
        writes_astray(),
        hangs(),
        exhausts_memory(),
        takes_memory(),
        memory_given_back(),
        memory_of_reloads(),
    ]
}

/// A case that runs ops on a GPU, which a library with this content can.
fn on_gpu(draft: Draft, sample: &Sample) -> Made {
    let exists = sample.exists_for(draft.framework());
    Ok(draft
        .only_model_config(absence::OP_IS_THE_SAME)?
        .only(exists, absence::NO_DEVICE_KERNELS)?
        .runs_on_gpu())
}

fn instance() -> Definition {
    Definition::new(
        "gpu-instance",
        "The model's instance group names GPU 0: the op's kernel for GPUs answers.",
        |draft| {
            let sample = Sample::default();
            Ok(on_gpu(draft, &sample)?
                .subject(sample)
                .on_gpu(0)
                .steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .expect_served(Phase::FirstRun))
        },
    )
    .representative()
}

fn two_workers() -> Definition {
    Definition::new(
        "gpu-shared-by-two-workers",
        "Two models with different libraries, each in a worker of its own, use the same GPU.",
        |draft| {
            let second = Sample::default()
                .with_domain(VENDOR_DOMAIN)
                .with_signature(2);
            let draft = on_gpu(draft, &second)?.subject(Sample::default()).on_gpu(0);
            let model = draft.bias_gelu("second").with_domains(&[VENDOR_DOMAIN]);
            Ok(draft
                .library("second", second, Place::Root)
                .model(model, &[("second", Spelling::Absolute)])
                .on_gpu(0)
                .steps([
                    Step::Load(SUBJECT),
                    Step::Load("second"),
                    Step::Compute(SUBJECT),
                    Step::Compute("second"),
                ])
                .expect_served(Phase::FirstRun))
        },
    )
}

fn absent() -> Definition {
    Definition::new(
        "gpu-that-does-not-exist",
        "The model's instance group names a GPU that the machine does not have.",
        |draft| {
            let sample = Sample::default();
            Ok(on_gpu(draft, &sample)?
                .subject(sample)
                .on_gpu(ABSENT_GPU)
                .steps([Step::Load(SUBJECT)])
                .afterwards([
                    Step::IsLive,
                    Step::IsNotReady,
                    Step::HasState(SUBJECT, "UNAVAILABLE"),
                ])
                .expect(&[], Outcome::Rejected, Phase::Load, &["gpu id 99"]))
        },
    )
}

/// What a client is told of a kernel that was not launched: TensorRT's plugins have no words for it.
fn not_launched(draft: &Draft, reason: &'static str) -> &'static str {
    match draft.framework() {
        Framework::TensorRt => "enqueueV3 fails",
        _ => reason,
    }
}

fn other_architecture() -> Definition {
    Definition::new(
        "gpu-code-for-another-architecture",
        "The library has machine code for sm_75 alone, and no PTX: it loads, and the first request is \
         refused. The inspector tells so of its file.",
        |draft| {
            let sample = Sample::default().with_device_code(DeviceCode::machine_code(&[75]));
            let draft = on_gpu(draft, &sample)?;
            let text = not_launched(&draft, "no kernel image is available");
            Ok(draft
                .subject(sample)
                .on_gpu(0)
                .steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .afterwards([Step::IsLive, Step::IsReady])
                .expect(&[], Outcome::Rejected, Phase::FirstRun, &[text]))
        },
    )
}

fn ptx() -> Definition {
    Definition::new(
        "gpu-code-as-ptx",
        "The library has PTX for compute_75 alone, which the driver compiles for the GPU.",
        |draft| {
            let sample = Sample::default().with_device_code(DeviceCode::ptx(75));
            Ok(on_gpu(draft, &sample)?
                .subject(sample)
                .on_gpu(0)
                .steps([Step::Load(SUBJECT), Step::Compute(SUBJECT)])
                .expect_served(Phase::FirstRun))
        },
    )
}

/// The healthy model is on the same GPU, in a worker of its own.
fn beside_healthy(draft: Draft, fault: Fault) -> Made {
    let sample = Sample::default().with_fault(fault);
    let draft = on_gpu(draft, &sample)?.subject(sample).on_gpu(0);
    let draft = under_traffic(draft).steps([Step::Compute(SUBJECT)]);
    Ok(if draft.framework() == Framework::TensorRt {
        // The healthy model is one of ONNX Runtime there, which may have no part for GPUs.
        draft
    } else {
        draft.model_on_gpu(HEALTHY, 0)
    })
}

fn writes_astray() -> Definition {
    Definition::new(
        "gpu-kernel-writes-astray",
        "A kernel writes to an address that is none. All that the process has on the GPU is lost: the \
         request is refused, or the framework ends the process (TensorFlow), and the worker is replaced.",
        |draft| {
            // TensorFlow aborts where an event of the GPU cannot be asked for any more.
            let (outcome, text) = match draft.framework() {
                Framework::TensorFlow => (Outcome::WorkerCrashed, "SIGABRT"),
                _ => (Outcome::Rejected, "illegal memory access"),
            };
            let draft = beside_healthy(draft, Fault::DeviceKernelWritesAstray)?;
            Ok(expect_contained(draft, outcome, Phase::FirstRun, &[text]))
        },
    )
}

fn hangs() -> Definition {
    Definition::new(
        "gpu-kernel-never-ends",
        "A kernel never ends: its worker is ended after the time limit, and the GPU is free again.",
        |draft| {
            let draft = beside_healthy(draft, Fault::DeviceKernelHangs)?
                .launch(|launch| launch.execution_timeout = TIME_LIMIT);
            Ok(expect_contained(
                draft,
                Outcome::Hung,
                Phase::FirstRun,
                &["--execution-timeout"],
            ))
        },
    )
}

fn exhausts_memory() -> Definition {
    Definition::new(
        "gpu-memory-is-exhausted",
        "The op asks for more memory than the GPU has: its first request is refused, and the worker \
         answers the next one.",
        |draft| {
            let draft = beside_healthy(draft, Fault::DeviceMemoryIsExhausted)?
                .afterwards([Step::Compute(SUBJECT), Step::IsReady]);
            let text = not_launched(&draft, "out of memory");
            Ok(expect_contained(
                draft,
                Outcome::Rejected,
                Phase::FirstRun,
                &[text],
            ))
        },
    )
}

/// Less is left than the context of a second process takes there.
fn takes_memory() -> Definition {
    Definition::new(
        "gpu-memory-is-exhausted-at-load",
        "An op of another model has taken all memory of the GPU: the model is refused at its load, with \
         that reason, and served once the other one is unloaded.",
        |draft| {
            let greedy = Sample::default()
                .with_domain(VENDOR_DOMAIN)
                .with_fault(Fault::DeviceMemoryIsTaken);
            let text = match draft.framework() {
                // CUDA's words for a context that cannot be had.
                Framework::TensorFlow => "busy or unavailable",
                // The driver says one thing or the other.
                Framework::TensorRt => "its memory may be used up",
                Framework::OnnxRuntime | Framework::PyTorch => "out of memory",
            };
            let draft = on_gpu(draft, &greedy)?
                .needs(Need::UnusedGpus)
                .subject(Sample::default())
                .on_gpu(0);
            let model = draft.bias_gelu("greedy").with_domains(&[VENDOR_DOMAIN]);
            Ok(draft
                .library("greedy", greedy, Place::Root)
                .model(model, &[("greedy", Spelling::Absolute)])
                .on_gpu(0)
                .steps([
                    Step::Load("greedy"),
                    Step::Compute("greedy"),
                    Step::Load(SUBJECT),
                ])
                .afterwards([
                    Step::IsLive,
                    Step::HasState(SUBJECT, "UNAVAILABLE"),
                    Step::Unload("greedy"),
                    Step::Load(SUBJECT),
                    Step::Compute(SUBJECT),
                ])
                // In one process with the greedy op, the framework may have what it needs already.
                .expect(&APART, Outcome::Rejected, Phase::Load, &[text]))
        },
    )
}

/// A worker ends with its last model, and the driver takes everything back that its process had. Where
/// a worker lives as long as the server, its process keeps its context and what the framework caches,
/// which is told.
fn memory_given_back() -> Definition {
    Definition::new(
        "gpu-memory-is-given-back",
        "After the unload of its only model the worker is gone from the GPU with all its memory; a \
         worker that lives as long as the server stays there, with its context.",
        |draft| {
            let sample = Sample::default();
            Ok(on_gpu(draft, &sample)?
                .needs(Need::GpuMemoryReading)
                .subject(sample)
                .on_gpu(0)
                .steps([
                    Step::NoteGpuMemory,
                    Step::Load(SUBJECT),
                    Step::Compute(SUBJECT),
                    Step::HoldsGpuMemory(SUBJECT),
                    Step::Unload(SUBJECT),
                    Step::GivesGpuMemoryBack,
                ])
                .afterwards([Step::IsLive, Step::IsReady])
                .expect(&APART, Outcome::Served, Phase::Unload, &[])
                .expect(
                    &TOGETHER,
                    Outcome::StillLoaded,
                    Phase::Unload,
                    &["memory of a GPU", "lives on"],
                ))
        },
    )
}

/// How often the model comes and goes. One granule of CUDA's memory (2 MiB) that is lost each time adds
/// up to more than what counts as growth.
const RELOADS: usize = 10;

fn memory_of_reloads() -> Definition {
    Definition::new(
        "gpu-memory-does-not-grow-with-reloads",
        "A second model of the same library keeps the worker: however often the first one is loaded, \
         run and unloaded, the worker has no more memory of the GPU than after the first time. What the \
         framework caches is used again.",
        |draft| {
            let sample = Sample::default();
            let draft = on_gpu(draft, &sample)?
                .needs(Need::GpuMemoryReading)
                .subject(sample)
                .on_gpu(0);
            let second = draft.bias_gelu("second");
            let round = [
                Step::Load(SUBJECT),
                Step::Compute(SUBJECT),
                Step::Unload(SUBJECT),
            ];
            let draft = draft
                .model_with(second, &[OPS])
                .on_gpu(0)
                .steps([Step::Load("second"), Step::Compute("second")])
                .steps([
                    Step::Load(SUBJECT),
                    Step::Compute(SUBJECT),
                    Step::AreIsolated(SUBJECT, "second"),
                    Step::HoldsGpuMemory("second"),
                    Step::Unload(SUBJECT),
                    Step::NoteGpuMemory,
                ])
                .steps(std::iter::repeat_n(round, RELOADS).flatten())
                .steps([Step::HoldsNoMoreGpuMemory])
                .afterwards([Step::Compute("second"), Step::IsReady]);
            // In a worker of its own the first model takes all its memory along.
            let in_one_worker = [Isolation::Shared, Isolation::Backend, Isolation::OpSet];
            Ok(draft.expect(&in_one_worker, Outcome::Served, Phase::Unload, &[]))
        },
    )
}
