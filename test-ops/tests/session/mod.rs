//! The sample library in a real ONNX Runtime: what every tested version has to do.
//!
//! A process loads one ONNX Runtime, so each version has a test program of its own.

use std::{path::PathBuf, sync::OnceLock, thread};

use half::f16;
use ort::{
    environment::Environment,
    session::Session,
    value::{DynTensor, DynValue, Tensor as OrtTensor},
};
use runtimes::{Cache, Catalog, Framework, Pip, Runtime, RuntimeName, Silent, Size};
use test_ops::{
    Approximation, Builder, Content, DataType, Library, Model, Op, ParameterSource, Sample, Tensor,
};

/// Where libraries are kept between test runs.
pub fn builder() -> Builder {
    Builder::in_cache(&Cache::locate(None).expect("a cache folder"))
}

/// The path of a built library.
pub fn library(content: impl Into<Content>) -> PathBuf {
    let library = Library::new(Framework::OnnxRuntime, content);
    builder()
        .build(&library, RUNTIME.get().expect("a started runtime"))
        .unwrap_or_else(|error| panic!("{error}"))
}

static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// Loads the runtime of that name, such as `onnxruntime-1.32.0`, into this process.
pub fn start(runtime: &str) {
    ENVIRONMENT.get_or_init(|| {
        let name: RuntimeName = runtime.parse().expect("a runtime's name");
        let entry = Catalog::builtin()
            .get(&name)
            .expect("a runtime of the catalogue");
        let cache = Cache::locate(None).expect("a cache folder");
        let pip = Pip::find().expect("pip");
        let runtime = runtimes::install(&cache, entry, Size::Small, &pip, &Silent)
            .unwrap_or_else(|error| panic!("{error}"));
        let runtime = RUNTIME.get_or_init(|| runtime);
        ort::init_from(&runtime.main_library)
            .expect("the runtime loads")
            .build()
            .expect("the runtime starts")
    });
}

/// A session of the model with these libraries; the error's text where there is none.
pub fn session(model: &Model, libraries: &[PathBuf]) -> Result<Session, String> {
    let mut builder = Session::builder(ENVIRONMENT.get().expect("a started runtime"))
        .map_err(|error| error.to_string())?;
    for library in libraries {
        builder = builder
            .with_operator_library(library)
            .map_err(|error| error.to_string())?;
    }
    builder
        .commit_from_memory(&model.to_onnx())
        .map_err(|error| error.to_string())
}

/// Runs the session and reads all outputs that the model declares.
pub fn run(session: &mut Session, model: &Model, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
    let named: Vec<(String, DynTensor)> = model
        .inputs()
        .into_iter()
        .map(|input| input.name)
        .zip(inputs.iter().map(to_runtime))
        .collect();
    let outputs = session.run(named).map_err(|error| error.to_string())?;
    Ok(model
        .outputs()
        .iter()
        .map(|output| from_runtime(&outputs[output.name.as_str()], output.data_type))
        .collect())
}

fn to_runtime(tensor: &Tensor) -> DynTensor {
    fn create<T>(tensor: &Tensor, convert: impl Fn(f64) -> T) -> DynTensor
    where
        T: ort::value::PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
    {
        let values: Vec<T> = tensor.values.iter().map(|&value| convert(value)).collect();
        OrtTensor::from_array((tensor.shape.clone(), values))
            .expect("a tensor")
            .upcast()
    }
    match tensor.data_type {
        DataType::Fp32 => create(tensor, |value| value as f32),
        DataType::Fp16 => create(tensor, f16::from_f64),
        DataType::Int32 => create(tensor, |value| value as i32),
        DataType::Int64 => create(tensor, |value| value as i64),
    }
}

