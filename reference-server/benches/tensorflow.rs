//! Executing a model in process, through the backend's instance and through TensorFlow's own
//! interface with everything prepared: the difference is what the backend costs. The interface is
//! measured with each way to run operations that a session can be configured for.

use std::ffi::{CString, c_char, c_int, c_void};
use std::hint::black_box;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL};
use reference_server::configuration::Device;
use reference_server::protocol::DataType;
use reference_server::worker::backend::{
    Backend, ExecutionError, InputTensor, ModelSpecification, OutputSink, RuntimeSpecification,
    TensorData,
};
use reference_server::worker::recorder::Recorder;
use reference_server::worker::tensorflow::TensorFlowBackend;
use runtimes::{Cache, Catalog, Framework, Pip, Silent, Size};
use test_ops::{Builder, Format, Model, Op, ParameterSource, Sample};

/// Elements of a row: a small tensor and one of 1 MiB.
const WIDTHS: [usize; 2] = [16, 262_144];

/// Ways to run operations, as serialized `ConfigProto`s: TensorFlow's default, a pool of threads;
/// the calling thread (`inter_op_parallelism_threads` −1); and there with the executor that knows
/// no concurrency (`experimental.executor_type`).
const WAYS: [(&str, &[u8]); 3] = [
    ("bare, pool", b""),
    (
        "bare, caller",
        b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ),
    (
        "bare, caller, sequential",
        b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x82\x01\x1a\x1a\x18SINGLE_THREADED_EXECUTOR",
    ),
];

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

/// 64 bytes, aligned as tensors are in shared memory.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Block([f32; 16]);

