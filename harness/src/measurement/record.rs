//! A measurement as the result files hold it.

use serde::{Deserialize, Serialize};

use super::engine::Samples;
use super::warning::Warning;
use crate::load::LoadPoint;
use crate::statistics;

/// What kind of thing was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The time of an op inside the worker.
    Kernel,
    /// Requests over the server's interfaces.
    Serving,
    /// The server's or a model's way to readiness.
    Startup,
    /// What a process has in memory.
    Memory,
}

/// What of a model that is executed in process, or in process as well, a measurement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The durations of the kernels of one execution, by the GPU's own records.
    KernelTime,
    /// From the call of the framework to its return.
    WallTime,
    /// The wall time of executions one right after the other, with the caches as the one before left
    /// them: what a request over the network is held against.
    CallTime,
    /// The wall time without kernels and copies.
    LaunchOverhead,
    /// How many times as long the framework's own operators take for the same function.
    SpeedUp,
    /// A request over the network to the same model.
    Request,
    /// One of a series of such requests that differ in their rows.
    BatchSize,
}

impl Aspect {
    /// The name in the result files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KernelTime => "kernel-time",
            Self::WallTime => "wall-time",
            Self::CallTime => "call-time",
            Self::LaunchOverhead => "launch-overhead",
            Self::SpeedUp => "speed-up",
            Self::Request => "request",
            Self::BatchSize => "batch-size",
        }
    }
}

impl Kind {
    /// The name in the result files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Serving => "serving",
            Self::Startup => "startup",
            Self::Memory => "memory",
        }
    }
}

/// One measured distribution. Times are in `unit`; `None` stands for "not known" or "does not
/// apply".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Unique in a run, the same from run to run: `kind/framework/…`.
    pub id: String,
    /// What was measured.
    pub kind: Kind,
    /// What of it, where the model was executed in process, or in process as well.
    #[serde(default)]
    pub aspect: Option<Aspect>,
    /// The framework, `none` where no framework takes part.
    pub framework: String,
    /// The op in the model.
    pub op: Option<String>,
    /// The shape of the op's first input.
    pub shape: Option<Vec<u64>>,
    /// The element type, `fp32` or `fp16`.
    pub dtype: Option<String>,
    /// Where the op ran: `cpu`, or the name of the GPU.
    pub device: String,
    /// Requests that were under way at the same time (serving).
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// The unit of the values below: `us`, `ms`, `MiB` of memory, or `×` of a speed-up.
    pub unit: String,
    /// How many samples there are.
    pub samples: usize,
    /// Their median.
    pub median: f64,
    /// The 90th percentile, from 64 samples on.
    pub p90: Option<f64>,
    /// The 99th percentile, from 662 samples on.
    pub p99: Option<f64>,
    /// The 95 % confidence interval of the median, from 6 samples on.
    pub ci95: Option<[f64; 2]>,
    /// Requests a second (serving).
    pub throughput: Option<f64>,
    /// Bytes that the op must move, by the time of its kernels, as a fraction of what a copy of its
    /// first input moves under the same conditions, measured in the same process just before. Not
    /// stated on a CPU, where tensors of these sizes stay in its caches.
    pub bandwidth_fraction: Option<f64>,
    /// What a reader should know before believing the numbers.
    pub warnings: Vec<Warning>,
    /// The samples in ascending order, thinned to at most [`Measurement::OBSERVED`] evenly spaced
    /// order statistics with the smallest and the largest; what the plots draw.
    #[serde(default)]
    pub observed: Vec<f64>,
    /// How the load was generated and what came of it beside the distribution, for a load test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadPoint>,
}

/// What a measurement is about, before there are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// See [`Measurement::id`].
    pub id: String,
    /// See [`Measurement::kind`].
    pub kind: Kind,
    /// See [`Measurement::aspect`].
    pub aspect: Option<Aspect>,
    /// See [`Measurement::framework`].
    pub framework: String,
    /// See [`Measurement::op`].
    pub op: Option<String>,
    /// See [`Measurement::shape`].
    pub shape: Option<Vec<u64>>,
    /// See [`Measurement::dtype`].
    pub dtype: Option<String>,
    /// See [`Measurement::concurrency`].
    pub concurrency: Option<u32>,
    /// See [`Measurement::unit`].
    pub unit: &'static str,
}

