//! Prometheus metrics under Triton's names.

use prometheus::{Encoder, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

use super::repository::Repository;
use super::served_model::ServedVersion;
use super::statistics::Snapshot;

/// A counter of a model version: name, help text, value.
type Counter = (&'static str, &'static str, fn(&Snapshot) -> u64);

/// Counters by model and version; durations in microseconds, as Triton counts.
const COUNTERS: [Counter; 9] = [
    (
        "nv_inference_request_success",
        "Number of successful inference requests",
        |s| s.inference.success.count,
    ),
    (
        "nv_inference_request_failure",
        "Number of failed inference requests",
        |s| s.inference.fail.count,
    ),
    (
        "nv_inference_count",
        "Number of inferences performed",
        |s| s.inference_count,
    ),
    (
        "nv_inference_exec_count",
        "Number of model executions performed",
        |s| s.execution_count,
    ),
    (
        "nv_inference_request_duration_us",
        "Time of successful requests, arrival to answer",
        |s| s.inference.success.ns / 1000,
    ),
    (
        "nv_inference_queue_duration_us",
        "Time that requests waited for an instance",
        |s| s.inference.queue.ns / 1000,
    ),
    (
        "nv_inference_compute_input_duration_us",
        "Time spent on preparing inputs",
        |s| s.inference.compute_input.ns / 1000,
    ),
    (
        "nv_inference_compute_infer_duration_us",
        "Time spent in the framework",
        |s| s.inference.compute_infer.ns / 1000,
    ),
    (
        "nv_inference_compute_output_duration_us",
        "Time spent on handing outputs over",
        |s| s.inference.compute_output.ns / 1000,
    ),
];

/// Labels of every model metric.
const MODEL: [&str; 2] = ["model", "version"];

/// All metrics in the text format.
pub fn render(repository: &Repository) -> Vec<u8> {
    let registry = Registry::new();
    let served = repository.all_serving();
    // Names and labels are constants, so neither building nor registering them can fail.
    models(&registry, &served).expect("metric names are valid and unique");
    processes(&registry, &served).expect("metric names are valid and unique");
    pinned_memory(&registry, &served).expect("metric names are valid and unique");
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&registry.gather(), &mut text)
        .expect("writing into memory does not fail");
    text
}

fn models(registry: &Registry, served: &[std::sync::Arc<ServedVersion>]) -> prometheus::Result<()> {
    let pending = IntGaugeVec::new(
        Opts::new(
            "nv_inference_pending_request_count",
            "Requests that wait for an instance",
        ),
        &MODEL,
    )?;
    registry.register(Box::new(pending.clone()))?;
    let snapshots: Vec<(&ServedVersion, Snapshot)> = served
        .iter()
        .map(|model| (&**model, model.statistics().snapshot()))
        .collect();
    for (name, help, value) in COUNTERS {
        let counter = IntCounterVec::new(Opts::new(name, help), &MODEL)?;
        registry.register(Box::new(counter.clone()))?;
        for (model, snapshot) in &snapshots {
            counter
                .with_label_values(&[model.name(), &model.version().to_string()])
                .inc_by(value(snapshot));
        }
    }
    for model in served {
        pending
            .with_label_values(&[model.name(), &model.version().to_string()])
            .set(model.scheduler().queued() as i64);
    }
    Ok(())
}

fn processes(
    registry: &Registry,
    served: &[std::sync::Arc<ServedVersion>],
) -> prometheus::Result<()> {
    let info = IntGaugeVec::new(
        Opts::new(
            "reference_server_model_worker",
            "Which worker and runtime serve a model; always 1",
        ),
        &["model", "version", "worker", "runtime", "op_libraries"],
    )?;
    registry.register(Box::new(info.clone()))?;
    let memory = of_process(
        registry,
        "reference_server_resident_bytes",
        "Resident memory of a process of the server",
    )?;
    let cpu = GaugeVec::new(
        Opts::new(
            "reference_server_cpu_seconds",
            "Processor time of a process of the server",
        ),
        &["process"],
    )?;
    registry.register(Box::new(cpu.clone()))?;
    let mut processes =
        std::collections::BTreeMap::from([("front".to_owned(), std::process::id())]);
    for model in served {
        info.with_label_values(&[
            model.name(),
            &model.version().to_string(),
            model.worker().name(),
            model.runtime(),
            &model.op_libraries(),
        ])
        .set(1);
        if let Some(pid) = model.worker().pid() {
            processes.insert(model.worker().name().to_owned(), pid);
        }
    }
    for (name, pid) in processes {
        let stat = procfs::process::Process::new(pid as i32).and_then(|process| process.stat());
        // A process that just ended has nothing to tell.
        let Ok(stat) = stat else { continue };
        memory
            .with_label_values(&[&name])
            .set((stat.rss * procfs::page_size()) as i64);
        let ticks = (stat.utime + stat.stime) as f64;
        cpu.with_label_values(&[&name])
            .set(ticks / procfs::ticks_per_second() as f64);
    }
    Ok(())
}

/// A gauge with a value for each process.
fn of_process(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGaugeVec> {
    let gauge = IntGaugeVec::new(Opts::new(name, help), &["process"])?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

/// Triton has one pool, and here each worker has its own.
fn pinned_memory(
    registry: &Registry,
    served: &[std::sync::Arc<ServedVersion>],
) -> prometheus::Result<()> {
    let total = of_process(
        registry,
        "nv_pinned_memory_pool_total_bytes",
        "Bytes that a worker may pin for its GPUs",
    )?;
    let used = of_process(
        registry,
        "nv_pinned_memory_pool_used_bytes",
        "Bytes that a worker has pinned for its GPUs",
    )?;
    for model in served {
        let Some(arena) = model.scheduler().arena() else {
            continue;
        };
        let pinned = arena.region().pinned();
        let process = [model.worker().name()];
        // The worker wrote this number, which is therefore as large as it likes.
        let bytes = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        total
            .with_label_values(&process)
            .set(bytes(pinned.budget()));
        used.with_label_values(&process).set(bytes(pinned.used()));
    }
    Ok(())
}