fn execute(criterion: &mut Criterion) {
    let cache = Cache::locate(None).expect("a cache folder");
    let entry = Catalog::builtin()
        .default_of(Framework::TensorFlow)
        .expect("the catalogue has a default");
    let pip = Pip::find().expect("pip");
    let runtime = runtimes::install(&cache, entry, Size::Small, &pip, &Silent).expect("a runtime");
    let library = Builder::in_cache(&cache)
        .build(
            &test_ops::Library::new(Framework::TensorFlow, Sample::default()),
            &runtime,
        )
        .expect("the sample op library");
    // SAFETY: all-zero memory is an empty recorder.
    let recorder: Arc<Recorder> = Arc::new(unsafe { std::mem::zeroed() });
    let mut backend = TensorFlowBackend::open(
        &RuntimeSpecification {
            framework: Framework::TensorFlow,
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

    let mut group = criterion.benchmark_group("tensorflow/execute");
    for width in WIDTHS {
        let length = i64::try_from(width).expect("a width");
        let model = Model::new(
            Op::BiasGelu,
            test_ops::DataType::Fp32,
            &[-1, length],
            ParameterSource::Constant,
        )
        .in_format(Format::GraphDef);
        let version = folder.path().join(width.to_string());
        model.write(&version).expect("the model file");
        let file = version.join(model.format.file_name());
        let dims = [1, length];
        let input = vec![Block([0.5; 16]); width / 16];
        let input: &[f32] = bytemuck::cast_slice(&input);
        let mut output = vec![Block([0.0; 16]); width / 16];
        group.throughput(Throughput::Bytes(size_of_val(input) as u64));

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
            data: TensorData::Host(bytemuck::cast_slice(input)),
        }];
        let mut buffer = Buffer {
            address: output.as_mut_ptr().cast(),
            length: size_of_val(output.as_slice()),
        };
        group.bench_function(BenchmarkId::new("instance", width), |bencher| {
            bencher.iter(|| {
                instance
                    .execute(black_box(&tensors), &[0], &mut buffer)
                    .expect("success");
            });
        });
        for (way, configuration) in WAYS {
            let bare = Bare::open(&runtime.main_library, &file, configuration, input, &dims);
            group.bench_function(BenchmarkId::new(way, width), |bencher| {
                bencher.iter(|| bare.run());
            });
        }
    }
    group.finish();
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Place(*mut c_void, c_int);

#[repr(C)]
struct Bytes(*const c_void, usize, *const c_void);

type Run = unsafe extern "C" fn(
    *mut c_void,
    *const c_void,
    *const Place,
    *const *mut c_void,
    c_int,
    *const Place,
    *mut *mut c_void,
    c_int,
    *const c_void,
    c_int,
    *mut c_void,
    *mut c_void,
);

unsafe extern "C" fn keep(_data: *mut c_void, _length: usize, _argument: *mut c_void) {}

/// A session and its input, created once. Ends with the process.
struct Bare {
    run: Run,
    delete_tensor: unsafe extern "C" fn(*mut c_void),
    get_code: unsafe extern "C" fn(*const c_void) -> c_int,
    session: *mut c_void,
    status: *mut c_void,
    input: *mut c_void,
    places: [Place; 2],
}

impl Bare {
    fn open(
        runtime: &Path,
        model: &Path,
        configuration: &[u8],
        input: &[f32],
        dims: &[i64],
    ) -> Self {
        // SAFETY: the library is mapped already. Each function has the type that TensorFlow's
        // headers declare; every argument is live and of the kind that it asks for, and the
        // tensor's memory outlives the measurement.
        unsafe {
            let library = Library::open(Some(runtime), RTLD_LAZY | RTLD_LOCAL).expect("mapped");
            macro_rules! function {
                ($name:literal, ($($argument:ty),*) $(-> $result:ty)?) => {
                    *library
                        .get::<unsafe extern "C" fn($($argument),*) $(-> $result)?>($name)
                        .expect("a function of the C API")
                };
            }
            type Pointer = *mut c_void;
            let get_code = function!(b"TF_GetCode", (*const c_void) -> c_int);
            let status = function!(b"TF_NewStatus", () -> Pointer)();
            let graph = function!(b"TF_NewGraph", () -> Pointer)();
            let content = std::fs::read(model).expect("the model file");
            let content = Bytes(content.as_ptr().cast(), content.len(), ptr::null());
            let import = function!(b"TF_NewImportGraphDefOptions", () -> Pointer)();
            function!(
                b"TF_GraphImportGraphDef",
                (Pointer, *const Bytes, Pointer, Pointer)
            )(graph, &raw const content, import, status);
            assert_eq!(get_code(status), 0, "the graph is imported");
            let options = function!(b"TF_NewSessionOptions", () -> Pointer)();
            function!(b"TF_SetConfig", (Pointer, *const c_void, usize, Pointer))(
                options,
                configuration.as_ptr().cast(),
                configuration.len(),
                status,
            );
            assert_eq!(get_code(status), 0, "the configuration is understood");
            let session = function!(b"TF_NewSession", (Pointer, Pointer, Pointer) -> Pointer)(
                graph, options, status,
            );
            let operation =
                function!(b"TF_GraphOperationByName", (Pointer, *const c_char) -> Pointer);
            let place = |name: &str| {
                let name = CString::new(name).expect("a name");
                Place(operation(graph, name.as_ptr()), 0)
            };
            let tensor = function!(
                b"TF_NewTensor",
                (
                    c_int,
                    *const i64,
                    c_int,
                    Pointer,
                    usize,
                    unsafe extern "C" fn(Pointer, usize, Pointer),
                    Pointer
                ) -> Pointer
            );
            let bare = Self {
                run: *library.get::<Run>(b"TF_SessionRun").expect("a function"),
                delete_tensor: function!(b"TF_DeleteTensor", (Pointer)),
                get_code,
                session,
                status,
                input: tensor(
                    1,
                    dims.as_ptr(),
                    2,
                    input.as_ptr().cast_mut().cast(),
                    size_of_val(input),
                    keep,
                    ptr::null_mut(),
                ),
                places: [place("x"), place("y")],
            };
            std::mem::forget(library);
            bare
        }
    }

    fn run(&self) {
        let mut output = ptr::null_mut();
        // SAFETY: all arguments live as long as the process; the output is ours.
        unsafe {
            (self.run)(
                self.session,
                ptr::null(),
                &raw const self.places[0],
                &raw const self.input,
                1,
                &raw const self.places[1],
                &raw mut output,
                1,
                ptr::null(),
                0,
                ptr::null_mut(),
                self.status,
            );
            assert_eq!((self.get_code)(self.status), 0, "TensorFlow's success");
            (self.delete_tensor)(output);
        }
    }
}

criterion_group!(benches, execute);
criterion_main!(benches);