fn from_runtime(value: &DynValue, data_type: DataType) -> Tensor {
    fn read<T>(value: &DynValue, data_type: DataType, convert: impl Fn(T) -> f64) -> Tensor
    where
        T: ort::value::PrimitiveTensorElementType + Copy,
    {
        let (shape, values) = value
            .try_extract_tensor::<T>()
            .expect("a tensor of the declared type");
        let shape: Vec<usize> = shape.iter().map(|&extent| extent as usize).collect();
        Tensor::new(
            data_type,
            &shape,
            values.iter().map(|&value| convert(value)).collect(),
        )
    }
    match data_type {
        DataType::Fp32 => read::<f32>(value, data_type, f64::from),
        DataType::Fp16 => read::<f16>(value, data_type, f16::to_f64),
        DataType::Int32 => read::<i32>(value, data_type, f64::from),
        DataType::Int64 => read::<i64>(value, data_type, |value| value as f64),
    }
}

fn check(model: &Model, libraries: &[PathBuf], inputs: &[Tensor], signatures: &[(&str, u8)]) {
    let mut session =
        session(model, libraries).unwrap_or_else(|error| panic!("{}: {error}", model.name));
    let outputs =
        run(&mut session, model, inputs).unwrap_or_else(|error| panic!("{}: {error}", model.name));
    for (actual, expected) in outputs.iter().zip(model.expected(inputs, signatures)) {
        actual
            .compare(&expected)
            .unwrap_or_else(|mismatch| panic!("{}: {mismatch}", model.name));
    }
}

/// Each operator, element type and form of model computes what the reference says.
pub fn every_model_computes() {
    let libraries = [library(Sample::default())];
    for op in Op::ALL {
        for &data_type in op.data_types() {
            for source in [ParameterSource::Input, ParameterSource::Constant] {
                for dims in [&[-1, 64][..], &[3, 7], &[1, 1], &[2, 3, 5]] {
                    let model = Model::new(op, data_type, dims, source);
                    for rows in [1, 5] {
                        check(&model, &libraries, &model.sample_inputs(rows, 7), &[]);
                    }
                }
            }
        }
    }
}

/// Attributes reach the kernels, and an odd one is refused with its name.
pub fn attributes_are_read() {
    let libraries = [library(Sample::default())];
    let gelu = Model::new(
        Op::BiasGelu,
        DataType::Fp32,
        &[4, 16],
        ParameterSource::Constant,
    )
    .with_approximation(Approximation::Tanh);
    check(&gelu, &libraries, &gelu.sample_inputs(1, 1), &[]);
    let norm = Model::new(
        Op::RmsNorm,
        DataType::Fp32,
        &[4, 16],
        ParameterSource::Constant,
    );
    check(
        &norm.clone().with_epsilon(10.0),
        &libraries,
        &norm.sample_inputs(1, 1),
        &[],
    );
    let error = session(&norm.with_epsilon(-1.0), &libraries)
        .map(drop)
        .unwrap_err();
    assert!(error.contains("epsilon is -1"), "{error}");
}

/// A tensor without elements is an input like any other.
pub fn empty_tensors_pass() {
    let libraries = [library(Sample::default())];
    for op in Op::ALL {
        let model = Model::new(op, DataType::Fp32, &[-1, 8], ParameterSource::Constant);
        check(&model, &libraries, &model.sample_inputs(0, 1), &[]);
    }
}

/// Two libraries with different domains serve one model, each with its signature.
pub fn two_domains_live_side_by_side() {
    let libraries = [
        library(Sample::default().with_signature(1)),
        library(
            Sample::default()
                .with_signature(2)
                .with_domain("custom.ops.b"),
        ),
    ];
    for op in Op::ALL {
        for &data_type in op.data_types() {
            let model = Model::new(op, data_type, &[-1, 8], ParameterSource::Constant)
                .with_domains(&["custom.ops", "custom.ops.b"]);
            let signatures = [("custom.ops", 1), ("custom.ops.b", 2)];
            check(&model, &libraries, &model.sample_inputs(2, 1), &signatures);
        }
    }
}

/// A library that cannot be unloaded computes like any other.
pub fn a_pinned_library_works() {
    let libraries = [library(Sample::default().with_signature(5).pinned())];
    let model = Model::new(
        Op::BiasGelu,
        DataType::Fp32,
        &[2, 8],
        ParameterSource::Constant,
    );
    check(
        &model,
        &libraries,
        &model.sample_inputs(1, 1),
        &[("custom.ops", 5)],
    );
}

