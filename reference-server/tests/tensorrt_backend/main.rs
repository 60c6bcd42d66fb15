//! The TensorRT backend with real runtimes: nearly every test runs with each runtime of the
//! catalogue. None of them needs a GPU; what one would change is said where it matters.

#[path = "../support/execution.rs"]
#[allow(dead_code, reason = "plans are executed in one way only")]
mod execution;
mod fixture;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use execution::{Tensor, execute};
use fixture::{
    Fixture, library, old_plan, plan, with_a_gpu, with_every_runtime,
    with_every_runtime_and_preload,
};
use reference_server::worker::backend::{Backend, Instance, RegisteredOp};
use runtimes::{Cache, Compiler, Framework, Runtime};
use test_ops::{
    Broken, DataType, Fault, Model, Op, ParameterSource, PlanBuilder, PluginEntry, Sample,
};

macro_rules! with_every_runtime {
    ($(fn $name:ident($fixture:ident) $body:block)*) => {$(
        #[test]
        fn $name() {
            fn check($fixture: &mut Fixture) $body
            with_every_runtime(stringify!($name), check);
        }
    )*};
}

fn both_ways() -> Sample {
    Sample::default().with_plugin_entry(PluginEntry::CreatorsAndStaticRegistrar)
}

fn registrar() -> Sample {
    Sample::default().with_plugin_entry(PluginEntry::StaticRegistrar)
}

/// What the samples register with a runtime: plugins with outputs of unknown length came with 10.
fn sample_ops(runtime: &Runtime) -> Vec<RegisteredOp> {
    let names: &[&str] = if runtime.name.version.major() >= 10 {
        &["BiasGelu", "RmsNorm", "Modulo", "SelectAbove"]
    } else {
        &["BiasGelu", "RmsNorm", "Modulo"]
    };
    names
        .iter()
        .map(|name| RegisteredOp {
            domain: "custom.ops".to_owned(),
            name: (*name).to_owned(),
            version: "1".to_owned(),
        })
        .collect()
}

fn sorted(mut ops: Vec<RegisteredOp>) -> Vec<RegisteredOp> {
    ops.sort();
    ops
}

fn is_mapped(path: &Path) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains(path.to_str().unwrap())
}

/// The sentence that ends every load of a plan without content: there is no GPU, or TensorRT reads
/// the plan and refuses it.
fn assert_reached_the_gpu(message: &str) {
    assert!(
        message.contains("needs a GPU, and none was found")
            || message.contains("needs a GPU that cannot be used")
            || message.contains("cannot be prepared for execution"),
        "{message}"
    );
}

fn assert_names(message: &str, parts: &[&dyn AsRef<Path>]) {
    for part in parts {
        let part = part.as_ref().to_str().unwrap();
        assert!(message.contains(part), "'{part}' is not in: {message}");
    }
}

/// Compiles C++ into the shared library `name`.
fn compile(fixture: &Fixture, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let path = fixture.folder.path().join(name);
    let file = path.with_extension("cpp");
    std::fs::write(&file, source).unwrap();
    let mut all: Vec<OsString> = vec!["-shared".into(), "-fPIC".into()];
    all.extend([file.into(), "-o".into(), path.clone().into()]);
    all.extend(arguments.iter().map(OsString::from));
    Compiler::find().unwrap().run(&all).unwrap();
    path
}

