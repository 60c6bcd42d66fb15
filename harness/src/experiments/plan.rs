//! Makes the experiments one after the other.

use runtimes::Framework;
use suites::{Cancellation, RunOptions};

use super::experiment::Experiment;
use super::kernel::{CannotUseGpu, Circumstances, Processes, measure_kernel};
use super::testbed::Testbed;
use super::{op_time, serving, startup};
use crate::measurement::{Kind, Measurement, MonotonicClock, Samples, Subject, Warning, measure};
use crate::quantity::bytes;

/// So many failures one after the other show that the next would fail too: each takes the start of a
/// process.
const FAILURES: u32 = 4;

/// What is to be measured, and how.
#[derive(Debug)]
pub struct Plan {
    /// The experiments, in their order.
    pub experiments: Vec<Experiment>,
    /// Which server with which runtime.
    pub options: RunOptions,
    /// Whether to take about a fifth of the time.
    pub quick: bool,
}

/// What happens while a plan is made.
#[derive(Debug)]
pub enum Event<'a> {
    /// An experiment begins.
    Began {
        /// Its id.
        id: &'a str,
    },
    /// An experiment has ended.
    Ended {
        /// Its measurement.
        measurement: &'a Measurement,
    },
    /// An experiment could not be made.
    Failed {
        /// Its id.
        id: &'a str,
        /// Why.
        reason: &'a str,
    },
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Measured {
    /// The measurements.
    pub measurements: Vec<Measurement>,
    /// What could not be measured, and why.
    pub problems: Vec<String>,
    /// What was left out, and what it was measured on.
    pub notices: Vec<String>,
}

/// Makes every experiment of `plan`. One that fails becomes a problem, and the others are made all
/// the same. Where the run is cancelled, what was measured until then counts.
pub fn conduct(plan: &Plan, events: &mut dyn FnMut(Event)) -> Measured {
    let mut measured = Measured::default();
    if plan.experiments.is_empty() {
        return measured;
    }
    let testbed = match Testbed::prepare(&plan.options) {
        Ok(testbed) => testbed,
        Err(error) => {
            measured
                .problems
                .push(format!("nothing was measured: {error:#}"));
            return measured;
        }
    };
    let mut processes = Processes::default();
    let mut left_out: Vec<Framework> = Vec::new();
    let mut failures = 0;
    let mut devices: Vec<String> = Vec::new();
    for experiment in &plan.experiments {
        let framework = experiment.framework();
        let is_placed = experiment.place().is_some();
        if is_placed && framework.is_some_and(|framework| left_out.contains(&framework)) {
            continue;
        }
        if plan.options.cancellation.is_cancelled() {
            break;
        }
        let about = experiment.about();
        let id = about.id.clone();
        events(Event::Began { id: &id });
        match make(experiment, &testbed, &mut processes, plan.quick) {
            Ok((samples, circumstances)) => {
                failures = 0;
                let Some(mut measurement) = Measurement::new(about, samples) else {
                    continue;
                };
                if let Some(circumstances) = circumstances {
                    measurement.device = circumstances.device;
                    measurement.bandwidth_fraction = circumstances.bandwidth_fraction;
                    measurement.warnings.extend(circumstances.warnings);
                }
                devices.extend(described(&processes).filter(|_| devices.is_empty()));
                measurement
                    .warnings
                    .extend(generator_overhead(&measurement, &measured.measurements));
                events(Event::Ended {
                    measurement: &measurement,
                });
                measured.measurements.push(measurement);
            }
            // Servers are killed when a run is cancelled, so what fails then is no problem.
            Err(_) if plan.options.cancellation.is_cancelled() => break,
            Err(error) if error.is::<CannotUseGpu>() => {
                left_out.extend(framework);
                processes.end();
                measured
                    .notices
                    .push(format!("nothing is measured on the GPU: {error}"));
            }
            Err(error) => {
                processes.end();
                failures = if is_placed { failures + 1 } else { 0 };
                let reason = format!("{error:#}");
                events(Event::Failed {
                    id: &id,
                    reason: &reason,
                });
                measured
                    .problems
                    .push(format!("{id} was not measured: {reason}"));
                if failures == FAILURES {
                    failures = 0;
                    left_out.extend(framework);
                    measured.problems.push(format!(
                        "{} is not measured in process or on a GPU any more, after {FAILURES} failures one after \
                         the other",
                        framework.map_or("nothing", Framework::title)
                    ));
                }
            }
        }
    }
    measured.notices.extend(devices);
    measured
}

/// What kernels are measured on, in a sentence, as soon as its copies have been measured.
fn described(processes: &Processes) -> Option<String> {
    let (device, copy_rate) = processes.device()?;
    let word = |value: Option<u32>, unit: &str| {
        value.map_or_else(|| "unknown".to_owned(), |value| format!("{value} {unit}"))
    };
    Some(format!(
        "kernels were measured on {} ({}, driver {}, {} of memory with ECC {}, multiprocessors at {} of \
         {}, memory at {}, power limit {}), whose own copies of 512 MiB read and write {:.2} TB/s together",
        device.name,
        device.uuid,
        device.driver.as_deref().unwrap_or("unknown"),
        bytes(device.memory_bytes),
        match device.ecc {
            Some(true) => "on",
            Some(false) => "off",
            None => "unknown",
        },
        word(device.sm_clock_mhz, "MHz"),
        word(device.highest_sm_clock_mhz, "MHz"),
        word(device.memory_clock_mhz, "MHz"),
        word(device.power_limit_w, "W"),
        copy_rate / 1e6,
    ))
}

