//! The sample plugins with every TensorRT of the catalogue, and what stands in the way of a plan.

use std::path::{Path, PathBuf};
use std::process::Command;

use runtimes::{Cache, Catalog, Compiler, Framework, Pip, Runtime, Silent, Size};
use test_ops::{
    Builder, DataType, Library, Model, Op, ParameterSource, PlanBuilder, PlanError, Sample,
};

fn installed() -> Vec<Runtime> {
    let cache = Cache::locate(None).unwrap();
    let pip = Pip::find().unwrap();
    Catalog::builtin()
        .of(Framework::TensorRt)
        .map(|entry| runtimes::install(&cache, entry, Size::Small, &pip, &Silent).unwrap())
        .collect()
}

fn sample(runtime: &Runtime) -> PathBuf {
    Builder::in_cache(&Cache::locate(None).unwrap())
        .build(
            &Library::new(Framework::TensorRt, Sample::default()),
            runtime,
        )
        .unwrap()
}

#[test]
fn plugins_pass_through_the_registry_and_through_serialization() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for runtime in installed() {
        let program = folder.path().join(runtime.name.to_string());
        let version = runtime.name.version;
        let mut arguments = vec![
            "-std=c++17".into(),
            format!("-DRUNTIME_MAJOR={}", version.major()).into(),
            format!("-DRUNTIME_MINOR={}", version.minor()).into(),
            "-isystem".into(),
            package
                .join("../reference-server/bridges/tensorrt/include")
                .into(),
            "-o".into(),
        ];
        arguments.extend([
            program.clone().into(),
            package.join("tests/tensorrt/round_trip.cpp").into(),
            "-ldl".into(),
        ]);
        Compiler::find().unwrap().run(&arguments).unwrap();
        let output = Command::new(&program)
            .arg(&runtime.main_library)
            .arg(sample(&runtime))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "with {}: {}",
            runtime.name,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn a_plan_takes_the_builder_and_a_gpu() {
    let cache = Cache::locate(None).unwrap();
    for mut runtime in installed() {
        let is_8 = runtime.name.version.major() == 8;
        if runtime.size == Size::Small || !is_8 {
            let error = PlanBuilder::compile(&cache, &runtime).unwrap_err();
            assert!(matches!(error, PlanError::NoBuilder { .. }), "{error}");
        }
        if !is_8 || Path::new("/dev/nvidiactl").exists() {
            continue;
        }
        // The builder's first step is the one that takes a GPU; its resources come after.
        runtime.size = Size::Full;
        let builder = PlanBuilder::compile(&cache, &runtime).unwrap();
        let model = Model::new(
            Op::BiasGelu,
            DataType::Fp32,
            &[-1, 64],
            ParameterSource::Constant,
        )
        .in_format(Framework::TensorRt);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.plan");
        let error = builder
            .write(&model, &[sample(&runtime)], &path)
            .unwrap_err()
            .to_string();
        for part in ["createInferBuilder fails", "error: 35", "NVIDIA GPU"] {
            assert!(error.contains(part), "{error}");
        }
        let libraries = [sample(&runtime)];
        for error in [
            builder.plan(&cache, &model, &libraries).unwrap_err(),
            builder
                .plan_for_another_gpu(&cache, &model, &libraries)
                .unwrap_err(),
        ] {
            assert!(matches!(error, PlanError::NoDevice { .. }), "{error}");
        }
    }
}
