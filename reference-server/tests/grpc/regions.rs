//! Tensors in system shared memory over gRPC.

use proto::inference::infer_parameter::ParameterChoice;
use proto::inference::{
    CudaSharedMemoryRegisterRequest, CudaSharedMemoryStatusRequest,
    CudaSharedMemoryUnregisterRequest, InferParameter, ModelInferRequest,
    SystemSharedMemoryRegisterRequest, SystemSharedMemoryStatusRequest,
    SystemSharedMemoryUnregisterRequest,
};
use test_ops::Tensor;
use tonic::{Code, Status};

use crate::client::{Client, assert_refused};
use crate::request::{one_input, parameter, wanted};
use crate::shared_memory::Object;
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

fn register(client: &Client, name: &str, key: &str, byte_size: u64) -> Result<(), Status> {
    let request = SystemSharedMemoryRegisterRequest {
        name: name.into(),
        key: key.into(),
        offset: 0,
        byte_size,
    };
    client
        .call(async |service| service.system_shared_memory_register(request).await)
        .map(|_| ())
}

fn status(client: &Client, name: &str) -> Result<Vec<(String, u64)>, Status> {
    let request = SystemSharedMemoryStatusRequest { name: name.into() };
    let told = client.call(async |service| service.system_shared_memory_status(request).await)?;
    Ok(told
        .regions
        .into_values()
        .map(|region| (region.name, region.byte_size))
        .collect())
}

fn unregister(client: &Client, name: &str) {
    let request = SystemSharedMemoryUnregisterRequest { name: name.into() };
    client
        .call(async |service| service.system_shared_memory_unregister(request).await)
        .unwrap();
}

/// A tensor's place as parameters.
fn at(region: &str, offset: i64, byte_size: i64) -> [(String, InferParameter); 3] {
    [
        (
            "shared_memory_region",
            ParameterChoice::StringParam(region.into()),
        ),
        ("shared_memory_offset", ParameterChoice::Int64Param(offset)),
        (
            "shared_memory_byte_size",
            ParameterChoice::Int64Param(byte_size),
        ),
    ]
    .map(|(key, value)| (key.to_owned(), parameter(value)))
}

/// An inference on `small` with one row, input and output in the region `r`.
fn request(output_size: i64) -> ModelInferRequest {
    let mut request = one_input("small", "FP32", &[1, 16], vec![]);
    request.raw_input_contents.clear();
    request.inputs[0].parameters = at("r", 0, 64).into();
    let mut output = wanted("y");
    output.parameters = at("r", 64, output_size).into();
    request.outputs = vec![output];
    request
}

#[test]
fn regions_are_registered_used_and_let_go_of() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let object = Object::new(4096);
    client.refused(
        request(64),
        Code::NotFound,
        &["Unable to find shared memory region: 'r'"],
    );
    register(&client, "r", &object.key(), 256).unwrap();
    assert_refused(
        register(&client, "r", &object.key(), 256),
        Code::AlreadyExists,
        &["shared memory region 'r' already in manager"],
    );
    assert_refused(
        register(&client, "s", &object.key(), 4097),
        Code::InvalidArgument,
        &["failed to register shared memory region 's': invalid args"],
    );
    assert_refused(
        register(&client, "s", "/../etc/passwd", 1),
        Code::Internal,
        &["Unable to open shared memory region: '/../etc/passwd'"],
    );
    assert_refused(
        register(&client, "", &object.key(), 1),
        Code::InvalidArgument,
        &["'region name' is necessary"],
    );
    assert_eq!(status(&client, "").unwrap(), [("r".to_owned(), 256)]);
    assert_eq!(status(&client, "r").unwrap(), [("r".to_owned(), 256)]);
    assert_refused(
        status(&client, "s"),
        Code::NotFound,
        &["Unable to find system shared memory region: 's'"],
    );

    let input = small().sample_inputs(1, 5).remove(0);
    object.write(0, &input.to_bytes());
    let response = client.infer(request(64)).unwrap();
    assert_eq!(response.outputs[0].shape, [1, 16]);
    assert_eq!(response.raw_output_contents, [bytes::Bytes::new()]);
    let output = Tensor::from_bytes(input.data_type, &input.shape, &object.read(64, 64)).unwrap();
    let expected = &small().expected(&[input], &[])[0];
    output.compare(expected).unwrap();

    client.refused(
        request(63),
        Code::Internal,
        &["output 'y' (63 bytes) should be at least 64 bytes"],
    );
    client.refused(
        request(193),
        Code::InvalidArgument,
        &["Invalid offset + byte size for shared memory region: 'r'"],
    );
    let mut both = request(64);
    both.inputs[0].contents = Some(Default::default());
    client.refused(
        both,
        Code::InvalidArgument,
        &["unexpected 'content' provided when using shared memory for input tensor 'x'"],
    );
    unregister(&client, "unknown");
    unregister(&client, "");
    assert_eq!(status(&client, "").unwrap(), []);
}

/// What a real handle opens is tried where there is a GPU, by the harness's suites.
#[test]
fn a_cuda_handle_that_opens_nothing_is_refused() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &[]);
    let client = Client::connect(&server);
    let status = |name: &str| {
        let request = CudaSharedMemoryStatusRequest { name: name.into() };
        client.call(async |service| service.cuda_shared_memory_status(request).await)
    };
    assert!(status("").unwrap().regions.is_empty());
    assert_refused(
        status("a"),
        Code::NotFound,
        &["Unable to find cuda shared memory region: 'a'"],
    );
    let register = |name: &str, raw_handle: Vec<u8>, device_id: i64, byte_size: u64| {
        client.call(async |service| {
            let request = CudaSharedMemoryRegisterRequest {
                name: name.into(),
                raw_handle: raw_handle.into(),
                device_id,
                byte_size,
            };
            service.cuda_shared_memory_register(request).await
        })
    };
    let handle = || vec![7; 64];
    for (outcome, expected) in [
        (register("", handle(), 0, 64), "'region name' is necessary"),
        (register("a", vec![7; 63], 0, 64), "raw_handle has 63 bytes"),
        (register("a", handle(), -1, 64), "device_id -1 is no number"),
        (register("a", handle(), 0, 0), "byte_size must not be 0"),
        (
            register("a", handle(), 0, 64),
            "failed to register shared memory region 'a': ",
        ),
        // The process that has found that out is asked again.
        (register("a", handle(), 100_000, 64), "driver"),
    ] {
        assert_refused(outcome, Code::InvalidArgument, &[expected]);
    }
    assert!(status("").unwrap().regions.is_empty());
    client
        .call(async |service| {
            let request = CudaSharedMemoryUnregisterRequest::default();
            service.cuda_shared_memory_unregister(request).await
        })
        .unwrap();
}
