//! What is timed of an op.

use std::time::Duration;

use runtimes::Framework;
use test_ops::{DataType, Model, Op, ParameterSource};

use crate::measurement::{About, Aspect, Kind, Policy};

/// Where a model executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the CPU.
    Cpu,
    /// On the first GPU.
    Gpu,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

/// What is measured of a case.
pub type Quantity = Aspect;

/// An op on a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelCase {
    /// The framework.
    pub framework: Framework,
    /// Where it executes.
    pub place: Place,
    /// The op.
    pub op: Op,
    /// The element type.
    pub data_type: DataType,
    /// Rows of the op's first input.
    pub rows: u64,
    /// Elements of a row.
    pub columns: u64,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Bytes of the tensors of a sweep on a GPU: launches decide about the smallest, memory about the
/// largest.
const SWEEP: [u64; 7] = [
    16 * KIB,
    256 * KIB,
    MIB,
    16 * MIB,
    64 * MIB,
    256 * MIB,
    512 * MIB,
];
/// Bytes of the tensors of ops that are not swept.
const FEW: [u64; 3] = [256 * KIB, 16 * MIB, 256 * MIB];
/// Bytes of the tensors on a CPU.
const ON_CPU: [u64; 2] = [MIB, 16 * MIB];
/// Below so many bytes, a tensor is that of the smallest model.
const TINY: u64 = KIB;
/// Up to so many bytes, launches are what takes time.
const SMALL: u64 = MIB;
/// From so many bytes on, a sample takes tens of milliseconds, for its way to the GPU and back.
const LARGE: u64 = 64 * MIB;

/// Bytes of the tensors in TensorRT, beside the smallest: each has a plan of its own, which takes some
/// ten seconds to build.
const IN_PLANS: [u64; 1] = [256 * MIB];

/// Rows of the requests of a series, of [`BATCH_COLUMNS`] elements each.
const BATCHES: [u64; 5] = [1, 4, 16, 64, 256];
/// Elements of a row of a request of a series: 4 KiB of fp32.
const BATCH_COLUMNS: u64 = 1024;
/// Requests of a series that are under way at the same time.
const BATCH_CONCURRENCY: u32 = 4;

/// A request over HTTP to the model of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestCase {
    /// The model, the place and the tensor.
    pub case: KernelCase,
    /// Requests under way at the same time.
    pub concurrency: u32,
    /// Whether it is one of a series that differ in their rows.
    pub is_batch: bool,
}

/// The requests that are timed of `framework`: on a GPU those with the smallest model, and a series with
/// more and more rows; that series on a CPU for ONNX Runtime alone, because the way to the model is the
/// same for all.
pub fn requests(framework: Framework) -> Vec<RequestCase> {
    let request = |place, rows, columns, concurrency, is_batch| RequestCase {
        case: KernelCase {
            framework,
            place,
            op: Op::BiasGelu,
            data_type: DataType::Fp32,
            rows,
            columns,
        },
        concurrency,
        is_batch,
    };
    let series =
        |place| BATCHES.map(|rows| request(place, rows, BATCH_COLUMNS, BATCH_CONCURRENCY, true));
    let mut requests = [1, 4]
        .map(|slots| request(Place::Gpu, 1, 64, slots, false))
        .to_vec();
    // A plan has fixed extents: each size would be another model.
    if framework != Framework::TensorRt {
        requests.extend(series(Place::Gpu));
    }
    if framework == Framework::OnnxRuntime {
        requests.extend(series(Place::Cpu));
    }
    requests
}

