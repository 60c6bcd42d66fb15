//! Frozen graphs of TensorFlow, as far as the sample models need them. Field numbers are those of
//! the published `graph.proto` and the files that it imports.

use std::collections::BTreeMap;

use prost::Message;
use runtimes::Framework;

use super::{Model, Node, ParameterSource, TensorSpec};
use crate::{DataType, Op, Tensor};

/// Version of the graph format: older than that of every catalogued runtime, so that all read it.
const PRODUCER: i32 = 1395;

#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphDef {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeDef>,
    #[prost(message, optional, tag = "4")]
    versions: Option<VersionDef>,
}

#[derive(Clone, PartialEq, Message)]
struct VersionDef {
    #[prost(int32, tag = "1")]
    producer: i32,
}

#[derive(Clone, PartialEq, Message)]
struct NodeDef {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    op: String,
    #[prost(string, repeated, tag = "3")]
    input: Vec<String>,
    #[prost(btree_map = "string, message", tag = "5")]
    attr: BTreeMap<String, AttrValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AttrValue {
    #[prost(oneof = "Value", tags = "2, 4, 5, 6, 7, 8")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Value {
    #[prost(bytes = "vec", tag = "2")]
    Text(Vec<u8>),
    #[prost(float, tag = "4")]
    Number(f32),
    #[prost(bool, tag = "5")]
    Flag(bool),
    #[prost(int32, tag = "6")]
    Type(i32),
    #[prost(message, tag = "7")]
    Shape(TensorShapeProto),
    #[prost(message, tag = "8")]
    Tensor(TensorProto),
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    tensor_shape: Option<TensorShapeProto>,
    #[prost(bytes = "vec", tag = "4")]
    tensor_content: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShapeProto {
    #[prost(message, repeated, tag = "2")]
    dim: Vec<DimProto>,
}

#[derive(Clone, PartialEq, Message)]
struct DimProto {
    #[prost(int64, tag = "1")]
    size: i64,
}

/// `DT_BOOL` of `types.proto`
const BOOL: i32 = 10;

/// `DataType` of `types.proto`
pub(super) fn element_type(data_type: DataType) -> i32 {
    match data_type {
        DataType::Fp32 => 1,
        DataType::Int32 => 3,
        DataType::Int64 => 9,
        DataType::Fp16 => 19,
    }
}

/// The shape of an input or output.
pub(super) fn shape(dims: &[i64]) -> TensorShapeProto {
    TensorShapeProto {
        dim: dims.iter().map(|&size| DimProto { size }).collect(),
    }
}

/// The model's graph. Its nodes bear the names of the model's inputs and outputs.
pub(super) fn graph(model: &Model) -> GraphDef {
    let mut node: Vec<NodeDef> = model.inputs().iter().map(placeholder).collect();
    if model.parameter_source == ParameterSource::Constant {
        node.push(constant(
            model.parameter_name(),
            &model.constant_parameter(),
        ));
    }
    if model.composed {
        node.extend(composition(model));
        return GraphDef {
            node,
            versions: Some(VersionDef { producer: PRODUCER }),
        };
    }
    for (domain, output) in model.domains.iter().zip(model.outputs()) {
        node.push(NodeDef {
            name: output.name,
            op: model.operator(Framework::TensorFlow, domain),
            input: model.operands(),
            attr: attributes(model),
        });
    }
    GraphDef {
        node,
        versions: Some(VersionDef { producer: PRODUCER }),
    }
}

pub(super) fn encode(model: &Model) -> Vec<u8> {
    graph(model).encode_to_vec()
}

/// The graph of one node of any operator.
pub(super) fn node(node: &Node) -> GraphDef {
    let types = node.types.iter();
    let attributes = types.map(|&(name, data_type)| (name, Value::Type(element_type(data_type))));
    let mut nodes: Vec<NodeDef> = node.inputs.iter().map(placeholder).collect();
    nodes.push(NodeDef {
        name: node.op.to_owned(),
        op: node.op.to_owned(),
        input: node.inputs.iter().map(|spec| spec.name.clone()).collect(),
        attr: attributes
            .map(|(name, value)| (name.to_owned(), AttrValue { value: Some(value) }))
            .collect(),
    });
    for (index, output) in node.outputs.iter().enumerate() {
        nodes.push(NodeDef {
            name: output.name.clone(),
            op: "Identity".to_owned(),
            input: vec![format!("{}:{index}", node.op)],
            attr: named([("T", Value::Type(element_type(output.data_type)))]),
        });
    }
    GraphDef {
        node: nodes,
        versions: Some(VersionDef { producer: PRODUCER }),
    }
}

fn placeholder(spec: &TensorSpec) -> NodeDef {
    NodeDef {
        name: spec.name.clone(),
        op: "Placeholder".to_owned(),
        input: Vec::new(),
        attr: named([
            ("dtype", Value::Type(element_type(spec.data_type))),
            ("shape", Value::Shape(shape(&spec.dims))),
        ]),
    }
}

fn constant(name: &str, tensor: &Tensor) -> NodeDef {
    let dims: Vec<i64> = tensor.shape.iter().map(|&extent| extent as i64).collect();
    let dtype = element_type(tensor.data_type);
    let value = TensorProto {
        dtype,
        tensor_shape: Some(shape(&dims)),
        tensor_content: tensor.to_bytes(),
    };
    NodeDef {
        name: name.to_owned(),
        op: "Const".to_owned(),
        input: Vec::new(),
        attr: named([
            ("dtype", Value::Type(dtype)),
            ("value", Value::Tensor(value)),
        ]),
    }
}

/// The function by TensorFlow's own operators, which has none for a GELU or a norm of this kind.
fn composition(model: &Model) -> Vec<NodeDef> {
    let parameter = model.parameter_name();
    let scalar =
        |name: &str, value: f64| constant(name, &Tensor::new(model.data_type, &[], vec![value]));
    let own = || Value::Type(element_type(model.data_type));
    let plain = |op: &str, input: &[&str], name: &str| built_in(op, input, name, [("T", own())]);
    match model.op {
        Op::BiasGelu => vec![
            scalar("half", 0.5),
            scalar("one", 1.0),
            scalar("root_of_half", std::f64::consts::FRAC_1_SQRT_2),
            plain("AddV2", &["x", parameter], "sum"),
            plain("Mul", &["sum", "root_of_half"], "scaled"),
            plain("Erf", &["scaled"], "erf"),
            plain("AddV2", &["erf", "one"], "twice_normal"),
            plain("Mul", &["sum", "half"], "halved"),
            plain("Mul", &["halved", "twice_normal"], "y"),
        ],
        Op::RmsNorm => vec![
            scalar("epsilon", f64::from(model.epsilon)),
            constant("last_axis", &Tensor::new(DataType::Int32, &[1], vec![-1.0])),
            plain("Square", &["x"], "squares"),
            built_in(
                "Mean",
                &["squares", "last_axis"],
                "mean",
                [
                    ("T", own()),
                    ("Tidx", Value::Type(element_type(DataType::Int32))),
                    ("keep_dims", Value::Flag(true)),
                ],
            ),
            plain("AddV2", &["mean", "epsilon"], "above_zero"),
            plain("Rsqrt", &["above_zero"], "scale"),
            plain("Mul", &["x", "scale"], "normal"),
            plain("Mul", &["normal", parameter], "y"),
        ],
        Op::Modulo => vec![plain("FloorMod", &["x", parameter], "y")],
        Op::SelectAbove => vec![
            plain("Greater", &["x", parameter], "above"),
            built_in("Where", &["above"], "places", [("T", Value::Type(BOOL))]),
            built_in(
                "GatherNd",
                &["x", "places"],
                "y",
                [
                    ("Tparams", own()),
                    ("Tindices", Value::Type(element_type(DataType::Int64))),
                ],
            ),
        ],
    }
}

/// A node of one of TensorFlow's own operators.
fn built_in<const N: usize>(
    op: &str,
    input: &[&str],
    name: &str,
    attributes: [(&str, Value); N],
) -> NodeDef {
    NodeDef {
        name: name.to_owned(),
        op: op.to_owned(),
        input: input.iter().map(|&name| name.to_owned()).collect(),
        attr: named(attributes),
    }
}

fn attributes(model: &Model) -> BTreeMap<String, AttrValue> {
    let mut attributes = named([("T", Value::Type(element_type(model.data_type)))]);
    attributes.extend(match model.op {
        Op::BiasGelu => named([(
            "approximate",
            Value::Text(model.approximation.name().as_bytes().to_vec()),
        )]),
        Op::RmsNorm => named([("epsilon", Value::Number(model.epsilon))]),
        Op::Modulo | Op::SelectAbove => BTreeMap::new(),
    });
    attributes
}

fn named<const N: usize>(values: [(&str, Value); N]) -> BTreeMap<String, AttrValue> {
    values
        .map(|(name, value)| (name.to_owned(), AttrValue { value: Some(value) }))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Format;

    #[test]
    fn an_encoded_graph_decodes_to_its_description() {
        let model = Model::new(
            Op::RmsNorm,
            DataType::Fp16,
            &[-1, 8],
            ParameterSource::Constant,
        )
        .in_format(Format::GraphDef)
        .with_domains(&["custom.ops", "other.ops"])
        .with_epsilon(0.25);
        let graph = GraphDef::decode(encode(&model).as_slice()).expect("what was encoded");
        let nodes: Vec<_> = graph
            .node
            .iter()
            .map(|node| (node.name.as_str(), node.op.as_str()))
            .collect();
        assert_eq!(
            nodes,
            [
                ("x", "Placeholder"),
                ("weight", "Const"),
                ("y_0", "CustomRmsNorm"),
                ("y_1", "OtherRmsNorm"),
            ]
        );
        assert_eq!(
            graph.node[2].attr["epsilon"].value,
            Some(Value::Number(0.25))
        );
        let Some(Value::Tensor(weight)) = &graph.node[1].attr["value"].value else {
            panic!("the constant has no value");
        };
        assert_eq!(weight.tensor_content.len(), 16);
    }
}
