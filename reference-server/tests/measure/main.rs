//! `reference-server measure` with real runtimes, on the CPU: models are loaded as served ones are, give
//! the values of the reference maths and are timed.

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use measure_protocol::{Client, ClientError, Copy, Place, Run, TensorFile, Write};
use runtimes::{Cache, Framework};
use support::samples::{builder, default_runtime};
use test_ops::{
    Configuration, DataType, Library, Model, ModelRepository, Op, ParameterSource, Sample, Tensor,
    TensorSpec,
};

/// What no output consists of.
const POISON: u8 = 0xA5;

/// Models of one framework with the sample op library, and the process that executes them.
struct Bench {
    framework: Framework,
    library: PathBuf,
    repository: ModelRepository,
    folder: tempfile::TempDir,
    client: Client,
}

impl Bench {
    fn of(framework: Framework) -> Self {
        Self::with_flags(framework, &[])
    }

    fn with_flags(framework: Framework, flags: &[&str]) -> Self {
        let runtime = default_runtime(framework);
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(framework, Sample::default());
        let mut command = Command::new(env!("CARGO_BIN_EXE_reference-server"));
        command
            .args([
                "measure",
                "--runtime",
                &runtime.name.to_string(),
                "--runtime-cache",
            ])
            .arg(Cache::locate(None).unwrap().root())
            .args(flags);
        let log = folder.path().join("log");
        Self {
            framework,
            library: builder().build(&library, &runtime).unwrap(),
            repository: ModelRepository::create(folder.path().join("models")).unwrap(),
            client: Client::start(&mut command, &log, Duration::from_secs(120)).unwrap(),
            folder,
        }
    }

    /// Writes a model with `dims`, and loads it under its name.
    fn load(&mut self, op: Op, data_type: DataType, dims: &[i64]) -> Model {
        let model =
            Model::new(op, data_type, dims, ParameterSource::Input).in_format(self.framework);
        self.add(&model);
        model
    }

    /// The same of a model that is given.
    fn add(&mut self, model: &Model) {
        let library = self.library.to_str().unwrap();
        let folder = self
            .repository
            .add(model, &Configuration::with_op_libraries([library]))
            .unwrap();
        let loaded = self.client.load(&model.name, &folder, Place::Cpu).unwrap();
        // TensorFlow has an order of its own.
        let names: BTreeSet<&str> = loaded.inputs.iter().map(|it| it.name.as_str()).collect();
        let expected = model.inputs();
        let expected: BTreeSet<&str> = expected.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, expected);
    }

    fn set_inputs(&mut self, name: &str, model: &Model, tensors: &[Tensor]) {
        let files = files(self.folder.path(), name, &model.inputs(), tensors);
        self.client.set_inputs(name, files).unwrap();
    }

    /// What the model answers.
    fn outputs(&mut self, model: &Model, inputs: &str) -> Vec<Tensor> {
        let write = Write {
            model: model.name.clone(),
            inputs: inputs.to_owned(),
            folder: self.folder.path().to_owned(),
            poison: POISON,
        };
        let written = self.client.write(&write).unwrap();
        let read = |file: &TensorFile| {
            let shape: Vec<usize> = file.dims.iter().map(|dim| *dim as usize).collect();
            let bytes = std::fs::read(&file.file).unwrap();
            Tensor::from_bytes(model.data_type, &shape, &bytes).unwrap()
        };
        written.iter().map(read).collect()
    }
}

fn files(folder: &Path, name: &str, specs: &[TensorSpec], tensors: &[Tensor]) -> Vec<TensorFile> {
    let pairs = specs.iter().zip(tensors);
    pairs
        .map(|(spec, tensor)| {
            let file = folder.join(format!("{name}-{}.bin", spec.name));
            std::fs::write(&file, tensor.to_bytes()).unwrap();
            TensorFile {
                name: spec.name.clone(),
                data_type: tensor.data_type.protocol_name().to_owned(),
                dims: tensor.shape.iter().map(|extent| *extent as i64).collect(),
                file,
            }
        })
        .collect()
}