impl Measurement {
    /// The longest that `observed` gets.
    pub const OBSERVED: usize = 201;

    /// The record of `samples` of `about`; `None` without samples. The throughput is stated for
    /// serving only.
    #[must_use]
    pub fn new(about: About, samples: Samples) -> Option<Self> {
        let ascending = &samples.ascending;
        Some(Self {
            samples: ascending.len(),
            median: statistics::median(ascending)?,
            p90: statistics::supported_percentile(ascending, 0.9),
            p99: statistics::supported_percentile(ascending, 0.99),
            ci95: statistics::median_interval(ascending)
                .map(|interval| [interval.low, interval.high]),
            throughput: samples.rate().filter(|_| about.kind == Kind::Serving),
            bandwidth_fraction: None,
            observed: thinned(ascending),
            load: None,
            id: about.id,
            kind: about.kind,
            aspect: about.aspect,
            framework: about.framework,
            op: about.op,
            shape: about.shape,
            dtype: about.dtype,
            device: "cpu".to_owned(),
            concurrency: about.concurrency,
            unit: about.unit.to_owned(),
            warnings: samples.warnings,
        })
    }

    /// The shape as people write it: `1×64`.
    #[must_use]
    pub fn shape_text(&self) -> Option<String> {
        let shape = self.shape.as_ref()?;
        Some(
            shape
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("×"),
        )
    }
}

fn thinned(ascending: &[f64]) -> Vec<f64> {
    if ascending.len() <= Measurement::OBSERVED {
        return ascending.to_vec();
    }
    let steps = Measurement::OBSERVED - 1;
    (0..=steps)
        .map(|step| ascending[step * (ascending.len() - 1) / steps])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn about(kind: Kind) -> About {
        About {
            id: "serving/onnxruntime/test".into(),
            kind,
            aspect: None,
            framework: "onnxruntime".into(),
            op: Some("BiasGelu".into()),
            shape: Some(vec![1, 64]),
            dtype: Some("fp32".into()),
            concurrency: Some(4),
            unit: "us",
        }
    }

    fn samples(n: usize) -> Samples {
        Samples {
            ascending: (1..=n).map(|value| value as f64).collect(),
            elapsed: Duration::from_secs(2),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn what_too_few_samples_cannot_tell_is_left_out() {
        let few = Measurement::new(about(Kind::Serving), samples(5)).unwrap();
        assert_eq!(
            (few.median, few.p90, few.p99, few.ci95),
            (3.0, None, None, None)
        );
        let some = Measurement::new(about(Kind::Serving), samples(100)).unwrap();
        assert_eq!(
            (some.p90, some.p99, some.ci95),
            (Some(90.0), None, Some([40.0, 61.0]))
        );
        let many = Measurement::new(about(Kind::Serving), samples(1000)).unwrap();
        assert_eq!((many.p90, many.p99), (Some(900.0), Some(990.0)));
        assert!(Measurement::new(about(Kind::Serving), samples(0)).is_none());
    }

    #[test]
    fn only_serving_has_a_throughput() {
        let serving = Measurement::new(about(Kind::Serving), samples(100)).unwrap();
        assert_eq!(serving.throughput, Some(50.0));
        let kernel = Measurement::new(about(Kind::Kernel), samples(100)).unwrap();
        assert_eq!(kernel.throughput, None);
    }

    #[test]
    fn thinning_keeps_both_ends() {
        let record = Measurement::new(about(Kind::Serving), samples(100_000)).unwrap();
        assert_eq!(record.observed.len(), Measurement::OBSERVED);
        assert_eq!(record.observed.first(), Some(&1.0));
        assert_eq!(record.observed.last(), Some(&100_000.0));
        assert!(record.observed.is_sorted());
        assert_eq!(record.shape_text().as_deref(), Some("1×64"));
    }
}