/// Everything that is timed of `framework`: on a GPU, and what stands in for it where there is none.
pub fn cases(framework: Framework) -> Vec<(KernelCase, Quantity)> {
    let case = |place, op, data_type, rows, columns| KernelCase {
        framework,
        place,
        op,
        data_type,
        rows,
        columns,
    };
    let is_tensorrt = framework == Framework::TensorRt;
    let mut cases = Vec::new();
    for op in [Op::BiasGelu, Op::RmsNorm] {
        for data_type in [DataType::Fp32, DataType::Fp16] {
            cases.push(case(Place::Gpu, op, data_type, 1, 64));
            let swept = if is_tensorrt { &IN_PLANS[..] } else { &SWEEP };
            cases.extend(swept.iter().map(|bytes| {
                let (rows, columns) = shape(*bytes, data_type);
                case(Place::Gpu, op, data_type, rows, columns)
            }));
        }
    }
    if is_tensorrt {
        return with_quantities(cases);
    }
    for op in [Op::Modulo, Op::SelectAbove] {
        cases.extend(FEW.map(|bytes| {
            let (rows, columns) = shape(bytes, DataType::Fp32);
            case(Place::Gpu, op, DataType::Fp32, rows, columns)
        }));
    }
    for op in [Op::BiasGelu, Op::RmsNorm] {
        cases.push(case(Place::Cpu, op, DataType::Fp32, 1, 64));
        cases.extend(ON_CPU.map(|bytes| {
            let (rows, columns) = shape(bytes, DataType::Fp32);
            case(Place::Cpu, op, DataType::Fp32, rows, columns)
        }));
    }
    with_quantities(cases)
}

fn with_quantities(cases: Vec<KernelCase>) -> Vec<(KernelCase, Quantity)> {
    cases
        .into_iter()
        .flat_map(|case| case.quantities().map(move |quantity| (case, quantity)))
        .collect()
}

/// Rows and columns of a tensor of `bytes`.
fn shape(bytes: u64, data_type: DataType) -> (u64, u64) {
    let elements = bytes / data_type.size() as u64;
    let columns = if bytes >= 16 * MIB { 4096 } else { 1024 };
    (elements / columns, columns)
}

impl KernelCase {
    fn quantities(self) -> impl Iterator<Item = Quantity> {
        let all: &[Quantity] = match self.place {
            Place::Cpu => &[Quantity::WallTime, Quantity::SpeedUp],
            Place::Gpu if self.bytes() < TINY => &[
                Quantity::KernelTime,
                Quantity::WallTime,
                Quantity::CallTime,
                Quantity::LaunchOverhead,
                Quantity::SpeedUp,
            ],
            Place::Gpu if self.bytes() <= SMALL => &[
                Quantity::KernelTime,
                Quantity::WallTime,
                Quantity::LaunchOverhead,
                Quantity::SpeedUp,
            ],
            Place::Gpu => &[Quantity::KernelTime, Quantity::WallTime, Quantity::SpeedUp],
        };
        // A plan is one operator, and TensorRT's own are not composed here.
        let is_composed = self.framework != Framework::TensorRt;
        let all = all.iter().copied();
        all.filter(move |quantity| is_composed || *quantity != Quantity::SpeedUp)
    }

