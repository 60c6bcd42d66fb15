//! Writes a model repository with the sample op library, to try a server by hand or to measure
//! one with other tools: `cargo run --release -p test-ops --example sample_repository -- DIR`.
//!
//! Models: `small` and `large` (Modulo, fp32, 1×16 and 1×262144), `copies_00` … `copies_63`
//! with `--copies`, and one for each op and element type.

use std::error::Error;
use std::path::PathBuf;

use runtimes::{Cache, Framework};
use test_ops::{
    Builder, Configuration, Library, Model, ModelRepository, Op, ParameterSource, Sample,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(
        arguments
            .next()
            .ok_or("give the folder to write the model repository into")?,
    );
    let copies = arguments
        .next()
        .is_some_and(|argument| argument == "--copies");

    let repository = ModelRepository::create(&folder)?;
    let library = folder.join("libsample_ops.so");
    let cache = Cache::locate(None)?;
    let runtime = cache
        .installed()
        .into_iter()
        .find(|runtime| runtime.name.framework == Framework::OnnxRuntime)
        .ok_or("ONNX Runtime is not installed; run `cargo harness setup`")?;
    Builder::in_cache(&cache).build_to(
        &Library::new(Framework::OnnxRuntime, Sample::default()),
        &runtime,
        &library,
    )?;
    // Relative to each model's folder, so that the repository can be moved.
    let configuration = Configuration::with_op_libraries(["../libsample_ops.so"]);

    let elementwise = |dims: &[i64], name: &str| {
        Model::new(
            Op::Modulo,
            test_ops::DataType::Fp32,
            dims,
            ParameterSource::Constant,
        )
        .with_name(name)
    };
    repository.add(&elementwise(&[1, 16], "small"), &configuration)?;
    repository.add(&elementwise(&[1, 262_144], "large"), &configuration)?;
    if copies {
        for copy in 0..64 {
            repository.add(
                &elementwise(&[1, 16], &format!("copies_{copy:02}")),
                &configuration,
            )?;
        }
    }
    for op in Op::ALL {
        for &data_type in op.data_types() {
            let model = Model::new(op, data_type, &[-1, 64], ParameterSource::Input);
            repository.add(&model, &configuration)?;
        }
    }
    println!("wrote the models; serve them with");
    println!(
        "  cargo run --release -p reference-server -- --model-repository {}",
        folder.display()
    );
    Ok(())
}
