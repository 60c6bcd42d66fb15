//! What the measuring engine sees of a case.

use anyhow::{Context, bail, ensure};
use measure_protocol::{ClockEvents, Ran, Sample};
use suites::Cancellation;

use super::super::testbed::Testbed;
use super::case::{KernelCase, Place, Quantity};
use super::processes::{COMPOSED, Caches, OWN, Process, Processes, held_down};
use crate::measurement::{MonotonicClock, Samples, Warning, measure};
use crate::statistics;

/// What else came of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Circumstances {
    /// The GPU's name, or `cpu`.
    pub device: String,
    /// What the op must move, by the time of its kernels, as a fraction of what a copy of the op's first
    /// input moves under the same conditions; of kernel times alone.
    pub bandwidth_fraction: Option<f64>,
    /// What a reader should know.
    pub warnings: Vec<Warning>,
}

/// How far the clock after one round may be below that after another, as a share.
const CLOCK_CHANGE: f64 = 0.1;

/// Measures `quantity` of `case`.
///
/// - The kernel time is the sum of the durations of the kernels of one execution.
/// - The wall time is from the call of the framework to its return, in a process that is not traced.
/// - The call time is the same with the caches as the execution before left them.
/// - The launch overhead is the wall time without the median time of kernels and copies of the same
///   execution in the traced process: what is left is the framework's own work, launches, and waiting.
/// - The speed-up is the time of the composition by that of the op, of two executions one after the
///   other: of their kernels on a GPU, and wall times on a CPU.
///
/// # Errors
/// A model cannot be loaded or executed, or answers with wrong values.
pub fn measure_kernel(
    testbed: &Testbed,
    processes: &mut Processes,
    (case, quantity): (KernelCase, Quantity),
    quick: bool,
) -> anyhow::Result<(Samples, Circumstances)> {
    processes.keep(case.framework);
    let on_gpu = case.place == Place::Gpu;
    let mut clocks = Vec::new();
    let device_time = match quantity {
        Quantity::LaunchOverhead => {
            let traced = processes.of(testbed, case, true)?;
            traced.run(&[OWN], case.round(), Caches::Overwritten)?;
            let ran = traced.run(&[OWN], case.round(), Caches::Overwritten)?;
            median(&ran, |sample| {
                let device = sample.device?;
                Some((device.kernels + device.copies) as f64 / 1e3)
            })?
        }
        _ => 0.0,
    };
    let is_traced = on_gpu && matches!(quantity, Quantity::KernelTime | Quantity::SpeedUp);
    let process = processes.of(testbed, case, is_traced)?;
    let copy_rate = match quantity {
        Quantity::KernelTime => Some(process.measure_copies(case.bytes())?),
        _ => None,
    };
    if quantity == Quantity::SpeedUp {
        process.compose(testbed)?;
    }
    let round = |process: &mut Process, clocks: &mut Vec<ClockEvents>| {
        let models: &[&str] = match quantity {
            Quantity::SpeedUp => &[OWN, COMPOSED],
            _ => &[OWN],
        };
        let caches = match quantity {
            Quantity::CallTime => Caches::AsTheyAre,
            _ => Caches::Overwritten,
        };
        let ran = process.run(models, case.round(), caches)?;
        clocks.extend(ran.clocks.clone());
        match quantity {
            Quantity::KernelTime => values(&ran, kernels),
            Quantity::WallTime | Quantity::CallTime => values(&ran, wall),
            Quantity::LaunchOverhead => values(&ran, |sample| Some(wall(sample)? - device_time)),
            Quantity::SpeedUp if on_gpu => ratios(&ran, kernels),
            Quantity::SpeedUp => ratios(&ran, wall),
            Quantity::Request | Quantity::BatchSize => {
                bail!("a request is not timed in process")
            }
        }
    };
    let cancellation = testbed.options().cancellation.clone();
    let mut subject = || -> anyhow::Result<Vec<f64>> {
        ended(&cancellation)?;
        round(process, &mut clocks)
    };
    let samples = measure(&case.policy(quick), &MonotonicClock::new(), &mut subject)?;
    let fraction = copy_rate.zip(statistics::median(&samples.ascending));
    let circumstances = Circumstances {
        device: process.device_name(),
        bandwidth_fraction: fraction.map(|(rate, time)| process.moved_bytes() as f64 / time / rate),
        warnings: clock_warning(&clocks).into_iter().collect(),
    };
    Ok((samples, circumstances))
}

fn ended(cancellation: &Cancellation) -> anyhow::Result<()> {
    ensure!(!cancellation.is_cancelled(), "the run was cancelled");
    Ok(())
}

