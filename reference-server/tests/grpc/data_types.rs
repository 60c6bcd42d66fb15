//! Every data type of the protocol, through a model that returns what it gets.

use proto::inference::{InferTensorContents, ModelInferRequest};
use reference_server::protocol::DataType;
use tonic::Code;

use crate::client::Client;
use crate::onnx::{model, node, tensor};
use crate::request::one_input;
use crate::support::samples::Samples;
use crate::support::server::Server;

/// A server with a model `identity_<type>` for each data type, none of them configured.
fn server() -> (Samples, Server) {
    let samples = Samples::new();
    for data_type in DataType::ALL {
        let folder = samples.root().join(name(data_type)).join("1");
        std::fs::create_dir_all(&folder).unwrap();
        let bytes = model(
            vec![node("", "Identity", &["x"], &["y"])],
            vec![tensor("x", data_type, &["n"])],
            vec![tensor("y", data_type, &["n"])],
            &[],
        );
        std::fs::write(folder.join("model.onnx"), bytes).unwrap();
    }
    let server = Server::start(samples.root(), &[]);
    (samples, server)
}

fn name(data_type: DataType) -> String {
    format!("identity_{}", data_type.name().to_lowercase())
}

fn request(data_type: DataType, count: i64, bytes: Vec<u8>) -> ModelInferRequest {
    one_input(&name(data_type), data_type.name(), &[count], bytes)
}

/// Three elements with bytes that no conversion would leave alone.
fn elements(data_type: DataType) -> Vec<u8> {
    match data_type.element_size() {
        _ if data_type == DataType::Bool => vec![1, 0, 1],
        Some(size) => (0..3 * size)
            .map(|byte| (byte * 37 + 3) as u8 & 0x7b)
            .collect(),
        None => strings(&[b"", b"a\0\xff", "zwölf".as_bytes()]),
    }
}

/// A tensor of byte strings.
fn strings(elements: &[&[u8]]) -> Vec<u8> {
    elements
        .iter()
        .flat_map(|text| [&(text.len() as u32).to_le_bytes(), *text].concat())
        .collect()
}

#[test]
fn raw_tensors_of_every_type_come_back_byte_for_byte() {
    let (_samples, server) = server();
    let client = Client::connect(&server);
    for data_type in DataType::ALL {
        for (count, bytes) in [(3, elements(data_type)), (0, Vec::new())] {
            let response = client
                .infer(request(data_type, count, bytes.clone()))
                .unwrap();
            assert_eq!(response.raw_output_contents, [bytes], "{data_type}");
            assert_eq!(response.outputs[0].datatype, data_type.name());
            assert_eq!(response.outputs[0].shape, [count]);
        }
    }
}

#[test]
fn typed_tensors_of_every_type_come_back_as_raw_ones() {
    let (_samples, server) = server();
    let client = Client::connect(&server);
    for data_type in DataType::ALL {
        let mut contents = InferTensorContents::default();
        let expected: Vec<u8> = match data_type {
            DataType::Bool => {
                contents.bool_contents = vec![true, false, true];
                vec![1, 0, 1]
            }
            DataType::Int8 => {
                contents.int_contents = vec![-128, 0, 127];
                vec![0x80, 0, 0x7f]
            }
            DataType::Int16 => {
                contents.int_contents = vec![-32768, 0, 32767];
                vec![0, 0x80, 0, 0, 0xff, 0x7f]
            }
            DataType::Int32 => {
                contents.int_contents = vec![i32::MIN, 0, i32::MAX];
                [i32::MIN, 0, i32::MAX].map(i32::to_le_bytes).concat()
            }
            DataType::Int64 => {
                contents.int64_contents = vec![i64::MIN, 0, i64::MAX];
                [i64::MIN, 0, i64::MAX].map(i64::to_le_bytes).concat()
            }
            DataType::Uint8 => {
                contents.uint_contents = vec![0, 1, 255];
                vec![0, 1, 255]
            }
            DataType::Uint16 => {
                contents.uint_contents = vec![0, 1, 65535];
                vec![0, 0, 1, 0, 0xff, 0xff]
            }
            DataType::Uint32 => {
                contents.uint_contents = vec![0, 1, u32::MAX];
                [0, 1, u32::MAX].map(u32::to_le_bytes).concat()
            }
            DataType::Uint64 => {
                contents.uint64_contents = vec![0, 1, u64::MAX];
                [0, 1, u64::MAX].map(u64::to_le_bytes).concat()
            }
            DataType::Fp32 => {
                contents.fp32_contents = vec![0.5, -1.25, 3e10];
                [0.5, -1.25, 3e10].map(f32::to_le_bytes).concat()
            }
            DataType::Fp64 => {
                contents.fp64_contents = vec![0.5, -1.25, 3e10];
                [0.5, -1.25, 3e10].map(f64::to_le_bytes).concat()
            }
            DataType::Bytes => {
                contents.bytes_contents = vec!["".into(), "a\0".into(), vec![0xff].into()];
                strings(&[b"", b"a\0", b"\xff"])
            }
            // They have no typed form.
            DataType::Fp16 | DataType::Bf16 => continue,
        };
        let mut request = request(data_type, 3, Vec::new());
        request.raw_input_contents.clear();
        request.inputs[0].contents = Some(contents);
        let response = client.infer(request).unwrap();
        assert_eq!(response.raw_output_contents, [expected], "{data_type}");
    }
}

#[test]
fn elements_that_do_not_add_up_are_refused() {
    let (_samples, server) = server();
    let client = Client::connect(&server);
    let bytes = elements(DataType::Bytes);
    client.refused(
        request(DataType::Bytes, 2, bytes.clone()),
        Code::InvalidArgument,
        &["unexpected number of string elements 3 for inference input 'x'"],
    );
    client.refused(
        request(DataType::Bytes, 3, bytes[..bytes.len() - 1].to_vec()),
        Code::InvalidArgument,
        &["incomplete string data", "'x'"],
    );
    client.refused(
        request(DataType::Fp32, 3, vec![0; 11]),
        Code::InvalidArgument,
        &["input byte size mismatch", "Expected 12, got 11"],
    );
    let mut narrow = request(DataType::Int8, 1, Vec::new());
    narrow.raw_input_contents.clear();
    narrow.inputs[0].contents = Some(InferTensorContents {
        int_contents: vec![128],
        ..InferTensorContents::default()
    });
    client.refused(narrow, Code::InvalidArgument, &["128", "INT8", "'x'"]);
}