/// What an experiment gave, and under which circumstances where those are not a server on the CPU.
type Made = (Samples, Option<Circumstances>);

fn make(
    experiment: &Experiment,
    testbed: &Testbed,
    processes: &mut Processes,
    quick: bool,
) -> anyhow::Result<Made> {
    if let Experiment::Kernel(case, quantity) = *experiment {
        let (samples, circumstances) = measure_kernel(testbed, processes, (case, quantity), quick)?;
        return Ok((samples, Some(circumstances)));
    }
    let circumstances = match *experiment {
        Experiment::Requests(request) => Some(Circumstances {
            device: processes.device_of(testbed, request.case)?,
            bandwidth_fraction: None,
            warnings: Vec::new(),
        }),
        _ => None,
    };
    // Other experiments have the machine to themselves.
    processes.end();
    Ok((serve(experiment, testbed, quick)?, circumstances))
}

/// The experiments with a server.
fn serve(experiment: &Experiment, testbed: &Testbed, quick: bool) -> anyhow::Result<Samples> {
    let run = |subject: &mut dyn Subject| {
        let cancellation = &testbed.options().cancellation;
        let mut cancellable = Cancellable {
            subject,
            cancellation,
        };
        measure(
            &experiment.policy(quick),
            &MonotonicClock::new(),
            &mut cancellable,
        )
    };
    match *experiment {
        Experiment::SpawnToReady(framework) => {
            run(&mut startup::spawn_to_ready(testbed, framework)?)
        }
        Experiment::IdleMemory(framework) => run(&mut startup::idle_memory(testbed, framework)?),
        Experiment::LoadIntoNewWorker(framework) => {
            run(&mut startup::model_load(testbed, framework, false)?)
        }
        Experiment::LoadIntoRunningWorker(framework) => {
            run(&mut startup::model_load(testbed, framework, true)?)
        }
        Experiment::OpTime(framework, tensor) => {
            run(&mut op_time::op_time(testbed, framework, tensor)?)
        }
        Experiment::Kernel(..) => anyhow::bail!("a kernel is not timed with a server"),
        Experiment::Requests(request) => run(&mut serving::requests(testbed, request)?),
        Experiment::NullServing(tensor, slots) => run(&mut serving::null_serving(tensor, slots)?),
        Experiment::Serving(framework, tensor, slots) => {
            run(&mut serving::serving(testbed, framework, tensor, slots)?)
        }
    }
}

/// A subject that ends with the run.
struct Cancellable<'a> {
    subject: &'a mut dyn Subject,
    cancellation: &'a Cancellation,
}

impl Subject for Cancellable<'_> {
    fn round(&mut self) -> anyhow::Result<Vec<f64>> {
        anyhow::ensure!(!self.cancellation.is_cancelled(), "the run was cancelled");
        self.subject.round()
    }
}

/// A warning where the generator's own time may be a large part of `measurement`: its rate with the
/// null server at the same tensor and concurrency, which was measured before, is not much higher.
fn generator_overhead(measurement: &Measurement, earlier: &[Measurement]) -> Option<Warning> {
    if measurement.kind != Kind::Serving || measurement.framework == "none" {
        return None;
    }
    let null = earlier.iter().find(|null| {
        null.framework == "none"
            && (&null.shape, &null.dtype, null.concurrency)
                == (
                    &measurement.shape,
                    &measurement.dtype,
                    measurement.concurrency,
                )
    })?;
    let share = (measurement.throughput? / null.throughput?).min(1.0);
    (share > Warning::GENERATOR_SHARE).then_some(Warning::GeneratorOverhead { share })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_measurements;

    #[test]
    fn the_generators_part_is_compared_at_the_same_tensor_and_concurrency() {
        let serving = sample_measurements()
            .into_iter()
            .find(|m| m.kind == Kind::Serving && m.framework != "none")
            .unwrap();
        let null = |times: f64, concurrency: u32| Measurement {
            framework: "none".to_owned(),
            throughput: serving.throughput.map(|throughput| throughput * times),
            concurrency: Some(concurrency),
            ..serving.clone()
        };
        let warned = |nulls: &[Measurement]| generator_overhead(&serving, nulls);
        assert_eq!(
            warned(&[null(1.25, 1)]),
            Some(Warning::GeneratorOverhead { share: 0.8 })
        );
        assert_eq!(warned(&[null(10.0, 1)]), None);
        assert_eq!(warned(&[null(1.25, 2)]), None);
    }

    #[test]
    fn a_cancelled_subject_does_nothing_more() {
        let cancellation = Cancellation::default();
        cancellation.cancel();
        let mut subject = || -> anyhow::Result<Vec<f64>> { panic!("measured after the end") };
        let mut cancellable = Cancellable {
            subject: &mut subject,
            cancellation: &cancellation,
        };
        assert!(cancellable.round().is_err());
    }
}