with_every_runtime! {
    fn the_runtime_tells_its_version(fixture) {
        let version = fixture.backend.version();
        let name = fixture.runtime.name.version.to_string();
        assert!(name.starts_with(&version), "{version} of {name}");
    }

    fn a_library_with_the_entry_point_registers_for_all_models(fixture) {
        let path = fixture.library(Sample::default());
        let reports = fixture.backend.load_libraries(std::slice::from_ref(&path)).unwrap();
        assert_eq!(reports[0].path, path);
        assert_eq!(reports[0].ops, sample_ops(&fixture.runtime));
    }

    fn a_static_registrar_is_seen_too(fixture) {
        let path = fixture.library(registrar());
        let reports = fixture.backend.load_libraries(std::slice::from_ref(&path)).unwrap();
        assert_eq!(reports[0].ops, sample_ops(&fixture.runtime));
    }

    fn a_library_that_registers_in_both_ways_is_taken_once(fixture) {
        let path = fixture.library(both_ways());
        let reports = fixture.backend.load_libraries(std::slice::from_ref(&path)).unwrap();
        assert_eq!(reports[0].ops, sample_ops(&fixture.runtime));
        let plan = fixture.plan();
        assert_reached_the_gpu(&fixture.refusal(&plan, &[&path]).message);
        let second = fixture.library(Sample::default().with_signature(2));
        let message = fixture.refusal(&plan, &[&second]).message;
        assert_names(&message, &[&path, &second, &"'BiasGelu'"]);
    }

    fn a_model_needs_a_gpu_and_its_library_goes_with_it(fixture) {
        let first = fixture.library(Sample::default().with_signature(1));
        let second = fixture.library(Sample::default().with_signature(2));
        let plan = fixture.plan();
        for path in [&first, &second] {
            let message = fixture.refusal(&plan, &[path]).message;
            assert_reached_the_gpu(&message);
            assert!(!is_mapped(path), "{}", path.display());
        }
    }

    fn libraries_that_collide_are_named_both(fixture) {
        let first = fixture.library(Sample::default().with_signature(1));
        let plan = fixture.plan();
        for second in [
            Sample::default().with_signature(2),
            registrar().with_ops(&[Op::BiasGelu]),
        ] {
            let second = fixture.library(second);
            let error = fixture.refusal(&plan, &[&first, &second]);
            assert_names(&error.message, &[&first, &second, &"'BiasGelu'", &"op-set"]);
            assert_eq!(error.library, None, "another TensorRT would refuse it too");
        }
    }

    fn static_registrars_that_collide_are_named_both(fixture) {
        let first = fixture.library(registrar().with_ops(&[Op::RmsNorm]));
        let second = fixture.library(registrar().with_signature(2));
        let error = fixture
            .backend
            .load_libraries(&[first.clone(), second.clone()])
            .unwrap_err();
        assert_names(&error.message, &[&first, &second, &"'RmsNorm'"]);
    }

    fn another_namespace_is_another_plugin(fixture) {
        let first = fixture.library(Sample::default());
        let second = fixture.library(Sample::default().with_domain("other.ops"));
        let reports = fixture.backend.load_libraries(&[first, second]).unwrap();
        assert_eq!(reports[1].ops[0].domain, "other.ops");
    }

    fn a_library_that_is_listed_twice_is_loaded_once(fixture) {
        let path = fixture.library(Sample::default());
        let plan = fixture.plan();
        assert_reached_the_gpu(&fixture.refusal(&plan, &[&path, &path]).message);
    }

    fn a_library_that_registers_nothing_is_refused(fixture) {
        let plan = fixture.plan();
        for content in [
            test_ops::Content::from(Broken::NoEntryPoint),
            Broken::MangledEntryPoint.into(),
        ] {
            let path = fixture.library(content);
            let message = fixture.refusal(&plan, &[&path]).message;
            assert_names(&message, &[&path, &"registers no plugin", &"extern \"C\""]);
        }
        let path = fixture.library(Sample::default().with_fault(Fault::RegistrationFails));
        let message = fixture.refusal(&plan, &[&path]).message;
        assert_names(&message, &[&path, &"hands out no plugin creators"]);
    }

    fn an_entry_point_of_a_needed_library_is_not_the_librarys_own(fixture) {
        let inner = fixture.library(Sample::default());
        let inner = inner.to_str().unwrap();
        let needs_inner = ["-Wl,--no-as-needed", inner];
        let outer = compile(fixture, "libouter.so", "int outer;", &needs_inner);
        let plan = fixture.plan();
        let message = fixture.refusal(&plan, &[&outer]).message;
        assert_names(&message, &[&outer, &"registers no plugin"]);
    }

    fn a_library_may_use_tensorrt_without_naming_it_as_needed(fixture) {
        let source = "extern \"C\" void* getPluginRegistry(); void* registry = getPluginRegistry();";
        let path = compile(fixture, "libunlinked.so", source, &[]);
        let inspected = op_library::inspect(&path).unwrap();
        assert!(!inspected.verdict(&fixture.runtime).refuses());
        // It was opened, or the message were another one.
        let plan = fixture.plan();
        let message = fixture.refusal(&plan, &[&path]).message;
        assert_names(&message, &[&path, &"registers no plugin"]);
    }

    fn the_dynamic_loader_is_quoted(fixture) {
        let plan = fixture.plan();
        let path = fixture.library(Broken::MissingDependency);
        let message = fixture.refusal(&plan, &[&path]).message;
        assert_names(&message, &[&path, &"libabsent_dependency.so"]);
    }

    fn a_plan_of_another_version_is_told_from_its_header(fixture) {
        let error = fixture.refusal(&plan([99, 1, 2]), &[]);
        let version = fixture.backend.version();
        assert_names(&error.message, &[&"99.1.2", &version]);
        let error = fixture.refusal(&old_plan(96), &[]);
        assert_names(&error.message, &[&"serialization tag 96", &version]);
    }

    fn a_truncated_plan_is_told_from_its_header(fixture) {
        let whole = fixture.plan();
        let message = fixture.refusal(&whole[..20], &[]).message;
        assert_names(&message, &[&"truncated", &"20 bytes"]);
        let message = fixture.refusal(b"PK\x03\x04 a zip file", &[]).message;
        assert_names(&message, &[&"no TensorRT plan"]);
    }
}

#[test]
fn a_preloaded_library_that_registers_in_both_ways_is_recognized() {
    fn check(fixture: &mut Fixture) {
        let path = fixture.library(both_ways());
        let reports = fixture.backend.load_libraries(&[path]).unwrap();
        assert_eq!(
            sorted(reports[0].ops.clone()),
            sorted(sample_ops(&fixture.runtime))
        );
    }
    with_every_runtime_and_preload(
        "a_preloaded_library_that_registers_in_both_ways_is_recognized",
        |runtime| vec![library(runtime, both_ways())],
        check,
    );
}

