//! The list of experiments.

use std::time::Duration;

use regex::Regex;
use runtimes::Framework;
use suites::Shard;
use test_ops::{DataType, Model, Op};

use super::kernel::{self, KernelCase, Place, Quantity, RequestCase};
use super::startup;
use super::testbed::Testbed;
use crate::measurement::{About, Kind, Policy};

/// Elements of a row of the small tensor.
const SMALL: u64 = 64;
/// Elements of a row of the large tensor: 1 MiB of fp32.
const LARGE: u64 = 262_144;
/// Requests under way at the same time.
const CONCURRENCIES: [u32; 2] = [1, 4];

/// The tensor that an op is given: one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor {
    /// The op.
    pub op: Op,
    /// The element type.
    pub data_type: DataType,
    /// Elements of the row.
    pub row: u64,
}

impl Tensor {
    /// `1x64`.
    fn shape(self) -> String {
        format!("1x{}", self.row)
    }
}

/// Something to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Experiment {
    /// From the spawn of a server with two models to its readiness.
    SpawnToReady(Framework),
    /// What an idle worker with two models has in memory.
    IdleMemory(Framework),
    /// Loading the first model of an op set: a worker is started for it.
    LoadIntoNewWorker(Framework),
    /// Loading a further model of an op set whose worker is there.
    LoadIntoRunningWorker(Framework),
    /// The time of an op inside the worker.
    OpTime(Framework, Tensor),
    /// The load generator against a null server that answers with this tensor.
    NullServing(Tensor, u32),
    /// A model executed in process.
    Kernel(KernelCase, Quantity),
    /// Requests over HTTP with binary tensors at a concurrency, to a model on the CPU.
    Serving(Framework, Tensor, u32),
    /// Requests over HTTP to a model that is executed in process too, or of a series.
    Requests(RequestCase),
}

/// Every experiment of `frameworks` whose id matches `filter`, in the order in which they are made.
/// What the load generator itself takes is measured where a framework is served.
#[must_use]
pub fn experiments(frameworks: &[Framework], filter: Option<&Regex>) -> Vec<Experiment> {
    let mut all = Vec::new();
    for framework in frameworks {
        all.extend([
            Experiment::SpawnToReady(*framework),
            Experiment::LoadIntoNewWorker(*framework),
            Experiment::LoadIntoRunningWorker(*framework),
            Experiment::IdleMemory(*framework),
        ]);
        all.extend(op_tensors(*framework).map(|tensor| Experiment::OpTime(*framework, tensor)));
        let kernels = kernel::cases(*framework).into_iter();
        all.extend(kernels.map(|(case, quantity)| Experiment::Kernel(case, quantity)));
    }
    let mut null = Vec::new();
    let mut serving = Vec::new();
    for framework in frameworks {
        for (tensor, slots) in served(*framework) {
            let generator = Experiment::NullServing(tensor, slots);
            if !null.contains(&generator) {
                null.push(generator);
            }
            serving.push(Experiment::Serving(*framework, tensor, slots));
        }
        serving.extend(
            kernel::requests(*framework)
                .into_iter()
                .map(Experiment::Requests),
        );
    }
    all.extend(null);
    all.extend(serving);
    all.retain(|experiment| filter.is_none_or(|filter| filter.is_match(&experiment.about().id)));
    all
}

/// The part of `all` that `shard` names. What the load generator itself takes stays with the requests
/// that it is compared with.
#[must_use]
pub fn part_of(all: &[Experiment], shard: Shard) -> Vec<Experiment> {
    let mut groups: Vec<Vec<Experiment>> = Vec::new();
    for experiment in all {
        let together = groups
            .iter_mut()
            .find(|group| group[0].is_compared_with(experiment));
        match together {
            Some(group) => group.push(*experiment),
            None => groups.push(vec![*experiment]),
        }
    }
    let part: Vec<Experiment> = shard.part_of(groups.into_iter()).flatten().collect();
    let mut part_in_order = all.to_vec();
    part_in_order.retain(|experiment| part.contains(experiment));
    part_in_order
}