fn wall(sample: &Sample) -> Option<f64> {
    Some(sample.wall as f64 / 1e3)
}

/// Microseconds of kernels; none where no kernel ran: the model was executed elsewhere.
fn kernels(sample: &Sample) -> Option<f64> {
    let device = sample.device.filter(|device| device.launches > 0)?;
    Some(device.kernels as f64 / 1e3)
}

/// The value of each sample.
fn values(ran: &Ran, of: impl Fn(&Sample) -> Option<f64>) -> anyhow::Result<Vec<f64>> {
    let values = ran.samples.iter().map(of);
    let values: Option<Vec<f64>> = values.collect();
    values.context("the GPU has no record of a kernel in an execution")
}

/// The value of the second model by that of the first, pair by pair.
fn ratios(ran: &Ran, of: impl Fn(&Sample) -> Option<f64>) -> anyhow::Result<Vec<f64>> {
    let of_model = |model: u32| {
        let samples = ran.samples.iter();
        let own = samples.filter(move |sample| sample.model == model);
        own.map(&of).collect::<Option<Vec<f64>>>()
    };
    let pairs = of_model(0).zip(of_model(1));
    let (own, composed) = pairs.context("the GPU has no record of a kernel in an execution")?;
    Ok(composed
        .iter()
        .zip(&own)
        .map(|(composed, own)| composed / own)
        .collect())
}

fn median(ran: &Ran, of: impl Fn(&Sample) -> Option<f64>) -> anyhow::Result<f64> {
    let ascending = statistics::sorted(values(ran, of)?);
    statistics::median(&ascending).context("nothing was executed")
}

/// A warning where the clocks of the GPU were held down, or were not the same after all rounds.
fn clock_warning(clocks: &[ClockEvents]) -> Option<Warning> {
    let by = held_down(clocks);
    // Before a round the GPU may have been idle.
    let lowest = clocks.iter().map(|events| events.after_mhz).min()?;
    let highest = clocks.iter().map(|events| events.after_mhz).max()?;
    let changed = f64::from(lowest) < f64::from(highest) * (1.0 - CLOCK_CHANGE);
    (changed || !by.is_empty()).then_some(Warning::GpuClock {
        lowest_mhz: lowest,
        highest_mhz: highest,
        by,
    })
}

#[cfg(test)]
mod tests {
    use measure_protocol::DeviceTime;

    use super::*;

    fn sample(model: u32, wall: u64, kernels: Option<u64>) -> Sample {
        Sample {
            model,
            wall,
            device: kernels.map(|kernels| DeviceTime {
                kernels,
                launches: u32::from(kernels > 0),
                copies: 7,
            }),
        }
    }

    fn ran(samples: Vec<Sample>) -> Ran {
        Ran {
            samples,
            ..Ran::default()
        }
    }

    #[test]
    fn a_ratio_is_that_of_one_turn_in_whichever_order() {
        let ran = ran(vec![
            sample(0, 1_000, None),
            sample(1, 3_000, None),
            sample(1, 8_000, None),
            sample(0, 2_000, None),
        ]);
        assert_eq!(ratios(&ran, wall).unwrap(), [3.0, 4.0]);
    }

    #[test]
    fn an_execution_without_a_kernel_is_no_time_of_zero() {
        let good = ran(vec![sample(0, 1, Some(2_500))]);
        assert_eq!(values(&good, kernels).unwrap(), [2.5]);
        for bad in [None, Some(0)] {
            let ran = ran(vec![sample(0, 1, Some(5)), sample(0, 1, bad)]);
            assert!(values(&ran, kernels).is_err());
        }
    }

    #[test]
    fn clocks_that_were_held_down_or_changed_are_told() {
        let events = |before_mhz, after_mhz, by: &[&str]| ClockEvents {
            before_mhz,
            after_mhz,
            held_down_by: by.iter().map(|&by| by.to_owned()).collect(),
        };
        assert_eq!(clock_warning(&[]), None);
        assert_eq!(clock_warning(&[events(345, 1980, &[])]), None);
        let warned = |clocks: &[ClockEvents]| match clock_warning(clocks) {
            Some(Warning::GpuClock { lowest_mhz, by, .. }) => (lowest_mhz, by),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            warned(&[events(1980, 1980, &[]), events(1980, 345, &[])]).0,
            345
        );
        let power = [events(1980, 1900, &["the power limit"]); 1];
        assert_eq!(warned(&power).1, ["the power limit"]);
    }
}
