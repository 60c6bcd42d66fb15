//! Tensors in system shared memory with the other frameworks that execute on a CPU, which read inputs
//! where the client has them.

use runtimes::Framework;
use serde_json::json;
use test_ops::{Configuration, Library, ModelRepository, Sample, Tensor};

use crate::shared_memory::Object;
use crate::support::samples::{builder, default_runtime, small};
use crate::support::server::Server;

fn reads_and_writes_regions(framework: Framework) {
    let folder = tempfile::tempdir().unwrap();
    let repository = ModelRepository::create(folder.path().join("models")).unwrap();
    let library = repository.root().join("libops.so");
    builder()
        .build_to(
            &Library::new(framework, Sample::default()),
            &default_runtime(framework),
            &library,
        )
        .unwrap();
    let model = small().in_format(framework);
    let configuration = Configuration::with_op_libraries([library.to_str().unwrap()]);
    repository.add(&model, &configuration).unwrap();
    let server = Server::start(repository.root(), &[]);
    let worker = server.worker_of("small");

    let object = Object::new(8192);
    let body = json!({"key": object.key(), "byte_size": 8192});
    let at = "/v2/systemsharedmemory/region/r/register";
    assert_eq!(server.post(at, body.to_string()).status, 200);
    let place = |offset: u64| {
        json!({
            "shared_memory_region": "r", "shared_memory_offset": offset,
            "shared_memory_byte_size": 64,
        })
    };
    for (seed, (input_at, output_at)) in [(0, 4096), (128, 192), (5, 4097)].into_iter().enumerate()
    {
        let input = model.sample_inputs(1, seed as u64).remove(0);
        object.write(input_at, &input.to_bytes());
        let request = json!({
            "inputs": [{"name": model.inputs()[0].name, "datatype": "FP32", "shape": [1, 16],
                        "parameters": place(input_at)}],
            "outputs": [{"name": model.outputs()[0].name, "parameters": place(output_at)}],
        });
        let response = server.post("/v2/models/small/infer", request.to_string());
        assert_eq!(response.status, 200, "{}", response.text());
        let bytes = object.read(output_at, 64);
        let output = Tensor::from_bytes(input.data_type, &input.shape, &bytes).unwrap();
        let expected = &model.expected(std::slice::from_ref(&input), &[])[0];
        output.compare(expected).unwrap();
        assert_eq!(object.read(input_at, 64), input.to_bytes());
    }
    assert_eq!(server.worker_of("small"), worker);
}

#[test]
fn pytorch_reads_and_writes_regions() {
    reads_and_writes_regions(Framework::PyTorch);
}

#[test]
fn tensorflow_reads_and_writes_regions() {
    reads_and_writes_regions(Framework::TensorFlow);
}
