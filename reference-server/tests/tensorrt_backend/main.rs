//! The TensorRT backend with real runtimes: nearly every test runs with each runtime of the
//! catalogue. None of them needs a GPU; what one would change is said where it matters.

mod fixture;

use std::path::{Path, PathBuf};

use fixture::{
    Fixture, library, old_plan, plan, with_every_runtime, with_every_runtime_and_preload,
};
use reference_server::worker::backend::{Backend, RegisteredOp};
use runtimes::Runtime;
use test_ops::{Broken, Fault, Op, PluginEntry, Sample};

macro_rules! with_every_runtime {
    ($(fn $name:ident($fixture:ident) $body:block)*) => {$(
        #[test]
        fn $name() {
            fn check($fixture: &mut Fixture) $body
            with_every_runtime(stringify!($name), check);
        }
    )*};
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
            assert_eq!(error.library, Some(second));
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
