//! Executing a model in process, through the backend's instance and through ONNX Runtime's own
//! interface with everything prepared: the difference is what the backend costs.

use std::ffi::CString;
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ort::sys;
use reference_server::configuration::Device;
use reference_server::protocol::DataType;
use reference_server::worker::backend::{
    Backend, ExecutionError, InputTensor, ModelSpecification, OutputSink, RuntimeSpecification,
    TensorData,
};
use reference_server::worker::onnxruntime::OnnxRuntimeBackend;
use reference_server::worker::recorder::Recorder;
use runtimes::{Cache, Catalog, Framework, Pip, Silent, Size};
use test_ops::{Builder, Library, Model, Op, ParameterSource, Sample};

/// Elements of a row: a small tensor and one of 1 MiB.
const WIDTHS: [usize; 2] = [16, 262_144];

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
        .default_of(Framework::OnnxRuntime)
        .expect("the catalogue has a default");
    let pip = Pip::find().expect("pip");
    let runtime = runtimes::install(&cache, entry, Size::Small, &pip, &Silent).expect("a runtime");
    let library = Library::new(Framework::OnnxRuntime, Sample::default());
    let library = Builder::in_cache(&cache)
        .build(&library, &runtime)
        .expect("the sample op library");
    // SAFETY: all-zero memory is an empty recorder.
    let recorder: Arc<Recorder> = Arc::new(unsafe { std::mem::zeroed() });
    let mut backend = OnnxRuntimeBackend::open(
        &RuntimeSpecification {
            framework: Framework::OnnxRuntime,
            runtime: runtime.name.to_string(),
            main_library: runtime.main_library.clone(),
            library_dirs: runtime.library_dirs.clone(),
            bridge: None,
            preloaded: Vec::new(),
            python: None,
        },
        recorder,
    )
    .expect("a backend");
    let folder = tempfile::tempdir().expect("a scratch folder");

    let mut group = criterion.benchmark_group("onnxruntime/execute");
    for width in WIDTHS {
        let model = Model::new(
            Op::BiasGelu,
            test_ops::DataType::Fp32,
            &[-1, i64::try_from(width).expect("a width")],
            ParameterSource::Constant,
        );
        let file = folder.path().join(format!("{width}.onnx"));
        std::fs::write(&file, model.to_onnx()).expect("the model file");
        let dims = [1, i64::try_from(width).expect("a width")];
        let input = vec![0.5_f32; width];
        let mut output = vec![0.0_f32; width];
        group.throughput(Throughput::Bytes((width * size_of::<f32>()) as u64));

        let mut loaded = backend
            .load_model(&ModelSpecification {
                key: width as u64,
                name: "bias_gelu".to_owned(),
                version: 1,
                file: file.clone(),
                declared_inputs: Vec::new(),
                declared_outputs: Vec::new(),
                op_libraries: vec![library.clone()],
                instances: vec![Device::Cpu],
                parameters: Default::default(),
            })
            .expect("a model");
        let instance = &mut loaded.instances[0];
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
        group.bench_function(BenchmarkId::new("instance", width), |bencher| {
            bencher.iter(|| instance.execute(black_box(&tensors), &[0], &mut buffer));
        });

        let bare = Bare::open(&file, &library, &input, &mut output, &dims);
        group.bench_function(BenchmarkId::new("bare", width), |bencher| {
            bencher.iter(|| bare.run());
        });
    }
    group.finish();
}

/// A session and its values, created once. Ends with the process.
struct Bare {
    session: *mut sys::OrtSession,
    input: *const sys::OrtValue,
    output: *mut sys::OrtValue,
}

impl Bare {
    fn open(model: &Path, library: &Path, input: &[f32], output: &mut [f32], dims: &[i64]) -> Self {
        let api = ort::api();
        let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).expect("a path");
        let (model, library) = (text(model), text(library));
        let mut environment = ptr::null_mut();
        let mut options = ptr::null_mut();
        let mut session = ptr::null_mut();
        let mut memory = ptr::null_mut();
        let mut values = [ptr::null_mut(), ptr::null_mut()];
        // SAFETY: every argument is live and of the kind that the call asks for; the tensors'
        // memory outlives the measurement. The process has an environment, which is shared.
        unsafe {
            check((api.CreateEnv)(
                sys::OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING,
                c"bare".as_ptr(),
                &raw mut environment,
            ));
            check((api.CreateSessionOptions)(&raw mut options));
            check((api.DisablePerSessionThreads)(options));
            check((api.RegisterCustomOpsLibrary_V2)(options, library.as_ptr()));
            check((api.CreateSession)(
                environment,
                model.as_ptr(),
                options,
                &raw mut session,
            ));
            check((api.CreateCpuMemoryInfo)(
                sys::OrtAllocatorType::OrtDeviceAllocator,
                sys::OrtMemType::OrtMemTypeDefault,
                &raw mut memory,
            ));
            for (value, data) in values
                .iter_mut()
                .zip([input.as_ptr().cast_mut(), output.as_mut_ptr()])
            {
                check((api.CreateTensorWithDataAsOrtValue)(
                    memory,
                    data.cast(),
                    size_of_val(input),
                    dims.as_ptr(),
                    dims.len(),
                    sys::ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                    value,
                ));
            }
        }
        Self {
            session,
            input: values[0],
            output: values[1],
        }
    }

    fn run(&self) {
        let mut output = self.output;
        // SAFETY: session and values live as long as the process, names are C strings.
        unsafe {
            check((ort::api().Run)(
                self.session,
                ptr::null(),
                [c"x".as_ptr()].as_ptr(),
                [self.input].as_ptr(),
                1,
                [c"y".as_ptr()].as_ptr(),
                1,
                &raw mut output,
            ));
        }
    }
}

/// # Safety
/// The status was just returned by ONNX Runtime.
unsafe fn check(status: sys::OrtStatusPtr) {
    // SAFETY: the caller's promise.
    unsafe { ort::Error::result_from_status(status) }.expect("ONNX Runtime's success");
}

criterion_group!(benches, execute);
criterion_main!(benches);
