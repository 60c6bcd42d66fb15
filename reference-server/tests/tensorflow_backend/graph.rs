//! Graphs and SavedModels of standard ops, written as TensorFlow's protobuf messages. Field numbers
//! are those of the published `graph.proto`, `saved_model.proto` and the files they import.

use std::collections::BTreeMap;

use prost::Message;
use reference_server::protocol::DataType;

#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
    #[prost(message, optional, tag = "2")]
    pub library: Option<Functions>,
    #[prost(message, optional, tag = "4")]
    pub versions: Option<Versions>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Versions {
    #[prost(int32, tag = "1")]
    pub producer: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Functions {
    #[prost(message, repeated, tag = "1")]
    pub functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Function {
    #[prost(message, optional, tag = "1")]
    pub signature: Option<OpDef>,
    #[prost(message, repeated, tag = "3")]
    pub nodes: Vec<Node>,
    #[prost(btree_map = "string, string", tag = "4")]
    pub results: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct OpDef {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub inputs: Vec<Argument>,
    #[prost(message, repeated, tag = "3")]
    pub outputs: Vec<Argument>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Argument {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int32, tag = "3")]
    pub data_type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Node {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub op: String,
    #[prost(string, repeated, tag = "3")]
    pub inputs: Vec<String>,
    #[prost(btree_map = "string, message", tag = "5")]
    pub attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    #[prost(oneof = "Value", tags = "1, 2, 3, 6, 7, 10")]
    pub value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Value {
    #[prost(message, tag = "1")]
    Types(Types),
    #[prost(string, tag = "2")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
    #[prost(int32, tag = "6")]
    Type(i32),
    #[prost(message, tag = "7")]
    Shape(Shape),
    #[prost(message, tag = "10")]
    Function(FunctionName),
}

#[derive(Clone, PartialEq, Message)]
pub struct Types {
    #[prost(int32, repeated, tag = "6")]
    pub types: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionName {
    #[prost(string, tag = "1")]
    pub name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub dims: Vec<Dim>,
    #[prost(bool, tag = "3")]
    pub unknown_rank: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct Dim {
    #[prost(int64, tag = "1")]
    pub size: i64,
}

#[derive(Clone, PartialEq, Message)]
struct SavedModel {
    #[prost(int64, tag = "1")]
    schema_version: i64,
    #[prost(message, repeated, tag = "2")]
    meta_graphs: Vec<MetaGraph>,
}

#[derive(Clone, PartialEq, Message)]
struct MetaGraph {
    #[prost(message, optional, tag = "1")]
    meta_info: Option<MetaInfo>,
    #[prost(message, optional, tag = "2")]
    graph: Option<Graph>,
    #[prost(btree_map = "string, message", tag = "5")]
    signatures: BTreeMap<String, Signature>,
}

#[derive(Clone, PartialEq, Message)]
struct MetaInfo {
    #[prost(string, repeated, tag = "4")]
    tags: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Signature {
    #[prost(btree_map = "string, message", tag = "1")]
    inputs: BTreeMap<String, TensorInfo>,
    #[prost(btree_map = "string, message", tag = "2")]
    outputs: BTreeMap<String, TensorInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(message, optional, tag = "3")]
    pub shape: Option<Shape>,
}

/// TensorFlow's number of an element type.
pub fn number(data_type: DataType) -> i32 {
    match data_type {
        DataType::Fp32 => 1,
        DataType::Fp64 => 2,
        DataType::Int32 => 3,
        DataType::Uint8 => 4,
        DataType::Int16 => 5,
        DataType::Int8 => 6,
        DataType::Bytes => 7,
        DataType::Int64 => 9,
        DataType::Bool => 10,
        DataType::Bf16 => 14,
        DataType::Uint16 => 17,
        DataType::Fp16 => 19,
        DataType::Uint32 => 22,
        DataType::Uint64 => 23,
    }
}

/// A shape; `None` where not even the rank is known.
pub fn shape(dims: Option<&[i64]>) -> Shape {
    Shape {
        dims: dims
            .unwrap_or_default()
            .iter()
            .map(|&size| Dim { size })
            .collect(),
        unknown_rank: dims.is_none(),
    }
}

/// A node whose attribute `T` is `data_type`.
pub fn node(name: &str, op: &str, inputs: &[&str], data_type: DataType) -> Node {
    bare(name, op, inputs).with("T", Value::Type(number(data_type)))
}

/// A node without attributes.
pub fn bare(name: &str, op: &str, inputs: &[&str]) -> Node {
    Node {
        name: name.to_owned(),
        op: op.to_owned(),
        inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
        attributes: BTreeMap::new(),
    }
}

impl Node {
    /// The node with one more attribute.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.attributes
            .insert(name.to_owned(), Attribute { value: Some(value) });
        self
    }
}

/// A node that a caller feeds.
pub fn placeholder(name: &str, data_type: DataType, dims: Option<&[i64]>) -> Node {
    bare(name, "Placeholder", &[])
        .with("dtype", Value::Type(number(data_type)))
        .with("shape", Value::Shape(shape(dims)))
}

impl Graph {
    /// A graph without functions.
    pub fn of(nodes: Vec<Node>) -> Self {
        Self {
            nodes,
            library: None,
            versions: Some(Versions { producer: 1395 }),
        }
    }

    /// The bytes of a SavedModel with this graph under the tag `serve` and the one signature
    /// `serving_default`.
    pub fn saved_model(
        self,
        inputs: &[(&str, TensorInfo)],
        outputs: &[(&str, TensorInfo)],
    ) -> Vec<u8> {
        let named = |tensors: &[(&str, TensorInfo)]| {
            tensors
                .iter()
                .map(|(name, info)| ((*name).to_owned(), info.clone()))
                .collect()
        };
        let signature = Signature {
            inputs: named(inputs),
            outputs: named(outputs),
        };
        SavedModel {
            schema_version: 1,
            meta_graphs: vec![MetaGraph {
                meta_info: Some(MetaInfo {
                    tags: vec!["serve".to_owned()],
                }),
                graph: Some(self),
                signatures: [("serving_default".to_owned(), signature)].into(),
            }],
        }
        .encode_to_vec()
    }
}

/// A tensor of a signature.
pub fn info(place: &str, data_type: DataType, dims: Option<&[i64]>) -> TensorInfo {
    TensorInfo {
        name: place.to_owned(),
        data_type: number(data_type),
        shape: Some(shape(dims)),
    }
}