/// The tensors on which the ops of `framework` are timed: every op in ONNX Runtime, one of them in
/// the others, because the kernels are the same.
fn op_tensors(framework: Framework) -> impl Iterator<Item = Tensor> {
    let every = framework == Framework::OnnxRuntime;
    let data_types = [DataType::Fp32, DataType::Fp16];
    Op::ALL
        .into_iter()
        .flat_map(move |op| data_types.map(|data_type| (op, data_type)))
        .filter(move |&case| every || case == (Op::BiasGelu, DataType::Fp32))
        .flat_map(|(op, data_type)| [SMALL, LARGE].map(|row| Tensor { op, data_type, row }))
}

/// The tensors with which requests to models of `framework` are timed, and how many at a time.
fn served(framework: Framework) -> impl Iterator<Item = (Tensor, u32)> {
    let every = framework == Framework::OnnxRuntime;
    [SMALL, LARGE]
        .into_iter()
        .filter(move |&row| every || row == SMALL)
        .map(|row| Tensor {
            op: Op::BiasGelu,
            data_type: DataType::Fp32,
            row,
        })
        .flat_map(|tensor| CONCURRENCIES.map(|slots| (tensor, slots)))
}

/// The frameworks of `frameworks` that this machine can serve models of.
#[must_use]
pub fn measurable(frameworks: &[Framework]) -> Vec<Framework> {
    let serves = |framework: &Framework| *framework != Framework::TensorRt || suites::has_gpu();
    frameworks.iter().copied().filter(serves).collect()
}

impl Experiment {
    /// The framework that it is about; `None`: no framework takes part.
    #[must_use]
    pub fn framework(&self) -> Option<Framework> {
        match *self {
            Self::SpawnToReady(framework)
            | Self::IdleMemory(framework)
            | Self::LoadIntoNewWorker(framework)
            | Self::LoadIntoRunningWorker(framework)
            | Self::OpTime(framework, _)
            | Self::Serving(framework, _, _) => Some(framework),
            Self::Kernel(case, _) => Some(case.framework),
            Self::Requests(request) => Some(request.case.framework),
            Self::NullServing(..) => None,
        }
    }

    /// The models that are served or executed, each with the sample op library.
    #[must_use]
    pub fn models(&self) -> Vec<Model> {
        match *self {
            Self::SpawnToReady(framework)
            | Self::IdleMemory(framework)
            | Self::LoadIntoNewWorker(framework)
            | Self::LoadIntoRunningWorker(framework) => startup::models(framework).into(),
            Self::OpTime(framework, tensor) | Self::Serving(framework, tensor, _) => {
                vec![Testbed::model(framework, tensor)]
            }
            Self::Kernel(case, _) => vec![case.executed_model()],
            Self::Requests(request) => vec![request.case.executed_model()],
            Self::NullServing(..) => Vec::new(),
        }
    }

