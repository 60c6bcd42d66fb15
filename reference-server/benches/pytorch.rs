//! Executing a TorchScript model in process, through the backend's instance. Beside it stands a
//! module that returns its input: what PyTorch's interpreter and the backend cost without any
//! computation.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reference_server::configuration::Device;
use reference_server::protocol::DataType;
use reference_server::worker::backend::{
    Backend, ExecutionError, InputTensor, Instance, ModelSpecification, OutputSink,
    RuntimeSpecification, TensorData, TensorSignature,
};
use reference_server::worker::pytorch::PyTorchBackend;
use reference_server::worker::recorder::Recorder;
use runtimes::{Cache, Catalog, Framework, Pip, Silent, Size};
use test_ops::{Builder, Library, Model, Op, ParameterSource, Sample};

/// Elements of a row: a small tensor and one of 1 MiB.
const WIDTHS: [usize; 2] = [16, 262_144];

/// A module that does nothing.
const IDENTITY: &str = "def forward(self, x: Tensor) -> Tensor:\n  return x";

/// One buffer for the one output.
struct Buffer {
    address: *mut u8,
    length: usize,
}

impl<'a> OutputSink<'a> for Buffer {
    fn allocate(
        &mut self,
        _output: u32,
        _data_type: DataType,
        _dims: &[i64],
        byte_length: usize,
    ) -> Result<&'a mut [u8], ExecutionError> {
        assert!(byte_length <= self.length);
        // SAFETY: the buffer is that long, outlives the benchmark, and is read by nobody else.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.address, byte_length) })
    }
}

fn execute(criterion: &mut Criterion) {
    let cache = Cache::locate(None).expect("a cache folder");
    let entry = Catalog::builtin()
        .default_of(Framework::PyTorch)
        .expect("the catalogue has a default");
    let pip = Pip::find().expect("pip");
    let runtime = runtimes::install(&cache, entry, Size::Small, &pip, &Silent).expect("a runtime");
    let library = Builder::in_cache(&cache)
        .build(
            &Library::new(Framework::PyTorch, Sample::default()),
            &runtime,
        )
        .expect("the sample op library");
    // SAFETY: all-zero memory is an empty recorder.
    let recorder: Arc<Recorder> = Arc::new(unsafe { std::mem::zeroed() });
    let mut backend = PyTorchBackend::open(
        &RuntimeSpecification {
            framework: Framework::PyTorch,
            runtime: runtime.name.to_string(),
            main_library: runtime.main_library.clone(),
            library_dirs: runtime.library_dirs.clone(),
            bridge: bridges::build(&runtime, &cache).expect("a bridge"),
            preloaded: Vec::new(),
            python: runtime.python.clone(),
        },
        recorder,
    )
    .expect("a backend");
    backend
        .load_libraries(&[library])
        .expect("the sample op library");
    let folder = tempfile::tempdir().expect("a scratch folder");

    let mut group = criterion.benchmark_group("pytorch/execute");
    for width in WIDTHS {
        let columns = i64::try_from(width).expect("a width");
        let model = Model::new(
            Op::BiasGelu,
            test_ops::DataType::Fp32,
            &[-1, columns],
            ParameterSource::Constant,
        )
        .in_format(Framework::PyTorch);
        let bias_gelu = model.files().expect("the model file").remove(0).content;
        group.throughput(Throughput::Bytes((width * size_of::<f32>()) as u64));
        for (name, content) in [
            ("bias_gelu", bias_gelu),
            ("identity", test_ops::torch_script(IDENTITY)),
        ] {
            let file = folder.path().join(format!("{name}-{width}.pt"));
            std::fs::write(&file, content).expect("the model file");
            let tensor = |name: &str| TensorSignature {
                name: name.to_owned(),
                data_type: DataType::Fp32,
                dims: vec![-1, columns],
            };
            let mut loaded = backend
                .load_model(&ModelSpecification {
                    key: 1,
                    name: name.to_owned(),
                    version: 1,
                    file,
                    declared_inputs: vec![tensor("x")],
                    declared_outputs: vec![tensor("y__0")],
                    op_libraries: Vec::new(),
                    instances: vec![Device::Cpu],
                    parameters: Default::default(),
                })
                .expect("a model");
            let instance: &mut dyn Instance = &mut *loaded.instances[0];
            let dims = [1, columns];
            let input = vec![0.5_f32; width];
            let mut output = vec![0.0_f32; width];
            let tensors = [InputTensor {
                input: 0,
                data_type: DataType::Fp32,
                dims: &dims,
                data: TensorData::Host(bytemuck::cast_slice(&input)),
            }];
            let mut buffer = Buffer {
                address: output.as_mut_ptr().cast(),
                length: size_of_val(output.as_slice()),
            };
            group.bench_function(BenchmarkId::new(name, width), |bencher| {
                bencher.iter(|| instance.execute(black_box(&tensors), &[0], &mut buffer));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, execute);
criterion_main!(benches);
