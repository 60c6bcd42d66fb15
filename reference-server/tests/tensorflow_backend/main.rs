//! The TensorFlow backend with real runtimes: every test runs with each runtime of the catalogue.

#[path = "../support/execution.rs"]
mod execution;
mod fixture;
mod graph;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use execution::{Tensor, execute};
use fixture::{Fixture, aborting, build, build_to, preloading, with_every_runtime};
use graph::{
    Argument, Function, FunctionName, Functions, Graph, OpDef, Types, Value, bare, info, node,
    number, placeholder, shape,
};
use reference_server::configuration::Device;
use reference_server::protocol::DataType;
use reference_server::worker::backend::{
    Backend, Instance, LoadedModel, RegisteredOp, TensorSignature,
};
use reference_server::worker::recorder::Step;
use runtimes::Compiler;
use test_ops::model::Format;
use test_ops::{Broken, Fault, Model, Op, ParameterSource, Sample};

macro_rules! with_every_runtime {
    ($(fn $name:ident($fixture:ident) $body:block)*) => {$(
        #[test]
        fn $name() {
            fn check($fixture: &mut Fixture) $body
            with_every_runtime(stringify!($name), check);
        }
    )*};
}

fn identity(data_type: DataType, dims: &[i64]) -> Graph {
    Graph::of(vec![
        placeholder("x", data_type, Some(dims)),
        node("y", "Identity", &["x"], data_type),
    ])
}

/// A model of the sample op `Modulo`: 7 modulo 4, plus the library's signature.
fn modulo() -> Model {
    Model::new(
        Op::Modulo,
        test_ops::DataType::Fp32,
        &[-1],
        ParameterSource::Input,
    )
    .in_format(Format::SavedModel)
}

/// What [`modulo`] answers; its inputs come in the order of their names.
fn modulo_answer(instance: &mut dyn Instance) -> Result<f32, String> {
    let inputs = [Tensor::fp32(&[1], &[4.0]), Tensor::fp32(&[1], &[7.0])];
    let executed = execute(instance, &inputs, &[0]).map_err(|error| error.0)?;
    Ok(bytemuck::pod_read_unaligned(&executed.outputs[0].1.data))
}

fn op(name: &str) -> RegisteredOp {
    RegisteredOp {
        domain: String::new(),
        name: name.to_owned(),
        version: String::new(),
    }
}

/// Compiles an op library for the fixture's runtime.
fn compile(fixture: &Fixture, source: &str) -> PathBuf {
    let file = fixture.folder.path().join("library.cpp");
    std::fs::write(&file, source).unwrap();
    let library = file.with_extension("so");
    let mut arguments = fixture.runtime.compile_arguments();
    arguments.extend(["-shared", "-fPIC", "-w", "-o"].map(Into::into));
    arguments.extend([library.clone().into(), file.into()]);
    arguments.extend(fixture.runtime.link_arguments());
    Compiler::find().unwrap().run(&arguments).unwrap();
    library
}

fn is_mapped(path: &Path) -> bool {
    let path = path.canonicalize().unwrap();
    std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .any(|line| line.ends_with(path.to_str().unwrap()))
}

fn names(tensors: &[TensorSignature]) -> Vec<&str> {
    tensors.iter().map(|tensor| tensor.name.as_str()).collect()
}