    /// Where it is made, if not on every machine: on those with a GPU, or on those without one, where
    /// it stands in for another.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Kernel(case, _) => Some(case.place),
            Self::Requests(request) if request.case.place == Place::Gpu => Some(Place::Gpu),
            _ => None,
        }
    }

    /// Whether both are requests with the same tensor, as many at a time.
    fn is_compared_with(&self, other: &Self) -> bool {
        let request = |experiment: &Self| match *experiment {
            Self::NullServing(tensor, slots) | Self::Serving(_, tensor, slots) => {
                Some((tensor, slots))
            }
            _ => None,
        };
        request(self).is_some_and(|own| request(other) == Some(own))
    }

    /// What the measurement is about, with its id.
    #[must_use]
    pub fn about(&self) -> About {
        let startup = |framework: Framework, what: &str| About {
            id: format!("startup/{framework}/{what}"),
            kind: Kind::Startup,
            aspect: None,
            framework: framework.to_string(),
            op: None,
            shape: None,
            dtype: None,
            concurrency: None,
            unit: "ms",
        };
        let serving = |framework: String, op: &str, tensor: Tensor, concurrency: u32| About {
            id: format!(
                "serving/{framework}/{op}/{}/{}/http/c{concurrency}",
                tensor.shape(),
                dtype(tensor)
            ),
            kind: Kind::Serving,
            aspect: None,
            framework,
            op: Some(op.to_owned()),
            shape: Some(vec![1, tensor.row]),
            dtype: Some(dtype(tensor)),
            concurrency: Some(concurrency),
            unit: "us",
        };
        match *self {
            Self::SpawnToReady(framework) => startup(framework, "spawn-to-ready"),
            Self::IdleMemory(framework) => About {
                id: format!("memory/{framework}/idle-worker"),
                kind: Kind::Memory,
                unit: "MiB",
                ..startup(framework, "")
            },
            Self::LoadIntoNewWorker(framework) => startup(framework, "model-load/new-worker"),
            Self::LoadIntoRunningWorker(framework) => {
                startup(framework, "model-load/running-worker")
            }
            Self::OpTime(framework, tensor) => About {
                id: format!(
                    "kernel/{framework}/{}/{}/{}",
                    tensor.op,
                    tensor.shape(),
                    dtype(tensor)
                ),
                kind: Kind::Kernel,
                aspect: None,
                framework: framework.to_string(),
                op: Some(tensor.op.to_string()),
                shape: Some(vec![1, tensor.row]),
                dtype: Some(dtype(tensor)),
                concurrency: None,
                unit: "us",
            },
            Self::Kernel(case, quantity) => case.about(quantity),
            Self::Requests(request) => request.about(),
            Self::NullServing(tensor, slots) => serving("none".to_owned(), "null", tensor, slots),
            Self::Serving(framework, tensor, slots) => {
                serving(framework.to_string(), tensor.op.name(), tensor, slots)
            }
        }
    }

    /// When it counts and ends. `quick` takes about a fifth of the time.
    #[must_use]
    pub fn policy(&self, quick: bool) -> Policy {
        if let Self::Kernel(case, _) = self {
            return case.policy(quick);
        }
        let seconds = |full: f64| Duration::from_secs_f64(if quick { full / 5.0 } else { full });
        match self.about().kind {
            Kind::Startup => Policy {
                warm_up_rounds: 2,
                warm_up: Duration::ZERO,
                minimum_samples: if quick { 8 } else { 30 },
                relative_standard_error: 0.02,
                budget: seconds(15.0),
            },
            // The same to a percent from start to start.
            Kind::Memory => Policy {
                warm_up_rounds: 0,
                warm_up: Duration::ZERO,
                minimum_samples: 3,
                relative_standard_error: 0.02,
                budget: seconds(5.0),
            },
            Kind::Kernel => Policy {
                warm_up_rounds: 20,
                warm_up: seconds(0.25),
                minimum_samples: 700,
                relative_standard_error: 0.01,
                budget: seconds(4.0),
            },
            Kind::Serving => Policy {
                warm_up_rounds: 2,
                warm_up: seconds(1.0),
                // A p99 wants its samples from more than one moment.
                minimum_samples: 5000,
                relative_standard_error: 0.005,
                budget: seconds(6.0),
            },
        }
    }
}

fn dtype(tensor: Tensor) -> String {
    tensor.data_type.protocol_name().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_stable() {
        let all = experiments(&[Framework::OnnxRuntime], None);
        let ids: BTreeSet<String> = all.iter().map(|experiment| experiment.about().id).collect();
        assert_eq!(ids.len(), all.len());
        insta::assert_snapshot!(ids.into_iter().collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_filter_selects_by_id() {
        let filter = Regex::new("^serving/.*/1x64/.*/c4$").unwrap();
        let some = experiments(&[Framework::OnnxRuntime], Some(&filter));
        assert_eq!(some.len(), 3);
        assert!(experiments(&[], None).is_empty());
    }

    #[test]
    fn parts_make_up_the_whole_and_keep_the_generator_beside_its_requests() {
        let all = experiments(&[Framework::OnnxRuntime, Framework::PyTorch], None);
        for count in [1, 2, 3, 7] {
            let mut joined = Vec::new();
            for index in 1..=count {
                let shard: Shard = format!("{index}/{count}").parse().unwrap();
                let part = part_of(&all, shard);
                for experiment in &part {
                    if let Experiment::Serving(_, tensor, slots) = *experiment {
                        let generator = Experiment::NullServing(tensor, slots);
                        assert!(part.contains(&generator), "{experiment:?} in {shard}");
                    }
                }
                joined.extend(part);
            }
            assert_eq!(joined.len(), all.len(), "{count}");
            assert!(all.iter().all(|experiment| joined.contains(experiment)));
        }
    }

    #[test]
    fn quick_is_shorter_everywhere() {
        for experiment in experiments(&[Framework::OnnxRuntime], None) {
            assert!(experiment.policy(true).budget < experiment.policy(false).budget);
        }
    }
}