    /// Bytes of the op's first input.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.rows * self.columns * self.data_type.size() as u64
    }

    /// The model as it is executed. A plan has fixed extents, so that TensorRT builds it for them.
    #[must_use]
    pub fn executed_model(self) -> Model {
        let mut model = self.model();
        if self.framework == Framework::TensorRt {
            model.dims[0] = i64::try_from(self.rows).unwrap_or(i64::MAX);
        }
        model
    }

    /// The model with the sample op; its second operand is an input.
    #[must_use]
    pub fn model(self) -> Model {
        let columns = i64::try_from(self.columns).unwrap_or(i64::MAX);
        let dims = [-1, columns];
        let model = Model::new(self.op, self.data_type, &dims, ParameterSource::Input);
        let name = format!("{}_{}", model.name, self.columns);
        model.in_format(self.framework).with_name(&name)
    }

    /// What a measurement of `quantity` is about, with its id.
    #[must_use]
    pub fn about(self, quantity: Quantity) -> About {
        let place = self.place.name();
        let dtype = self.data_type.protocol_name().to_lowercase();
        let Self {
            framework,
            op,
            rows,
            columns,
            ..
        } = self;
        // The time of the kernel itself is what the others are beside.
        let suffix = match quantity {
            Quantity::KernelTime => String::new(),
            other => format!("/{}", other.name()),
        };
        About {
            id: format!("kernel/{place}/{framework}/{op}/{rows}x{columns}/{dtype}{suffix}"),
            kind: Kind::Kernel,
            aspect: Some(quantity),
            framework: framework.to_string(),
            op: Some(op.to_string()),
            shape: Some(vec![rows, columns]),
            dtype: Some(dtype),
            concurrency: None,
            unit: match quantity {
                Quantity::SpeedUp => "×",
                _ => "us",
            },
        }
    }

    /// When a measurement counts and ends. The time of a kernel hardly varies, so that few samples of
    /// the large tensors do.
    #[must_use]
    pub fn policy(self, quick: bool) -> Policy {
        let seconds = |full: f64| Duration::from_secs_f64(if quick { full / 5.0 } else { full });
        let is_large = self.bytes() >= LARGE || self.place == Place::Cpu && self.bytes() > SMALL;
        let (warm_up_rounds, minimum_samples) = match (is_large, quick) {
            (true, false) => (1, 12),
            (true, true) => (1, 6),
            (false, false) => (3, 60),
            (false, true) => (2, 20),
        };
        Policy {
            warm_up_rounds,
            warm_up: Duration::ZERO,
            minimum_samples,
            relative_standard_error: 0.01,
            budget: match self.place {
                Place::Cpu => seconds(0.35),
                Place::Gpu if is_large => seconds(2.5),
                Place::Gpu => seconds(1.0),
            },
        }
    }

    /// Executions of a round, after which the engine looks at the samples.
    #[must_use]
    pub fn round(self) -> u32 {
        match self.bytes() {
            small if small <= SMALL => 20,
            middle if middle < LARGE => 5,
            _ => 2,
        }
    }
}

impl RequestCase {
    /// What its measurement is about, with its id.
    #[must_use]
    pub fn about(self) -> About {
        let aspect = if self.is_batch {
            Aspect::BatchSize
        } else {
            Aspect::Request
        };
        let about = self.case.about(aspect);
        let KernelCase {
            framework,
            place,
            op,
            rows,
            columns,
            ..
        } = self.case;
        let dtype = about.dtype.as_deref().unwrap_or_default();
        About {
            id: format!(
                "serving/{}/{framework}/{op}/{rows}x{columns}/{dtype}/http/c{}",
                place.name(),
                self.concurrency
            ),
            kind: Kind::Serving,
            concurrency: Some(self.concurrency),
            ..about
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tensors_of_both_types_have_the_same_bytes() {
        let swept = |data_type| -> BTreeSet<u64> {
            let all = cases(Framework::PyTorch).into_iter();
            let own = all.filter(|(case, _)| case.place == Place::Gpu && case.op == Op::RmsNorm);
            own.filter(|(case, _)| case.data_type == data_type && case.rows > 1)
                .map(|(case, _)| case.bytes())
                .collect()
        };
        assert_eq!(swept(DataType::Fp32), BTreeSet::from(SWEEP));
        assert_eq!(swept(DataType::Fp16), BTreeSet::from(SWEEP));
    }

    #[test]
    fn only_small_tensors_have_a_launch_overhead_and_only_gpus_a_kernel_time() {
        for (case, quantity) in cases(Framework::OnnxRuntime) {
            match quantity {
                Quantity::LaunchOverhead => assert!(case.bytes() <= SMALL),
                Quantity::KernelTime => assert_eq!(case.place, Place::Gpu),
                Quantity::CallTime => assert_eq!((case.place, case.rows), (Place::Gpu, 1)),
                Quantity::WallTime | Quantity::SpeedUp => {}
                Quantity::Request | Quantity::BatchSize => panic!("{case:?} needs a server"),
            }
            if case.place == Place::Cpu {
                assert!(case.bytes() <= 16 * MIB);
            }
        }
    }
}