with_every_runtime! {
    fn every_data_type_goes_in_and_out_in_both_formats(fixture) {
        for data_type in DataType::ALL {
            let graph = identity(data_type, &[-1, 2]);
            let dims: Option<&[i64]> = Some(&[-1, 2]);
            let saved = graph.clone().saved_model(
                &[("in", info("x:0", data_type, dims))],
                &[("out", info("y:0", data_type, dims))],
            );
            let file = fixture.write_saved_model(&saved);
            let (_, saved) = fixture.load(file, &[]).unwrap();
            assert_eq!((names(&saved.inputs), names(&saved.outputs)), (vec!["in"], vec!["out"]));
            let frozen = fixture.load_graph(&graph);
            assert_eq!((names(&frozen.inputs), names(&frozen.outputs)), (vec!["x"], vec!["y"]));
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
            for mut loaded in [saved, frozen] {
                assert_eq!(loaded.inputs[0].data_type, data_type);
                assert_eq!(loaded.outputs[0].dims, [-1, 2]);
                for _ in 0..2 {
                    let executed =
                        execute(&mut *loaded.instances[0], std::slice::from_ref(&input), &[0]).unwrap();
                    assert_eq!(executed.allocations, 1);
                    assert_eq!(executed.outputs, [(0, input.clone())]);
                }
            }
        }
    }

    fn tensors_without_elements_and_scalars_are_served(fixture) {
        for data_type in [DataType::Fp32, DataType::Bytes] {
            let mut loaded = fixture.load_graph(&identity(data_type, &[-1, 2]));
            let empty = Tensor::new(data_type, &[0, 2], []);
            let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&empty), &[0]).unwrap();
            assert_eq!(executed.outputs, [(0, empty)]);

            let mut loaded = fixture.load_graph(&identity(data_type, &[]));
            assert_eq!(loaded.inputs[0].dims, [0_i64; 0]);
            let scalar = match data_type {
                DataType::Bytes => Tensor::bytes(&[], &[b"one"]),
                _ => Tensor::fp32(&[], &[1.5]),
            };
            let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&scalar), &[0]).unwrap();
            assert_eq!(executed.outputs, [(0, scalar)]);
        }
    }

    fn the_sample_ops_answer_as_the_reference_does(fixture) {
        let library = fixture.build(Sample::default().with_signature(2));
        for format in [Format::SavedModel, Format::GraphDef] {
            for op in Op::ALL {
                for &data_type in op.data_types() {
                    let model = Model::new(op, data_type, &[-1, 8], ParameterSource::Input).in_format(format);
                    let file = fixture.write(&model);
                    let (_, mut loaded) = fixture.load(file, std::slice::from_ref(&library)).unwrap();
                    let given = model.sample_inputs(3, 7);
                    let specs = model.inputs();
                    // By the loaded model's order of names.
                    let inputs: Vec<Tensor> = loaded
                        .inputs
                        .iter()
                        .map(|input| {
                            let place = specs.iter().position(|spec| spec.name == input.name).unwrap();
                            let dims: Vec<i64> = given[place].shape.iter().map(|&length| length as i64).collect();
                            Tensor::new(input.data_type, &dims, given[place].to_bytes())
                        })
                        .collect();
                    let executed = execute(&mut *loaded.instances[0], &inputs, &[0]).unwrap();
                    let expected = &model.expected(&given, &[("custom.ops", 2)])[0];
                    let (_, answer) = &executed.outputs[0];
                    let shape: Vec<usize> = answer.dims.iter().map(|&length| length as usize).collect();
                    let answer = test_ops::Tensor::from_bytes(data_type, &shape, &answer.data).unwrap();
                    assert_eq!(answer.compare(expected), Ok(()), "{op} {data_type:?} {format:?}");
                }
            }
        }
    }

    fn outputs_are_told_computed_and_chosen(fixture) {
        let graph = Graph::of(vec![
            placeholder("x", DataType::Fp32, Some(&[2])),
            node("minus", "Neg", &["x"], DataType::Fp32),
            node("size", "Abs", &["x"], DataType::Fp32),
            node("size_again", "Identity", &["size"], DataType::Fp32),
        ]);
        let mut loaded = fixture.load_graph(&graph);
        assert_eq!(names(&loaded.outputs), ["minus", "size_again"]);
        let input = Tensor::fp32(&[2], &[-1.0, 2.0]);
        let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&input), &[1]).unwrap();
        assert_eq!(executed.outputs, [(1, Tensor::fp32(&[2], &[1.0, 2.0]))]);
        let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&input), &[0, 1]).unwrap();
        assert_eq!(executed.outputs.len(), 2);

        // A declared output may lie within the graph, and an input be any of its tensors.
        let declared = |name: &str| TensorSignature {
            name: name.to_owned(),
            data_type: DataType::Fp32,
            dims: vec![2],
        };
        let file = fixture.write_graph(&graph);
        let mut specification = fixture.specification(file.clone(), &[]);
        specification.declared_inputs = vec![declared("size")];
        specification.declared_outputs = vec![declared("size_again:0")];
        let mut loaded = fixture.backend.load_model(&specification).unwrap();
        let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&input), &[0]).unwrap();
        assert_eq!(executed.outputs, [(0, input)]);
        let mut specification = fixture.specification(file, &[]);
        specification.declared_outputs = vec![declared("size:1")];
        let error = fixture.backend.load_model(&specification).err().unwrap();
        assert!(error.message.contains("output 'size:1' stands for result 1 of the operation 'size'"), "{error}");
    }

    fn an_output_of_unknown_rank_is_served(fixture) {
        let mut loaded = fixture.load_graph(&Graph::of(vec![
            placeholder("x", DataType::Fp32, None),
            node("y", "Identity", &["x"], DataType::Fp32),
        ]));
        assert_eq!(loaded.outputs[0].dims, [-1]);
        let input = Tensor::fp32(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0]);
        let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&input), &[0]).unwrap();
        assert_eq!(executed.outputs, [(0, input)]);
    }

    fn a_variable_keeps_what_was_stored_and_not_the_requests_memory(fixture) {
        let variable = |name: &str, op: &str, inputs: &[&str]| {
            bare(name, op, inputs).with("dtype", Value::Type(number(DataType::Fp32)))
        };
        let dims: Option<&[i64]> = Some(&[4]);
        let graph = Graph::of(vec![
            placeholder("x", DataType::Fp32, dims),
            variable("handle", "VarHandleOp", &[])
                .with("shape", Value::Shape(shape(dims)))
                .with("shared_name", Value::Text("kept".to_owned())),
            variable("assign", "AssignVariableOp", &["handle", "x"]),
            node("stored", "Identity", &["x", "^assign"], DataType::Fp32),
            variable("read", "ReadVariableOp", &["handle"]),
        ]);
        let mut loaded = fixture.load_graph(&graph);
        assert_eq!(names(&loaded.outputs), ["stored", "read"]);
        let stored = Tensor::fp32(&[4], &[1.0, 2.0, 3.0, 4.0]);
        execute(&mut *loaded.instances[0], std::slice::from_ref(&stored), &[0]).unwrap();
        // The memory of the first request is used again by these.
        for _ in 0..4 {
            let other = Tensor::fp32(&[4], &[9.0; 4]);
            let executed = execute(&mut *loaded.instances[0], &[other], &[1]).unwrap();
            assert_eq!(executed.outputs, [(1, stored.clone())]);
        }
    }

    fn a_failing_execution_gives_tensorflows_words_and_the_next_one_works(fixture) {
        let reshape = node("y", "Reshape", &["x", "shape"], DataType::Fp32)
            .with("Tshape", Value::Type(number(DataType::Int64)));
        let mut loaded = fixture.load_graph(&Graph::of(vec![
            placeholder("x", DataType::Fp32, Some(&[-1])),
            placeholder("shape", DataType::Int64, Some(&[1])),
            reshape,
        ]));
        let inputs = |length: i64| [
            Tensor::fp32(&[2], &[1.0, 2.0]),
            Tensor::new(DataType::Int64, &[1], length.to_le_bytes()),
        ];
        let error = execute(&mut *loaded.instances[0], &inputs(3), &[0]).unwrap_err();
        assert!(error.0.contains("2 values"), "{error}");
        execute(&mut *loaded.instances[0], &inputs(2), &[0]).unwrap();
        let mut loaded = fixture.load_graph(&identity(DataType::Bytes, &[-1]));
        for (dims, data) in [([1], &[9, 0, 0, 0, b'a'][..]), ([2], &[0; 4]), ([1], &[0; 8])] {
            let malformed = Tensor::new(DataType::Bytes, &dims, data);
            let error = execute(&mut *loaded.instances[0], &[malformed], &[0]).unwrap_err();
            assert!(error.0.contains("behind its length"), "{error}");
        }
    }

    fn tensors_that_the_protocol_cannot_carry_are_refused_by_name(fixture) {
        let complex = bare("z", "Complex", &["x", "x"])
            .with("T", Value::Type(number(DataType::Fp32)))
            .with("Tout", Value::Type(8));
        let file = fixture.write_graph(&Graph::of(vec![
            placeholder("x", DataType::Fp32, Some(&[2])),
            complex,
        ]));
        let error = fixture.refusal(file, &[]);
        assert!(error.message.contains("output 'z' is a tensor of complex64"), "{error}");
    }

    fn a_model_may_have_threads_of_its_own(fixture) {
        let file = fixture.write_graph(&identity(DataType::Fp32, &[1]));
        let mut specification = fixture.specification(file.clone(), &[]);
        specification.parameters = BTreeMap::from([("TF_NUM_INTER_THREADS".to_owned(), "2".to_owned())]);
        specification.instances = vec![Device::Cpu; 3];
        let mut loaded = fixture.backend.load_model(&specification).unwrap();
        assert_eq!(loaded.instances.len(), 3);
        for instance in &mut loaded.instances {
            execute(&mut **instance, &[Tensor::fp32(&[1], &[1.0])], &[0]).unwrap();
        }
        let mut specification = fixture.specification(file, &[]);
        specification.parameters = BTreeMap::from([("TF_NUM_INTRA_THREADS".to_owned(), "some".to_owned())]);
        let error = fixture.backend.load_model(&specification).err().unwrap();
        assert!(error.message.contains("'TF_NUM_INTRA_THREADS'"), "{error}");
    }

    fn what_is_no_model_is_refused_with_its_path(fixture) {
        let file = fixture.folder.path().join("text.graphdef");
        std::fs::write(&file, "no model at all").unwrap();
        let error = fixture.refusal(file, &[]);
        assert!(error.message.contains("text.graphdef' is not a TensorFlow model"), "{error}");
        let error = fixture.refusal(PathBuf::from("/nonexistent/model.graphdef"), &[]);
        assert!(error.message.contains("'/nonexistent/model.graphdef' cannot be read"), "{error}");
        let folder = fixture.folder.path().join("empty.savedmodel");
        std::fs::create_dir(&folder).unwrap();
        let error = fixture.refusal(folder, &[]);
        assert!(error.message.contains("holds no 'saved_model.pb'"), "{error}");
        let file = fixture.write(&modulo());
        let mut specification = fixture.specification(file, &[]);
        specification.parameters = BTreeMap::from([("TF_SIGNATURE_DEF".to_owned(), "other".to_owned())]);
        let error = fixture.backend.load_model(&specification).err().unwrap();
        assert!(error.message.contains("no signature 'other', it has 'serving_default'"), "{error}");
        specification.parameters = BTreeMap::from([("TF_GRAPH_TAG".to_owned(), "train".to_owned())]);
        let error = fixture.backend.load_model(&specification).err().unwrap();
        assert!(error.message.contains("no graph with the tag 'train', it has 'serve'"), "{error}");
    }

    fn ops_that_nobody_provides_are_named_also_within_functions(fixture) {
        let file = fixture.write(&modulo());
        let error = fixture.refusal(file, &[]);
        assert_eq!(error.missing_ops, [op("CustomModulo")]);
        assert!(error.message.contains("needs the op 'CustomModulo' (node 'y')"), "{error}");
        assert!(error.message.contains("no op library is loaded"), "{error}");

        let library = fixture.build(Sample::default().with_ops(&[Op::RmsNorm]));
        let argument = |name: &str| Argument {
            name: name.to_owned(),
            data_type: number(DataType::Fp32),
        };
        let function = Function {
            signature: Some(OpDef {
                name: "inner".to_owned(),
                inputs: vec![argument("a")],
                outputs: vec![argument("b")],
            }),
            nodes: vec![node("hidden", "VendorFancy", &["a"], DataType::Fp32)],
            results: [("b".to_owned(), "hidden:y:0".to_owned())].into(),
        };
        let types = || Value::Types(Types { types: vec![number(DataType::Fp32)] });
        let mut graph = Graph::of(vec![
            placeholder("x", DataType::Fp32, Some(&[2])),
            bare("y", "PartitionedCall", &["x"])
                .with("Tin", types())
                .with("Tout", types())
                .with("f", Value::Function(FunctionName { name: "inner".to_owned() })),
        ]);
        graph.library = Some(Functions { functions: vec![function] });
        let file = fixture.write_graph(&graph);
        let error = fixture.refusal(file, &[library]);
        assert_eq!(error.missing_ops, [op("VendorFancy")]);
        assert!(error.message.contains("registers CustomRmsNorm"), "{error}");
    }

    fn an_op_without_a_kernel_for_the_models_type_is_found_when_the_model_is_loaded(fixture) {
        let library = compile(fixture, include_str!("typed.cpp"));
        let graph = |data_type| Graph::of(vec![
            placeholder("x", data_type, Some(&[1])),
            node("y", "TypedCopy", &["x"], data_type),
        ]);
        let file = fixture.write_graph(&graph(DataType::Fp16));
        let error = fixture.refusal(file, std::slice::from_ref(&library));
        assert!(error.message.contains("no kernel for the node 'y' of op 'TypedCopy' with T=half"), "{error}");
        assert!(error.message.contains("it has CPU with T=float"), "{error}");
        assert_eq!(error.library.as_ref(), Some(&library));
        let file = fixture.write_graph(&graph(DataType::Fp32));
        let (_, mut loaded) = fixture.load(file, &[library]).unwrap();
        let input = Tensor::fp32(&[1], &[2.0]);
        let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&input), &[0]).unwrap();
        assert_eq!(executed.outputs, [(0, input)]);
    }

    fn kernels_find_a_zero_behind_every_string(fixture) {
        let library = compile(fixture, include_str!("terminated.cpp"));
        let file = fixture.write_graph(&Graph::of(vec![
            placeholder("x", DataType::Bytes, Some(&[-1])),
            bare("y", "IsTerminated", &["x"]),
        ]));
        let (_, mut loaded) = fixture.load(file, &[library]).unwrap();
        let strings = Tensor::bytes(&[3], &[b"short", b"", b"longer than what fits into a string object"]);
        let executed = execute(&mut *loaded.instances[0], &[strings], &[0]).unwrap();
        assert_eq!(executed.outputs, [(0, Tensor::new(DataType::Bool, &[3], [1, 1, 1]))]);
    }

    fn a_library_serves_all_models_is_reported_and_never_goes(fixture) {
        let library = fixture.build(Sample::default().with_signature(3));
        let file = fixture.write(&modulo());
        let (first, mut one) = fixture.load(file.clone(), std::slice::from_ref(&library)).unwrap();
        let report = &one.libraries[0];
        assert_eq!(report.path, library);
        let mut ops: Vec<_> = report.ops.iter().map(|op| op.name.as_str()).collect();
        ops.sort_unstable();
        assert_eq!(ops, ["CustomBiasGelu", "CustomModulo", "CustomRmsNorm", "CustomSelectAbove"]);
        assert_eq!(modulo_answer(&mut *one.instances[0]), Ok(3.0 + 3.0));
        // A model that lists nothing has the ops too.
        let (second, mut two) = fixture.load(file, &[]).unwrap();
        assert_eq!(modulo_answer(&mut *two.instances[0]), Ok(3.0 + 3.0));
        drop((one, two));
        assert_eq!(fixture.backend.unload_model(second), []);
        let remaining = fixture.backend.unload_model(first);
        assert_eq!(remaining.len(), 1);
        assert!(remaining[0].reason.contains("TensorFlow keeps every op library"), "{remaining:?}");
        assert!(is_mapped(&library));
        assert_eq!(fixture.recorder.read().step, Step::Idle);
    }

    fn libraries_for_all_models_are_loaded_once(fixture) {
        let library = fixture.build(Sample::default().with_signature(4));
        let copy = fixture.folder.path().join("link.so");
        std::os::unix::fs::symlink(&library, &copy).unwrap();
        let reports = fixture.backend.load_libraries(&[library.clone(), copy]).unwrap();
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].ops.len(), 4);
        let file = fixture.write(&modulo());
        let (_, mut loaded) = fixture.load(file, &[library]).unwrap();
        assert_eq!(modulo_answer(&mut *loaded.instances[0]), Ok(3.0 + 4.0));
    }

    fn two_libraries_with_one_op_are_refused_to_one_model(fixture) {
        let one = fixture.build(Sample::default().with_signature(1));
        let other = fixture.build(Sample::default().with_signature(2).with_ops(&[Op::Modulo]));
        let file = fixture.write(&modulo());
        let error = fixture.refusal(file.clone(), &[one.clone(), other.clone()]);
        for path in [&one, &other] {
            assert!(error.message.contains(path.to_str().unwrap()), "{error}");
        }
        assert!(error.message.contains("register the op 'CustomModulo'"), "{error}");
        assert_eq!(error.library, None);
    }

    fn kernels_for_tensorflows_own_ops_are_reported_and_twins_refused(fixture) {
        let source = include_str!("second_relu.cpp");
        let twin = fixture.folder.path().join("libtwin.so");
        std::fs::copy(compile(fixture, &format!("#define TWIN\n{source}")), &twin).unwrap();
        let library = compile(fixture, source);
        let reports = fixture.backend.load_libraries(&[library]).unwrap();
        assert_eq!(reports[0].ops, [op("Relu")]);
        let error = fixture.backend.load_libraries(std::slice::from_ref(&twin)).unwrap_err();
        for part in ["both TensorFlow", "'Relu'", twin.to_str().unwrap()] {
            assert!(error.message.contains(part), "{error}");
        }
        assert_eq!(error.library, Some(twin));
    }

    fn two_models_with_one_op_get_what_tensorflow_makes_of_it_and_both_names(fixture) {
        let one = fixture.build(Sample::default().with_signature(1));
        let other = fixture.build(Sample::default().with_signature(2).with_ops(&[Op::Modulo]));
        let file = fixture.write(&modulo());
        let (_, mut before) = fixture.load(file.clone(), std::slice::from_ref(&one)).unwrap();
        assert_eq!(modulo_answer(&mut *before.instances[0]), Ok(3.0 + 1.0));
        // A SavedModel is initialised when it is loaded, a graph meets its kernels when it is executed.
        let error = fixture.refusal(file, std::slice::from_ref(&other)).message;
        let file = fixture.write(&modulo().in_format(Format::GraphDef));
        let (_, mut after) = fixture.load(file, std::slice::from_ref(&other)).unwrap();
        assert_eq!(after.libraries[0].ops, [op("CustomModulo")]);
        for error in [error, modulo_answer(&mut *after.instances[0]).unwrap_err()] {
            assert!(error.contains("Multiple OpKernel registrations match"), "{error}");
            for path in [&one, &other] {
                assert!(error.contains(path.to_str().unwrap()), "{error}");
            }
        }
    }

    fn libraries_of_two_domains_serve_one_model(fixture) {
        let here = fixture.build(Sample::default().with_signature(1));
        let there = fixture.build(Sample::default().with_domain("other.ops").with_signature(2));
        let file = fixture.write(&modulo().with_domains(&["custom.ops", "other.ops"]));
        let (_, mut loaded) = fixture.load(file, &[here, there]).unwrap();
        let inputs = [Tensor::fp32(&[1], &[4.0]), Tensor::fp32(&[1], &[7.0])];
        let executed = execute(&mut *loaded.instances[0], &inputs, &[0, 1]).unwrap();
        assert_eq!(
            executed.outputs,
            [(0, Tensor::fp32(&[1], &[4.0])), (1, Tensor::fp32(&[1], &[5.0]))]
        );
    }

    fn a_rebuilt_library_is_refused_while_the_former_is_in_the_process(fixture) {
        let path = fixture.folder.path().join("libops.so");
        build_to(Sample::default().with_signature(1), &fixture.runtime, &path);
        let file = fixture.write(&modulo());
        let (key, loaded) = fixture.load(file.clone(), std::slice::from_ref(&path)).unwrap();
        drop(loaded);
        fixture.backend.unload_model(key);
        build_to(Sample::default().with_signature(2), &fixture.runtime, &path);
        let error = fixture.refusal(file, std::slice::from_ref(&path));
        assert!(error.message.contains("the file has changed"), "{error}");
    }

    fn libraries_that_cannot_be_used_are_refused_with_the_reason(fixture) {
        // Not among them: a truncated file. The dynamic loader touches pages behind its end and
        // dies of SIGBUS, which is why the front inspects a library before a worker opens it.
        let file = fixture.write(&modulo());
        for (broken, reason) in [
            (Broken::MissingDependency, "libabsent_dependency.so"),
            (Broken::UndefinedSymbol, "undefined symbol"),
            (Broken::NotElf, "no complete shared object"),
            (Broken::OtherArchitecture, "TensorFlow "),
        ] {
            let path = fixture.build(broken);
            let error = fixture.refusal(file.clone(), std::slice::from_ref(&path));
            assert!(error.message.contains(path.to_str().unwrap()), "{error}");
            assert!(error.message.contains(reason), "{error}");
            assert!(!is_mapped(&path));
        }
        let error = fixture.refusal(file, &[PathBuf::from("/nonexistent/ops.so")]);
        assert!(error.message.contains("'/nonexistent/ops.so' cannot be loaded: it cannot be read"), "{error}");
    }
}

