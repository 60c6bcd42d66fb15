//! The ONNX Runtime backend with real runtimes: every test runs with each runtime of the catalogue.

#[path = "../support/execution.rs"]
mod execution;
mod fixture;
#[path = "../support/onnx.rs"]
mod onnx;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use execution::{Tensor, execute};
use fixture::{Fixture, with_every_runtime};
use onnx::{model, node, sequence, tensor, tensor_of_any_rank};
use reference_server::configuration::Device;
use reference_server::protocol::DataType;
use reference_server::worker::backend::{Backend, Instance, RegisteredOp};
use reference_server::worker::recorder::Step;
use runtimes::{Cache, Framework, Runtime};
use test_ops::{Broken, Builder, Content, Fault, Library, Op, ParameterSource, Sample};

macro_rules! with_every_runtime {
    ($(fn $name:ident($fixture:ident) $body:block)*) => {$(
        #[test]
        fn $name() {
            fn check($fixture: &mut Fixture) $body
            with_every_runtime(stringify!($name), check);
        }
    )*};
}

fn identity(data_type: DataType, dims: &[&str]) -> Vec<u8> {
    model(
        vec![node("", "Identity", &["x"], &["y"])],
        vec![tensor("x", data_type, dims)],
        vec![tensor("y", data_type, dims)],
        &[],
    )
}

fn builder() -> &'static Builder {
    static BUILDER: OnceLock<Builder> = OnceLock::new();
    BUILDER.get_or_init(|| Builder::in_cache(&Cache::locate(None).unwrap()))
}

/// An installed runtime: a library for one fits them all.
fn runtime() -> Runtime {
    Cache::locate(None)
        .unwrap()
        .installed()
        .into_iter()
        .find(|runtime| runtime.name.framework == Framework::OnnxRuntime)
        .expect("the fixture has installed one")
}

fn build(content: impl Into<Content>) -> PathBuf {
    let library = Library::new(Framework::OnnxRuntime, content);
    builder().build(&library, &runtime()).unwrap()
}

fn build_to(content: impl Into<Content>, path: &Path) {
    let library = Library::new(Framework::OnnxRuntime, content);
    builder().build_to(&library, &runtime(), path).unwrap();
}

/// A model of the sample op `Modulo`, and what it answers for `a` and `b` with `signature`.
fn modulo(domain: &str) -> Vec<u8> {
    test_ops::Model::new(
        Op::Modulo,
        test_ops::DataType::Fp32,
        &[-1],
        ParameterSource::Input,
    )
    .with_domains(&[domain])
    .to_onnx()
}

fn modulo_answer(instance: &mut dyn Instance) -> f32 {
    let inputs = [Tensor::fp32(&[1], &[7.0]), Tensor::fp32(&[1], &[4.0])];
    let executed = execute(instance, &inputs, &[0]).unwrap();
    bytemuck::pod_read_unaligned(&executed.outputs[0].1.data)
}

fn is_mapped(path: &Path) -> bool {
    let path = path.canonicalize().unwrap();
    std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .any(|line| line.ends_with(path.to_str().unwrap()))
}