/// Two libraries whose plugins have the same names in namespaces of their own.
fn registrars_of_two_namespaces(runtime: &Runtime) -> Vec<PathBuf> {
    vec![
        library(runtime, registrar()),
        library(runtime, registrar().with_domain("other.ops")),
    ]
}

#[test]
fn preloaded_registrars_of_two_namespaces_do_not_collide() {
    fn check(fixture: &mut Fixture) {
        let paths = registrars_of_two_namespaces(&fixture.runtime);
        let reports = fixture.backend.load_libraries(&paths).unwrap();
        for (report, domain) in reports.iter().zip(["custom.ops", "other.ops"]) {
            assert_eq!(report.ops.len(), sample_ops(&fixture.runtime).len());
            assert!(report.ops.iter().all(|op| op.domain == domain));
        }
    }
    with_every_runtime_and_preload(
        "preloaded_registrars_of_two_namespaces_do_not_collide",
        registrars_of_two_namespaces,
        check,
    );
}

/// Two libraries with the same plugins: the dynamic loader starts the last one first.
fn colliding_registrars(runtime: &Runtime) -> Vec<PathBuf> {
    vec![
        library(runtime, registrar().with_signature(1)),
        library(runtime, registrar().with_signature(2)),
    ]
}

#[test]
fn a_preloaded_registrar_is_recognized() {
    fn check(fixture: &mut Fixture) {
        let path = fixture.library(registrar());
        let reports = fixture.backend.load_libraries(&[path]).unwrap();
        assert_eq!(
            sorted(reports[0].ops.clone()),
            sorted(sample_ops(&fixture.runtime))
        );
    }
    with_every_runtime_and_preload(
        "a_preloaded_registrar_is_recognized",
        |runtime| vec![library(runtime, registrar())],
        check,
    );
}

#[test]
fn preloaded_registrars_that_collide_are_named_both() {
    fn check(fixture: &mut Fixture) {
        let paths = colliding_registrars(&fixture.runtime);
        let error = fixture.backend.load_libraries(&paths).unwrap_err();
        assert_names(&error.message, &[&paths[0], &paths[1], &"BiasGelu"]);
    }
    with_every_runtime_and_preload(
        "preloaded_registrars_that_collide_are_named_both",
        colliding_registrars,
        check,
    );
}

/// What a sample model answers, compared with the reference maths.
fn check_answer(instance: &mut dyn Instance, model: &Model, signature: u8) {
    let inputs = model.sample_inputs(3, 7);
    let tensors: Vec<Tensor> = inputs
        .iter()
        .map(|input| {
            let dims: Vec<i64> = input.shape.iter().map(|&extent| extent as i64).collect();
            let data_type = input.data_type.protocol_name().parse().unwrap();
            Tensor::new(data_type, &dims, input.to_bytes())
        })
        .collect();
    let expected = model.expected(&inputs, &[("custom.ops", signature)]);
    let executed = execute(instance, &tensors, &[0]).unwrap();
    let actual = &executed.outputs[0].1;
    let shape: Vec<usize> = actual.dims.iter().map(|&dim| dim as usize).collect();
    let actual = test_ops::Tensor::from_bytes(expected[0].data_type, &shape, &actual.data).unwrap();
    actual.compare(&expected[0]).unwrap();
}

#[test]
fn plans_of_the_samples_run_on_the_gpu() {
    fn check(fixture: &mut Fixture) {
        let builder =
            PlanBuilder::compile(&Cache::locate(None).unwrap(), &fixture.runtime).unwrap();
        let path = fixture.library(Sample::default().with_signature(3));
        for (op, data_type, source) in [
            (Op::BiasGelu, DataType::Fp32, ParameterSource::Input),
            (Op::BiasGelu, DataType::Fp16, ParameterSource::Constant),
            (Op::RmsNorm, DataType::Fp32, ParameterSource::Constant),
            (Op::Modulo, DataType::Int32, ParameterSource::Input),
        ] {
            let model = Model::new(op, data_type, &[-1, 64], source).in_format(Framework::TensorRt);
            let mut specification = fixture.model(&[], &[&path]);
            builder
                .write(&model, std::slice::from_ref(&path), &specification.file)
                .unwrap();
            let mut loaded = fixture.backend.load_model(&specification).unwrap();
            assert_eq!(loaded.inputs[0].dims, [-1, 64]);
            check_answer(loaded.instances[0].as_mut(), &model, 3);
            drop(loaded);
            assert!(fixture.backend.unload_model(specification.key).is_empty());

            specification.op_libraries.clear();
            let Err(error) = fixture.backend.load_model(&specification) else {
                panic!("a plan was loaded without its plugin");
            };
            assert_eq!(error.missing_ops[0].name, op.name(), "{error}");
        }
    }
    with_a_gpu("plans_of_the_samples_run_on_the_gpu", check);
}