/// Loads [`modulo`] with a library that has `fault`, and executes it.
fn execute_with_fault(fixture: &mut Fixture, fault: Fault) -> (LoadedModel, Result<f32, String>) {
    let library = fixture.build(Sample::default().with_fault(fault));
    let file = fixture.write(&modulo());
    let (_, mut loaded) = fixture.load(file, &[library]).unwrap();
    let answer = modulo_answer(&mut *loaded.instances[0]);
    (loaded, answer)
}

#[test]
fn a_kernel_that_throws_ends_the_process_with_the_exceptions_text() {
    fn check(fixture: &mut Fixture) {
        let _ = execute_with_fault(fixture, Fault::KernelThrows);
    }
    aborting(
        "a_kernel_that_throws_ends_the_process_with_the_exceptions_text",
        check,
        "the kernel throws, as it was asked to",
    );
}

#[test]
fn a_throwing_initializer_ends_the_process_in_the_recorded_step() {
    fn check(fixture: &mut Fixture) {
        let library = fixture.build(Broken::InitializerThrows);
        let file = fixture.write(&modulo());
        let _ = fixture.load(file, &[library]);
    }
    aborting(
        "a_throwing_initializer_ends_the_process_in_the_recorded_step",
        check,
        "the static initializer throws, as it was asked to",
    );
}

#[test]
fn a_preloaded_library_serves_all_models_and_is_reported() {
    fn check(fixture: &mut Fixture) {
        let library = fixture.build(Sample::default().with_signature(5));
        let reports = fixture
            .backend
            .load_libraries(std::slice::from_ref(&library))
            .unwrap();
        assert_eq!(reports[0].path, library);
        let ops: Vec<_> = reports[0].ops.iter().map(|op| op.name.as_str()).collect();
        assert_eq!(
            ops,
            [
                "CustomBiasGelu",
                "CustomModulo",
                "CustomRmsNorm",
                "CustomSelectAbove"
            ]
        );
        let file = fixture.write(&modulo());
        let (_, mut loaded) = fixture.load(file, &[library]).unwrap();
        assert_eq!(modulo_answer(&mut *loaded.instances[0]), Ok(3.0 + 5.0));
    }
    preloading(
        "a_preloaded_library_serves_all_models_and_is_reported",
        |runtime| vec![build(Sample::default().with_signature(5), runtime)],
        check,
    );
}
