//! Writes a model repository with the sample op library, to try a server by hand or to measure
//! one with other tools: `cargo run --release -p test-ops --example sample_repository -- DIR`.
//!
//! Models: `small` and `large` (Modulo, fp32, 1×16 and 1×262144), `copies_00` … `copies_63`
//! with `--copies`, and one for each op and element type. They are ONNX Runtime's, or those of
//! `--framework NAME`, for its default runtime, and execute on the first GPU with `--gpu`.

use std::error::Error;
use std::path::PathBuf;

use runtimes::{Cache, Catalog, Framework};
use test_ops::{
    Builder, Configuration, Library, Model, ModelRepository, Op, ParameterSource, Sample,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(
        arguments
            .next()
            .ok_or("give the folder to write the model repository into")?,
    );
    let (mut copies, mut on_gpu, mut framework) = (false, false, Framework::OnnxRuntime);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--copies" => copies = true,
            "--gpu" => on_gpu = true,
            "--framework" => framework = arguments.next().ok_or("name a framework")?.parse()?,
            other => return Err(format!("unknown option '{other}'").into()),
        }
    }

    let repository = ModelRepository::create(&folder)?;
    let library = folder.join("libsample_ops.so");
    let cache = Cache::locate(None)?;
    let runtime = Catalog::builtin()
        .default_of(framework)
        .and_then(|entry| cache.find(&entry.name()))
        .ok_or_else(|| format!("{framework} is not installed; run `cargo harness setup`"))?;
    Builder::in_cache(&cache).build_to(
        &Library::new(framework, Sample::default()),
        &runtime,
        &library,
    )?;
    let configuration = Configuration {
        gpu: on_gpu.then_some(0),
        // Relative to each model's folder, so that the repository can be moved.
        ..Configuration::with_op_libraries(["../libsample_ops.so"])
    };

    let elementwise = |dims: &[i64], name: &str| {
        Model::new(
            Op::Modulo,
            test_ops::DataType::Fp32,
            dims,
            ParameterSource::Constant,
        )
        .with_name(name)
        .in_format(framework)
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
        for &data_type in op.data_types_on(&runtime.name) {
            let model = Model::new(op, data_type, &[-1, 64], ParameterSource::Input);
            repository.add(&model.in_format(framework), &configuration)?;
        }
    }
    println!("wrote the models; serve them with");
    println!(
        "  cargo run --release -p reference-server -- --model-repository {}",
        folder.display()
    );
    Ok(())
}