fn run(models: &[&str], count: u32) -> Run {
    Run {
        models: models.iter().map(|&name| name.to_owned()).collect(),
        inputs: vec!["values".to_owned()],
        count,
        trace: false,
        flush: true,
    }
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    match answer {
        Err(ClientError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Everything that is asked of a model: values, times, turns.
fn models_are_executed(framework: Framework) {
    let mut bench = Bench::of(framework);
    let gelu = bench.load(Op::BiasGelu, DataType::Fp32, &[-1, 64]);
    let norm = bench.load(Op::RmsNorm, DataType::Fp32, &[-1, 64]);
    let select = bench.load(Op::SelectAbove, DataType::Fp16, &[-1, 64]);
    for model in [&gelu, &norm, &select] {
        for seed in [1, 2] {
            let inputs = model.sample_inputs(5, seed);
            bench.set_inputs("values", model, &inputs);
            let outputs = bench.outputs(model, "values");
            let expected = model.expected(&inputs, &[]);
            outputs[0].compare(&expected[0]).unwrap();
        }
    }

    // Both take these: the one parameter has the name that the one asks for, the other the other.
    let inputs = gelu.sample_inputs(5, 3);
    let mut both = files(bench.folder.path(), "both", &gelu.inputs(), &inputs);
    both.extend(files(
        bench.folder.path(),
        "both",
        &norm.inputs()[1..],
        &inputs[1..],
    ));
    bench.client.set_inputs("values", both).unwrap();
    let ran = bench
        .client
        .run(&run(&[&gelu.name, &norm.name], 3))
        .unwrap();
    let turns: Vec<u32> = ran.samples.iter().map(|sample| sample.model).collect();
    assert_eq!(turns, [0, 1, 1, 0, 0, 1]);
    for sample in &ran.samples {
        assert!(sample.wall > 0, "{sample:?}");
        assert_eq!(sample.device, None, "nothing was traced");
    }
    assert!(ran.kernels.is_empty());

    bench.client.unload(&gelu.name).unwrap();
    let reason = refusal(bench.client.run(&run(&[&gelu.name], 1)));
    assert!(reason.contains("bias_gelu_fp32"), "{reason}");
    bench.client.run(&run(&[&norm.name], 1)).unwrap();
}

#[test]
fn pytorch_executes_models() {
    models_are_executed(Framework::PyTorch);
}

#[test]
fn onnxruntime_executes_models() {
    models_are_executed(Framework::OnnxRuntime);
}

/// The compositions of a framework's own operators that custom ones are compared with.
fn compositions_compute_the_same(framework: Framework, data_types: &[DataType]) {
    let mut bench = Bench::of(framework);
    let all = Op::ALL.into_iter();
    for (op, data_type) in all.flat_map(|op| data_types.iter().map(move |&it| (op, it))) {
        let model = Model::new(op, data_type, &[-1, 48], ParameterSource::Input)
            .in_format(framework)
            .composed();
        bench.add(&model);
        let inputs = model.sample_inputs(7, 4);
        bench.set_inputs("values", &model, &inputs);
        let outputs = bench.outputs(&model, "values");
        let expected = model.expected(&inputs, &[]);
        let same = outputs[0].compare_within(&expected[0], model.tolerance());
        same.unwrap_or_else(|error| panic!("{op} {data_type} in {framework}: {error}"));
    }
}

#[test]
fn pytorch_composes_the_ops() {
    compositions_compute_the_same(Framework::PyTorch, &[DataType::Fp32, DataType::Fp16]);
}

#[test]
fn onnxruntime_composes_the_ops() {
    compositions_compute_the_same(Framework::OnnxRuntime, &[DataType::Fp32]);
}

#[test]
fn tensorflow_composes_the_ops() {
    compositions_compute_the_same(Framework::TensorFlow, &[DataType::Fp32, DataType::Fp16]);
}

#[test]
fn what_cannot_be_done_is_told_and_the_process_goes_on() {
    let mut bench = Bench::of(Framework::OnnxRuntime);
    let model = bench.load(Op::BiasGelu, DataType::Fp32, &[-1, 16]);
    let inputs = model.sample_inputs(2, 1);
    let mut files = files(bench.folder.path(), "values", &model.inputs(), &inputs);

    let reason = refusal(bench.client.run(&run(&[&model.name], 1)));
    assert!(reason.contains("values"), "{reason}");
    let reason = refusal(bench.client.run(&run(&[], 1)));
    assert!(reason.contains("at least one model"), "{reason}");

    // A tensor that is shorter than it says.
    files[0].dims[0] += 1;
    let reason = refusal(bench.client.set_inputs("values", files.clone()));
    assert!(
        reason.contains("128 bytes") && reason.contains("192"),
        "{reason}"
    );
    files[0].dims[0] -= 1;

    // An input that is not there, and one of another type.
    bench
        .client
        .set_inputs("values", files[..1].to_vec())
        .unwrap();
    let reason = refusal(bench.client.run(&run(&[&model.name], 1)));
    assert!(reason.contains("'bias'"), "{reason}");
    files[1].data_type = "INT32".to_owned();
    bench.client.set_inputs("values", files.clone()).unwrap();
    let reason = refusal(bench.client.run(&run(&[&model.name], 1)));
    assert!(
        reason.contains("INT32") && reason.contains("FP32"),
        "{reason}"
    );

    files[1].data_type = "FP32".to_owned();
    bench.client.set_inputs("values", files).unwrap();
    bench.client.run(&run(&[&model.name], 1)).unwrap();
    bench.client.forget_inputs("values").unwrap();
    refusal(bench.client.run(&run(&[&model.name], 1)));

    let nowhere = bench.folder.path().join("models/nowhere");
    let reason = refusal(bench.client.load("x", &nowhere, Place::Cpu));
    assert!(reason.contains("nowhere"), "{reason}");
}

#[test]
fn without_a_gpu_nothing_is_said_about_kernels() {
    if op_library::gpu_count() > 0 {
        eprintln!("this machine has a GPU");
        return;
    }
    let mut bench = Bench::of(Framework::OnnxRuntime);
    let model = bench.load(Op::BiasGelu, DataType::Fp32, &[-1, 16]);
    let inputs = model.sample_inputs(2, 1);
    bench.set_inputs("values", &model, &inputs);
    assert_eq!(bench.client.device().unwrap(), None);
    let traced = Run {
        trace: true,
        ..run(&[&model.name], 1)
    };
    assert!(refusal(bench.client.run(&traced)).contains("GPU"));
    let copy = Copy {
        bytes: 1 << 20,
        count: 1,
        from_host: true,
    };
    assert!(refusal(bench.client.copy(copy)).contains("GPU"));
    let folder = bench.repository.model_folder(&model.name);
    match bench.client.load("gpu", &folder, Place::Gpu(0)) {
        Err(ClientError::WithoutGpu(reason)) => assert!(reason.contains("KIND_GPU"), "{reason}"),
        other => panic!("{other:?}"),
    }
    bench.client.run(&run(&[&model.name], 1)).unwrap();
}

/// Tensors are copied to and from a GPU while the pages of blocks that are free are given back to the
/// system, except for those that are pinned. A GPU that went on with pages that are gone would compute
/// with what the input before held.
fn values_stay_on_a_gpu(framework: Framework) {
    for flags in [&[][..], &["--pinned-memory-pool-byte-size", "0"]] {
        let mut bench = Bench::with_flags(framework, flags);
        let model = Model::new(
            Op::BiasGelu,
            DataType::Fp32,
            &[-1, 256],
            ParameterSource::Input,
        )
        .in_format(framework)
        .composed();
        let folder = bench
            .repository
            .add(&model, &Configuration::default())
            .unwrap();
        match bench.client.load(&model.name, &folder, Place::Gpu(0)) {
            Ok(_) => {}
            Err(ClientError::WithoutGpu(reason)) => {
                eprintln!("skipped: {reason}");
                return;
            }
            Err(other) => panic!("{other:?}"),
        }
        // So much that is free keeps its pages, and what is freed from here on does not.
        let filler = bench.folder.path().join("filler.bin");
        let bytes = 256 << 20;
        File::create(&filler).unwrap().set_len(bytes).unwrap();
        let filler = TensorFile {
            name: "filler".to_owned(),
            data_type: "UINT8".to_owned(),
            dims: vec![bytes as i64],
            file: filler,
        };
        bench.client.set_inputs("filler", vec![filler]).unwrap();
        bench.client.forget_inputs("filler").unwrap();
        for seed in 1..=4 {
            // 1 MiB, so that the block is pinned.
            let inputs = model.sample_inputs(1024, seed);
            bench.set_inputs("values", &model, &inputs);
            for _ in 0..2 {
                let outputs = bench.outputs(&model, "values");
                let expected = model.expected(&inputs, &[]);
                let same = outputs[0].compare_within(&expected[0], model.tolerance());
                same.unwrap_or_else(|error| panic!("{framework} {flags:?}: {error}"));
            }
            bench.client.forget_inputs("values").unwrap();
        }
    }
}

#[test]
fn pytorch_on_a_gpu_computes_with_what_is_in_shared_memory() {
    values_stay_on_a_gpu(Framework::PyTorch);
}

#[test]
fn onnxruntime_on_a_gpu_computes_with_what_is_in_shared_memory() {
    values_stay_on_a_gpu(Framework::OnnxRuntime);
}

#[test]
fn tensorflow_on_a_gpu_computes_with_what_is_in_shared_memory() {
    values_stay_on_a_gpu(Framework::TensorFlow);
}

#[test]
fn a_runtime_that_is_not_there_ends_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reference-server"));
    command
        .args(["measure", "--runtime", "pytorch-1.0.0", "--runtime-cache"])
        .arg(Cache::locate(None).unwrap().root());
    let log = tempfile::NamedTempFile::new().unwrap();
    let started = Client::start(&mut command, log.path(), Duration::from_secs(60));
    match started.unwrap().device() {
        Err(ClientError::Ended { how, log }) => {
            assert!(how.contains('3'), "{how}");
            assert!(log.contains("pytorch-1.0.0"), "{log}");
        }
        other => panic!("{other:?}"),
    }
}
