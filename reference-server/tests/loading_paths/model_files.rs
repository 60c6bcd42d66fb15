//! Models of other frameworks that come with a load request, with the op library that they name.

use runtimes::Framework;
use serde_json::json;
use test_ops::{Library, ModelRepository, Sample};

use crate::support::inference::assert_serves;
use crate::support::model_files::{TemporaryFolder, configuration, files_of, load};
use crate::support::samples::{builder, default_runtime, small};

/// Serves a model from files, of which this is one, with an op library that the operator put somewhere.
fn a_model_is_served_from_files(framework: Framework, platform: &str, file: &str) {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libops.so");
    let sample = Library::new(framework, Sample::default());
    builder()
        .build_to(&sample, &default_runtime(framework), &library)
        .unwrap();
    let repository = ModelRepository::create(folder.path().join("models")).unwrap();
    let temporary = TemporaryFolder::new();
    let root = folder.path().to_str().unwrap();
    let server = temporary.start(repository.root(), &["--op-library-root", root]);

    let model = small().in_format(framework).with_name("sent");
    let files = files_of(&model, 1);
    assert!(files.contains_key(file), "{:?}", files.keys());
    let mut config = configuration(&framework.to_string(), &library);
    config["platform"] = platform.into();
    // TorchScript does not tell them.
    for (field, tensors) in [("input", model.inputs()), ("output", model.outputs())] {
        let name = &tensors[0].name;
        config[field] = json!([{"name": name, "data_type": "TYPE_FP32", "dims": [-1, 16]}]);
    }
    let loaded = load(&server, "sent", &config, &files);
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    assert_serves(&server, &model);
    assert_eq!(server.unload("sent").status, 200);
    assert!(temporary.models().is_empty());
}

#[test]
fn a_saved_model_is_served_from_files() {
    let file = "file:1/model.savedmodel/saved_model.pb";
    a_model_is_served_from_files(Framework::TensorFlow, "tensorflow_savedmodel", file);
}

#[test]
fn a_torchscript_is_served_from_files() {
    a_model_is_served_from_files(Framework::PyTorch, "pytorch_libtorch", "file:1/model.pt");
}
