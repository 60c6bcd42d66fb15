//! Every data type of the protocol, through a model that returns what it gets.

use reference_server::protocol::DataType;
use serde_json::{Value, json};

use crate::onnx::{model, node, tensor};
use crate::support::client::{Request, Response};
use crate::support::samples::Samples;
use crate::support::server::Server;

const LENGTH_HEADER: &str = "Inference-Header-Content-Length";

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

fn infer(server: &Server, data_type: DataType, header: &Value, section: &[u8]) -> Response {
    let mut body = header.to_string().into_bytes();
    let length = body.len();
    body.extend_from_slice(section);
    let path = format!("/v2/models/{}/infer", name(data_type));
    server.send(&Request::post(path, body).with_header(LENGTH_HEADER, length))
}

/// Three elements with bytes that no conversion would leave alone.
fn elements(data_type: DataType) -> Vec<u8> {
    match data_type.element_size() {
        _ if data_type == DataType::Bool => vec![1, 0, 1],
        Some(size) => (0..3 * size)
            .map(|byte| (byte * 37 + 3) as u8 & 0x7b)
            .collect(),
        None => [&b""[..], b"a\0\xff", "zwölf".as_bytes()]
            .iter()
            .flat_map(|text| [&(text.len() as u32).to_le_bytes(), *text].concat())
            .collect(),
    }
}

#[test]
fn binary_tensors_of_every_type_come_back_byte_for_byte() {
    let (_samples, server) = server();
    for data_type in DataType::ALL {
        let section = elements(data_type);
        let header = json!({
            "inputs": [{"name": "x", "datatype": data_type.name(), "shape": [3],
                        "parameters": {"binary_data_size": section.len()}}],
            "parameters": {"binary_data_output": true},
        });
        let response = infer(&server, data_type, &header, &section);
        assert_eq!(response.status, 200, "{data_type}: {}", response.text());
        let length: usize = response.header(LENGTH_HEADER).unwrap().parse().unwrap();
        assert_eq!(response.body[length..], section, "{data_type}");
        let told: Value = serde_json::from_slice(&response.body[..length]).unwrap();
        assert_eq!(told["outputs"][0]["datatype"], data_type.name());
        assert_eq!(told["outputs"][0]["shape"], json!([3]));
    }
}

#[test]
fn json_tensors_of_every_type_come_back_as_they_were() {
    let (_samples, server) = server();
    for data_type in DataType::ALL {
        let data = match data_type {
            DataType::Bool => json!([true, false, true]),
            DataType::Bytes => json!(["", "zwölf", "a\"\\\n"]),
            DataType::Fp32 | DataType::Fp64 => json!([0.5, -1.25, 3e10]),
            DataType::Int8 => json!([-128, 0, 127]),
            DataType::Int16 => json!([-32768, 0, 32767]),
            DataType::Int32 => json!([i32::MIN, 0, i32::MAX]),
            DataType::Int64 => json!([i64::MIN, 0, i64::MAX]),
            DataType::Uint8 => json!([0, 1, 255]),
            DataType::Uint16 => json!([0, 1, 65535]),
            DataType::Uint32 => json!([0, 1, u32::MAX]),
            DataType::Uint64 => json!([0, 1, u64::MAX]),
            DataType::Fp16 | DataType::Bf16 => json!([1, 2, 3]),
        };
        let header = json!({
            "inputs": [{"name": "x", "datatype": data_type.name(), "shape": [3], "data": data}],
        });
        let response = infer(&server, data_type, &header, &[]);
        if matches!(data_type, DataType::Fp16 | DataType::Bf16) {
            assert_eq!(response.status, 400, "{data_type} has no form in JSON");
            assert!(
                response.error().contains(data_type.name()),
                "{}",
                response.error()
            );
            continue;
        }
        assert_eq!(response.status, 200, "{data_type}: {}", response.text());
        assert_eq!(response.json()["outputs"][0]["data"], data, "{data_type}");
    }
}

#[test]
fn an_empty_tensor_of_every_type_stays_empty() {
    let (_samples, server) = server();
    for data_type in DataType::ALL {
        let header = json!({
            "inputs": [{"name": "x", "datatype": data_type.name(), "shape": [0],
                        "parameters": {"binary_data_size": 0}}],
            "parameters": {"binary_data_output": true},
        });
        let response = infer(&server, data_type, &header, &[]);
        assert_eq!(response.status, 200, "{data_type}: {}", response.text());
        let length: usize = response.header(LENGTH_HEADER).unwrap().parse().unwrap();
        assert_eq!(response.body.len(), length, "{data_type}");
    }
}
