//! Models that ask for a GPU.

use runtimes::Framework;
use test_ops::{Configuration, ModelRepository};

use crate::support::samples::{default_runtime, small};
use crate::support::server::Server;

#[test]
fn without_a_gpu_a_model_that_asks_for_one_is_told_what_is_missing() {
    if op_library::gpu_count() > 0 {
        eprintln!("skipped: this machine has a GPU");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let repository = ModelRepository::create(folder.path().join("models")).unwrap();
    let frameworks = [
        Framework::OnnxRuntime,
        Framework::PyTorch,
        Framework::TensorFlow,
    ];
    for framework in frameworks {
        default_runtime(framework);
        // Without the op library that it needs: nothing is loaded for a model that cannot be served.
        let model = small().with_name(framework.name()).in_format(framework);
        repository.add(&model, &Configuration::default()).unwrap();
        let file = repository
            .root()
            .join(framework.name())
            .join("config.pbtxt");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, text + "\ninstance_group { kind: KIND_GPU }\n").unwrap();
    }
    let server = Server::start(repository.root(), &["--model-control-mode", "explicit"]);
    for framework in frameworks {
        let error = server.load(framework.name()).error();
        for text in [
            "has an instance on a GPU (KIND_GPU), and",
            "uses none: NVIDIA's driver (libcuda.so.1) is not installed",
            "or use KIND_CPU or KIND_AUTO",
        ] {
            assert!(error.contains(text), "no {text:?} in {error}");
        }
    }
    // The default runtimes of these are builds for the CPU.
    for (framework, part) in [
        (Framework::OnnxRuntime, "libonnxruntime_providers_cuda.so"),
        (Framework::TensorFlow, "kernels for GPU devices"),
    ] {
        let error = server.load(framework.name()).error();
        assert!(error.contains(part), "no {part:?} in {error}");
    }
}