with_every_runtime! {
    fn every_data_type_goes_in_and_out_without_a_copy(fixture) {
        for data_type in DataType::ALL {
            let (_, mut loaded) = fixture.load(&identity(data_type, &["n", "2"]), &[]).unwrap();
            assert_eq!(loaded.inputs[0].data_type, data_type);
            assert_eq!(loaded.outputs[0].dims, [-1, 2]);
            let input = match data_type.element_size() {
                Some(size) => Tensor::new(
                    data_type,
                    &[3, 2],
                    (0..6 * size).map(|byte| u8::from(byte % 3 == 0)).collect::<Vec<_>>(),
                ),
                None => Tensor::bytes(
                    &[3, 2],
                    &[b"", b"a\0b", b"a string longer than any small-string buffer", b"", b"\xff", b""],
                ),
            };
            for _ in 0..2 {
                let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&input), &[0]).unwrap();
                assert_eq!(executed.allocations, 1);
                assert_eq!(executed.outputs, [(0, input.clone())]);
            }
        }
    }

    fn tensors_without_elements_and_scalars_are_served(fixture) {
        for data_type in [DataType::Fp32, DataType::Bytes] {
            let (_, mut loaded) = fixture.load(&identity(data_type, &["n", "2"]), &[]).unwrap();
            let empty = Tensor::new(data_type, &[0, 2], []);
            let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&empty), &[0]).unwrap();
            assert_eq!(executed.outputs, [(0, empty)]);
        }
        let (_, mut loaded) = fixture.load(&identity(DataType::Fp32, &[]), &[]).unwrap();
        assert!(loaded.inputs[0].dims.is_empty());
        let scalar = Tensor::fp32(&[], &[2.5]);
        let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&scalar), &[0]).unwrap();
        assert_eq!(executed.outputs, [(0, scalar)]);
    }

    fn an_output_whose_size_depends_on_the_data_is_copied_once(fixture) {
        let model = model(
            vec![node("", "NonZero", &["x"], &["y"])],
            vec![tensor("x", DataType::Fp32, &["n"])],
            vec![tensor("y", DataType::Int64, &["1", "?"])],
            &[],
        );
        let (_, mut loaded) = fixture.load(&model, &[]).unwrap();
        let input = Tensor::fp32(&[4], &[0.0, 1.0, 0.0, 1.0]);
        let executed = execute(&mut *loaded.instances[0], &[input], &[0]).unwrap();
        let expected: &[i64] = &[1, 3];
        assert_eq!(
            executed.outputs,
            [(0, Tensor::new(DataType::Int64, &[1, 2], bytemuck::cast_slice(expected).to_vec()))]
        );
        assert_eq!(executed.allocations, 1);
    }

    fn a_shape_that_the_model_declares_wrongly_is_corrected_and_remembered(fixture) {
        // The output is declared to be as long as the input, and is shorter.
        let model = model(
            vec![node("", "Compress", &["x", "keep"], &["y"])],
            vec![tensor("x", DataType::Fp32, &["n"]), tensor("keep", DataType::Bool, &["n"])],
            vec![tensor("y", DataType::Fp32, &["n"])],
            &[],
        );
        let (_, mut loaded) = fixture.load(&model, &[]).unwrap();
        let inputs = [
            Tensor::fp32(&[3], &[1.0, 2.0, 3.0]),
            Tensor::new(DataType::Bool, &[3], [1, 0, 1]),
        ];
        for allocations in [2, 1] {
            let executed = execute(&mut *loaded.instances[0], &inputs, &[0]).unwrap();
            assert_eq!(executed.outputs, [(0, Tensor::fp32(&[2], &[1.0, 3.0]))]);
            assert_eq!(executed.allocations, allocations);
        }
    }

    fn an_output_of_unknown_rank_is_served(fixture) {
        let model = model(
            vec![node("", "Reshape", &["x", "shape"], &["y"])],
            vec![tensor("x", DataType::Fp32, &["n"]), tensor("shape", DataType::Int64, &["r"])],
            vec![tensor_of_any_rank("y", DataType::Fp32)],
            &[],
        );
        let (_, mut loaded) = fixture.load(&model, &[]).unwrap();
        assert_eq!(loaded.outputs[0].dims, [-1]);
        let shape: &[i64] = &[2, 1, 2];
        let inputs = [
            Tensor::fp32(&[4], &[1.0, 2.0, 3.0, 4.0]),
            Tensor::new(DataType::Int64, &[3], bytemuck::cast_slice(shape).to_vec()),
        ];
        let executed = execute(&mut *loaded.instances[0], &inputs, &[0]).unwrap();
        assert_eq!(executed.outputs[0].1.dims, [2, 1, 2]);
    }

    fn only_the_wanted_outputs_are_computed(fixture) {
        let model = model(
            vec![node("", "Neg", &["x"], &["minus"]), node("", "Abs", &["x"], &["size"])],
            vec![tensor("x", DataType::Fp32, &["2"])],
            vec![tensor("minus", DataType::Fp32, &["2"]), tensor("size", DataType::Fp32, &["2"])],
            &[],
        );
        let (_, mut loaded) = fixture.load(&model, &[]).unwrap();
        let input = Tensor::fp32(&[2], &[-1.0, 2.0]);
        let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&input), &[1]).unwrap();
        assert_eq!(executed.outputs, [(1, Tensor::fp32(&[2], &[1.0, 2.0]))]);
        let executed = execute(&mut *loaded.instances[0], &[input], &[0, 1]).unwrap();
        assert_eq!(executed.outputs.len(), 2);
    }

    fn a_failing_execution_gives_the_runtimes_words_and_the_next_one_works(fixture) {
        let model = model(
            vec![node("", "Reshape", &["x", "shape"], &["y"])],
            vec![tensor("x", DataType::Fp32, &["n"]), tensor("shape", DataType::Int64, &["1"])],
            vec![tensor("y", DataType::Fp32, &["?"])],
            &[],
        );
        let (_, mut loaded) = fixture.load(&model, &[]).unwrap();
        let inputs = |length: i64| [
            Tensor::fp32(&[2], &[1.0, 2.0]),
            Tensor::new(DataType::Int64, &[1], length.to_le_bytes()),
        ];
        let error = execute(&mut *loaded.instances[0], &inputs(3), &[0]).unwrap_err();
        assert!(error.0.contains("Reshape"), "{error}");
        execute(&mut *loaded.instances[0], &inputs(2), &[0]).unwrap();
        let malformed = identity(DataType::Bytes, &["n"]);
        let (_, mut loaded) = fixture.load(&malformed, &[]).unwrap();
        let short = Tensor::new(DataType::Bytes, &[1], [9, 0, 0, 0, b'a']);
        let error = execute(&mut *loaded.instances[0], &[short], &[0]).unwrap_err();
        assert!(error.0.contains("behind its length"), "{error}");
    }

    fn sequences_are_refused_by_name(fixture) {
        let model = model(
            vec![node("", "SequenceConstruct", &["x"], &["list"])],
            vec![tensor("x", DataType::Fp32, &["n"])],
            vec![sequence("list", DataType::Fp32)],
            &[],
        );
        let error = fixture.refusal(&model, &[]);
        assert!(error.message.contains("output 'list' is a sequence"), "{error}");
    }

    fn a_model_may_have_threads_of_its_own(fixture) {
        let mut specification = fixture.specification(&identity(DataType::Fp32, &["1"]), &[]);
        specification.parameters = BTreeMap::from([("intra_op_thread_count".to_owned(), "2".to_owned())]);
        specification.instances = vec![Device::Cpu; 3];
        let mut loaded = fixture.backend.load_model(&specification).unwrap();
        assert_eq!(loaded.instances.len(), 3);
        for instance in &mut loaded.instances {
            execute(&mut **instance, &[Tensor::fp32(&[1], &[1.0])], &[0]).unwrap();
        }
        let mut specification = fixture.specification(&identity(DataType::Fp32, &["1"]), &[]);
        specification.parameters = BTreeMap::from([("inter_op_thread_count".to_owned(), "some".to_owned())]);
        let error = fixture.backend.load_model(&specification).err().unwrap();
        assert!(error.message.contains("'inter_op_thread_count'"), "{error}");
    }

    fn a_file_that_is_no_model_is_refused_with_its_path(fixture) {
        let error = fixture.refusal(b"no model at all", &[]);
        assert!(error.message.contains("model-1.onnx"), "{error}");
        assert!(error.message.contains("ONNX Runtime "), "{error}");
        let mut specification = fixture.specification(b"", &[]);
        specification.file = PathBuf::from("/nonexistent/model.onnx");
        let error = fixture.backend.load_model(&specification).err().unwrap();
        assert!(error.message.contains("'/nonexistent/model.onnx' cannot be read"), "{error}");
    }

    fn an_op_that_nobody_provides_is_named_with_its_domain(fixture) {
        let error = fixture.refusal(&modulo("custom.ops"), &[]);
        let missing = RegisteredOp { domain: "custom.ops".to_owned(), name: "Modulo".to_owned(), version: String::new() };
        assert_eq!(error.missing_ops, std::slice::from_ref(&missing));
        assert!(error.message.contains("op 'Modulo' of domain 'custom.ops'"), "{error}");
        assert!(error.message.contains("lists no op library"), "{error}");

        let other = build(Sample::default().with_ops(&[Op::RmsNorm]));
        let error = fixture.refusal(&modulo("custom.ops"), std::slice::from_ref(&other));
        assert_eq!(error.missing_ops, [missing]);
        assert!(error.message.contains("registers custom.ops:RmsNorm"), "{error}");
        assert!(!is_mapped(&other));

        let unknown = model(
            vec![node("", "NoSuchOp", &["x"], &["y"])],
            vec![tensor("x", DataType::Fp32, &["1"])],
            vec![tensor("y", DataType::Fp32, &["1"])],
            &[],
        );
        let error = fixture.refusal(&unknown, &[]);
        let missing = RegisteredOp { domain: "ai.onnx".to_owned(), name: "NoSuchOp".to_owned(), version: String::new() };
        assert_eq!(error.missing_ops, [missing], "{error}");
    }

    fn a_library_is_shared_reported_and_gone_with_its_last_model(fixture) {
        let library = build(Sample::default().with_signature(3));
        let (first, mut one) = fixture.load(&modulo("custom.ops"), std::slice::from_ref(&library)).unwrap();
        // Listed twice is as good as once.
        let (second, two) = fixture.load(&modulo("custom.ops"), &[library.clone(), library.clone()]).unwrap();
        let report = &one.libraries[0];
        assert_eq!(report.path, library);
        assert_eq!(report.api_level, Some(20));
        let mut names: Vec<_> = report.ops.iter().map(|op| (op.domain.as_str(), op.name.as_str())).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [("custom.ops", "BiasGelu"), ("custom.ops", "Modulo"), ("custom.ops", "RmsNorm"), ("custom.ops", "SelectAbove")]
        );
        assert_eq!(modulo_answer(&mut *one.instances[0]), 3.0 + 3.0);
        drop(one);
        assert_eq!(fixture.backend.unload_model(first), []);
        assert!(is_mapped(&library));
        drop(two);
        assert_eq!(fixture.backend.unload_model(second), []);
        assert!(!is_mapped(&library));
        assert_eq!(fixture.recorder.read().step, Step::Idle);
    }

    fn libraries_of_two_domains_serve_one_model_and_of_one_domain_do_not(fixture) {
        let here = build(Sample::default().with_signature(1));
        let there = build(Sample::default().with_domain("other.ops").with_signature(2));
        let model = test_ops::Model::new(Op::Modulo, test_ops::DataType::Fp32, &[-1], ParameterSource::Input)
            .with_domains(&["custom.ops", "other.ops"])
            .to_onnx();
        let (_, mut loaded) = fixture.load(&model, &[here.clone(), there]).unwrap();
        let inputs = [Tensor::fp32(&[1], &[7.0]), Tensor::fp32(&[1], &[4.0])];
        let executed = execute(&mut *loaded.instances[0], &inputs, &[0, 1]).unwrap();
        assert_eq!(
            executed.outputs,
            [(0, Tensor::fp32(&[1], &[4.0])), (1, Tensor::fp32(&[1], &[5.0]))]
        );

        let rival = build(Sample::default().with_signature(4));
        let error = fixture.refusal(&modulo("custom.ops"), &[here.clone(), rival.clone()]);
        for path in [here, rival] {
            assert!(error.message.contains(path.to_str().unwrap()), "{error}");
        }
        assert!(error.message.contains("'custom.ops'"), "{error}");
    }

    fn a_rebuilt_library_is_loaded_anew_even_beside_the_old_one(fixture) {
        let path = fixture.folder.path().join("libops.so");
        let rebuild = |signature| build_to(Sample::default().with_signature(signature), &path);
        rebuild(1);
        let (old, mut before) = fixture.load(&modulo("custom.ops"), std::slice::from_ref(&path)).unwrap();
        rebuild(2);
        let (new, mut after) = fixture.load(&modulo("custom.ops"), std::slice::from_ref(&path)).unwrap();
        assert_eq!(modulo_answer(&mut *before.instances[0]), 3.0 + 1.0);
        assert_eq!(modulo_answer(&mut *after.instances[0]), 3.0 + 2.0);
        drop((before, after));
        assert_eq!(fixture.backend.unload_model(old), []);
        assert_eq!(fixture.backend.unload_model(new), []);
        rebuild(3);
        let (key, mut last) = fixture.load(&modulo("custom.ops"), std::slice::from_ref(&path)).unwrap();
        assert_eq!(modulo_answer(&mut *last.instances[0]), 3.0 + 3.0);

        // The same inode with another content cannot be told from the old by the loader.
        let content = std::fs::read(build(Sample::default().with_signature(4))).unwrap();
        let copy = fixture.folder.path().join("copy.so");
        std::fs::write(&copy, &content).unwrap();
        let (_, _kept) = fixture.load(&modulo("custom.ops"), std::slice::from_ref(&copy)).unwrap();
        std::fs::File::options().write(true).open(&copy).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let error = fixture.refusal(&modulo("custom.ops"), std::slice::from_ref(&copy));
        assert!(error.message.contains("overwritten in place"), "{error}");
        drop(last);
        fixture.backend.unload_model(key);
    }

    fn a_library_that_stays_mapped_is_told_and_its_successor_still_loads(fixture) {
        let path = fixture.folder.path().join("libpinned.so");
        let build = |signature| build_to(Sample::default().with_signature(signature).pinned(), &path);
        build(1);
        for _ in 0..2 {
            let (key, loaded) = fixture.load(&modulo("custom.ops"), std::slice::from_ref(&path)).unwrap();
            drop(loaded);
            let remaining = fixture.backend.unload_model(key);
            assert_eq!(remaining.len(), 1);
            assert_eq!(remaining[0].path, path);
            assert!(remaining[0].reason.contains("STB_GNU_UNIQUE"), "{remaining:?}");
        }
        for signature in 2..5 {
            build(signature);
            let (key, mut loaded) = fixture.load(&modulo("custom.ops"), std::slice::from_ref(&path)).unwrap();
            assert_eq!(modulo_answer(&mut *loaded.instances[0]), 3.0 + f32::from(signature));
            drop(loaded);
            fixture.backend.unload_model(key);
        }
    }

    fn libraries_that_cannot_be_used_are_refused_with_the_reason(fixture) {
        // Not among them: a truncated file. The dynamic loader touches pages behind its end and
        // dies of SIGBUS, which is why the front inspects a library before a worker opens it.
        for (broken, reason) in [
            (Broken::NoEntryPoint, "no function 'RegisterCustomOps'"),
            (Broken::MangledEntryPoint, "no function 'RegisterCustomOps'"),
            (Broken::MissingDependency, "libabsent_dependency.so"),
            (Broken::UndefinedSymbol, "undefined symbol"),
            (Broken::NotElf, "no complete shared object"),
            (Broken::OtherArchitecture, "the dynamic loader says"),
        ] {
            let path = build(broken);
            let error = fixture.refusal(&modulo("custom.ops"), std::slice::from_ref(&path));
            assert!(error.message.contains(path.to_str().unwrap()), "{error}");
            assert!(error.message.contains(reason), "{error}");
            assert!(!is_mapped(&path));
        }
        let error = fixture.refusal(&modulo("custom.ops"), &[PathBuf::from("/nonexistent/ops.so")]);
        assert!(error.message.contains("'/nonexistent/ops.so' cannot be loaded: it cannot be read"), "{error}");
        let failing = build(Sample::default().with_fault(Fault::RegistrationFails));
        let error = fixture.refusal(&modulo("custom.ops"), &[failing]);
        assert!(error.message.contains("'RegisterCustomOps' failed with"), "{error}");
        let idle = build(Sample::default().with_ops(&[]));
        let error = fixture.refusal(&modulo("custom.ops"), &[idle]);
        assert!(error.message.contains("registered no ops"), "{error}");
    }

    fn a_level_above_the_runtimes_is_refused_with_both(fixture) {
        let newest = fixture.api_level();
        let newer = build(Sample::default().with_api_level(newest + 1));
        let error = fixture.refusal(&modulo("custom.ops"), &[newer]);
        assert!(error.message.contains(&format!("asks for ONNX Runtime API level {}", newest + 1)), "{error}");
        assert!(error.message.contains(&format!("offers at most level {newest}")), "{error}");
    }

    fn an_older_level_is_served(fixture) {
        let older = build(Sample::default().with_api_level(17));
        let (_, mut loaded) = fixture.load(&modulo("custom.ops"), &[older]).unwrap();
        assert_eq!(loaded.libraries[0].api_level, Some(17));
        assert_eq!(modulo_answer(&mut *loaded.instances[0]), 3.0);
    }

    fn a_kernel_that_throws_fails_its_execution_only(fixture) {
        let throwing = build(Sample::default().with_fault(Fault::KernelThrows));
        let (_, mut loaded) = fixture.load(&modulo("custom.ops"), &[throwing]).unwrap();
        let inputs = [Tensor::fp32(&[1], &[7.0]), Tensor::fp32(&[1], &[4.0])];
        let error = execute(&mut *loaded.instances[0], &inputs, &[0]).unwrap_err();
        assert!(error.0.contains("Modulo"), "{error}");
    }
}