/// A library that asks for an older level of the interface works in newer runtimes.
pub fn an_older_level_works() {
    for level in [16, 17, 18] {
        let libraries = [library(Sample::default().with_api_level(level))];
        let model = Model::new(Op::RmsNorm, DataType::Fp16, &[2, 8], ParameterSource::Input);
        check(&model, &libraries, &model.sample_inputs(1, 1), &[]);
    }
}

/// A library that asks for the newest level of the runtime works, and one level more is refused.
pub fn the_own_level_is_the_limit() {
    // The minor number of the version.
    let own = RUNTIME
        .get()
        .expect("a started runtime")
        .name
        .version
        .minor();
    let model = Model::new(Op::RmsNorm, DataType::Fp32, &[2, 8], ParameterSource::Input);
    let at = |level| library(Sample::default().with_api_level(level));
    check(&model, &[at(own)], &model.sample_inputs(1, 1), &[]);
    let error = session(&model, &[at(own + 1)]).map(drop).unwrap_err();
    assert!(
        error.contains(&format!("needs level {}", own + 1)),
        "{error}"
    );
}

/// What a library refuses it tells as an error, and what it lacks the runtime does.
pub fn refusals_are_errors() {
    let model = Model::new(Op::Modulo, DataType::Int64, &[4], ParameterSource::Constant);
    let refusal = |sample: Sample| session(&model, &[library(sample)]).map(drop).unwrap_err();
    let error = refusal(Sample::default().with_api_level(99));
    assert!(error.contains("needs level 99"), "{error}");
    let error = refusal(Sample::default().with_fault(test_ops::Fault::RegistrationFails));
    assert!(error.contains("refuses to register"), "{error}");
    let error = refusal(Sample::default().with_ops(&[Op::BiasGelu]));
    assert!(error.contains("Modulo"), "{error}");
    let error = refusal(Sample::default().with_domain("custom.ops.b"));
    assert!(error.contains("custom.ops"), "{error}");
}

/// A panic and a C++ exception in a kernel become an error of that run, and the next one works.
pub fn a_failed_run_is_an_error() {
    let model = Model::new(
        Op::BiasGelu,
        DataType::Fp32,
        &[8],
        ParameterSource::Constant,
    );
    let inputs = model.sample_inputs(1, 1);
    for (fault, text) in [
        (test_ops::Fault::KernelPanics, "the kernel panics"),
        (test_ops::Fault::KernelThrows, "the kernel throws"),
    ] {
        let mut session = session(&model, &[library(Sample::default().with_fault(fault))]).unwrap();
        let error = run(&mut session, &model, &inputs).unwrap_err();
        assert!(error.contains(text), "{error}");
        let outputs = run(&mut session, &model, &inputs).unwrap();
        outputs[0]
            .compare(&model.expected(&inputs, &[])[0])
            .unwrap();
    }
}

/// Sessions are created and run by several threads at a time.
pub fn threads_share_a_library() {
    let libraries = [library(Sample::default().with_signature(9))];
    thread::scope(|scope| {
        for seed in 0..4 {
            let libraries = &libraries;
            scope.spawn(move || {
                for round in 0..8 {
                    let model = Model::new(
                        Op::SelectAbove,
                        DataType::Fp32,
                        &[-1, 33],
                        ParameterSource::Input,
                    );
                    let inputs = model.sample_inputs(7, seed * 100 + round);
                    check(&model, libraries, &inputs, &[("custom.ops", 9)]);
                }
            });
        }
    });
}

/// One test for each thing that a version has to do.
macro_rules! session_tests {
    ($runtime:literal) => {
        session_tests!(
            $runtime:
            every_model_computes,
            attributes_are_read,
            empty_tensors_pass,
            two_domains_live_side_by_side,
            a_pinned_library_works,
            an_older_level_works,
            the_own_level_is_the_limit,
            refusals_are_errors,
            a_failed_run_is_an_error,
            threads_share_a_library,
        );
    };
    ($runtime:literal: $($test:ident,)*) => {
        $(
            #[test]
            fn $test() {
                session::start($runtime);
                session::$test();
            }
        )*
    };
}
