//! Small ONNX models for these tests, written with the public field numbers of `onnx.proto`.

use prost::Message;
use reference_server::protocol::DataType;

#[derive(Clone, PartialEq, Message)]
pub struct Model {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    opset_imports: Vec<OpsetImport>,
}

#[derive(Clone, PartialEq, Message)]
struct OpsetImport {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "11")]
    pub inputs: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub outputs: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    outputs: Vec<String>,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(string, tag = "7")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value_type: Option<ValueType>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorType>,
    #[prost(message, optional, boxed, tag = "4")]
    sequence: Option<Box<SequenceType>>,
}

#[derive(Clone, PartialEq, Message)]
struct SequenceType {
    #[prost(message, optional, boxed, tag = "1")]
    element: Option<Box<ValueType>>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    element_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dims: Vec<Dim>,
}

#[derive(Clone, PartialEq, Message)]
struct Dim {
    #[prost(oneof = "Extent", tags = "1, 2")]
    extent: Option<Extent>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Extent {
    #[prost(int64, tag = "1")]
    Fixed(i64),
    #[prost(string, tag = "2")]
    Named(String),
}

/// A model of `nodes` with ONNX's own ops, and those of `domains`.
pub fn model(
    nodes: Vec<Node>,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    domains: &[&str],
) -> Vec<u8> {
    let import = |domain: &str, version| OpsetImport {
        domain: domain.to_owned(),
        version,
    };
    let mut opset_imports = vec![import("", 17)];
    opset_imports.extend(domains.iter().map(|domain| import(domain, 1)));
    Model {
        ir_version: 8,
        graph: Some(Graph {
            nodes,
            name: "test".to_owned(),
            inputs,
            outputs,
        }),
        opset_imports,
    }
    .encode_to_vec()
}

pub fn node(domain: &str, op_type: &str, inputs: &[&str], outputs: &[&str]) -> Node {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Node {
        inputs: names(inputs),
        outputs: names(outputs),
        op_type: op_type.to_owned(),
        domain: domain.to_owned(),
    }
}

/// A tensor; each of `dims` is a number, a name, or `?` for neither.
pub fn tensor(name: &str, data_type: DataType, dims: &[&str]) -> ValueInfo {
    let dims = dims
        .iter()
        .map(|dim| Dim {
            extent: match (*dim, dim.parse()) {
                (_, Ok(length)) => Some(Extent::Fixed(length)),
                ("?", _) => None,
                (name, _) => Some(Extent::Named(name.to_owned())),
            },
        })
        .collect();
    value(
        name,
        ValueType {
            tensor: Some(TensorType {
                element_type: element_type(data_type),
                shape: Some(Shape { dims }),
            }),
            sequence: None,
        },
    )
}

/// A tensor that does not tell its rank.
pub fn tensor_of_any_rank(name: &str, data_type: DataType) -> ValueInfo {
    value(
        name,
        ValueType {
            tensor: Some(TensorType {
                element_type: element_type(data_type),
                shape: None,
            }),
            sequence: None,
        },
    )
}

/// A sequence of tensors.
pub fn sequence(name: &str, data_type: DataType) -> ValueInfo {
    let element = tensor_of_any_rank(name, data_type).value_type;
    value(
        name,
        ValueType {
            tensor: None,
            sequence: Some(Box::new(SequenceType {
                element: element.map(Box::new),
            })),
        },
    )
}

fn value(name: &str, value_type: ValueType) -> ValueInfo {
    ValueInfo {
        name: name.to_owned(),
        value_type: Some(value_type),
    }
}

fn element_type(data_type: DataType) -> i32 {
    match data_type {
        DataType::Fp32 => 1,
        DataType::Uint8 => 2,
        DataType::Int8 => 3,
        DataType::Uint16 => 4,
        DataType::Int16 => 5,
        DataType::Int32 => 6,
        DataType::Int64 => 7,
        DataType::Bytes => 8,
        DataType::Bool => 9,
        DataType::Fp16 => 10,
        DataType::Fp64 => 11,
        DataType::Uint32 => 12,
        DataType::Uint64 => 13,
        DataType::Bf16 => 16,
    }
}
