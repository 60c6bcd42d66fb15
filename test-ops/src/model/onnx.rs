//! The ONNX file format, as far as the sample models need it. Field numbers are those of the
//! published `onnx.proto`.

use prost::Message;
use runtimes::Framework;

use super::{Model, Node, ParameterSource, TensorSpec};
use crate::{DataType, Op};

/// Version of the file format: 10 came with ONNX 1.16, which every catalogued runtime reads.
const IR_VERSION: i64 = 10;
/// Version of the standard operators; the sample models use none of them.
const STANDARD_OPSET: i64 = 21;
/// `AttributeProto.AttributeType.FLOAT`
const ATTRIBUTE_FLOAT: i32 = 1;
/// `AttributeProto.AttributeType.STRING`
const ATTRIBUTE_STRING: i32 = 3;

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetIdProto>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSetIdProto {
    #[prost(string, optional, tag = "1")]
    domain: Option<String>,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(float, optional, tag = "2")]
    f: Option<f32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    s: Option<Vec<u8>>,
    #[prost(int32, tag = "20")]
    r#type: i32,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", optional, tag = "9")]
    raw_data: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfoProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct DimensionProto {
    #[prost(oneof = "Dimension", tags = "1, 2")]
    value: Option<Dimension>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Dimension {
    #[prost(int64, tag = "1")]
    Value(i64),
    #[prost(string, tag = "2")]
    Parameter(String),
}

/// `TensorProto.DataType`
fn element_type(data_type: DataType) -> i32 {
    match data_type {
        DataType::Fp32 => 1,
        DataType::Int32 => 6,
        DataType::Int64 => 7,
        DataType::Fp16 => 10,
    }
}

pub(super) fn encode(model: &Model) -> Vec<u8> {
    let outputs = model.outputs();
    let mut opset_import = vec![standard_opset()];
    let standard = String::new();
    let mut imported: Vec<&String> = vec![&standard];
    let mut node = Vec::new();
    for (index, (domain, output)) in model.domains.iter().zip(&outputs).enumerate() {
        if !imported.contains(&domain) {
            imported.push(domain);
            opset_import.push(first_opset(domain));
        }
        node.push(NodeProto {
            input: model.operands(),
            output: vec![output.name.clone()],
            name: format!("{}_{index}", model.op),
            op_type: model.operator(Framework::OnnxRuntime, domain),
            attribute: attributes(model),
            domain: domain.clone(),
        });
    }
    let initializer = match model.parameter_source {
        ParameterSource::Input => Vec::new(),
        ParameterSource::Constant => {
            let parameter = model.constant_parameter();
            vec![TensorProto {
                dims: parameter
                    .shape
                    .iter()
                    .map(|&extent| extent as i64)
                    .collect(),
                data_type: element_type(parameter.data_type),
                name: model.parameter_name().to_owned(),
                raw_data: Some(parameter.to_bytes()),
            }]
        }
    };
    let graph = GraphProto {
        node,
        name: model.name.clone(),
        initializer,
        input: model.inputs().iter().map(value_info).collect(),
        output: outputs.iter().map(value_info).collect(),
    };
    encode_graph(graph, opset_import)
}

/// A model of one node of any operator.
pub(super) fn encode_node(node: &Node) -> Vec<u8> {
    let names = |tensors: &[TensorSpec]| tensors.iter().map(|spec| spec.name.clone()).collect();
    let graph = GraphProto {
        node: vec![NodeProto {
            input: names(&node.inputs),
            output: names(&node.outputs),
            name: node.op.to_owned(),
            op_type: node.op.to_owned(),
            attribute: Vec::new(),
            domain: node.domain.to_owned(),
        }],
        name: node.op.to_owned(),
        initializer: Vec::new(),
        input: node.inputs.iter().map(value_info).collect(),
        output: node.outputs.iter().map(value_info).collect(),
    };
    encode_graph(graph, vec![standard_opset(), first_opset(node.domain)])
}

fn encode_graph(graph: GraphProto, opset_import: Vec<OperatorSetIdProto>) -> Vec<u8> {
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        graph: Some(graph),
        opset_import,
    }
    .encode_to_vec()
}

/// ONNX's own operators.
fn standard_opset() -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: Some(String::new()),
        version: STANDARD_OPSET,
    }
}

/// The first version of a domain's operators.
fn first_opset(domain: &str) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: Some(domain.to_owned()),
        version: 1,
    }
}

fn attributes(model: &Model) -> Vec<AttributeProto> {
    match model.op {
        Op::BiasGelu => vec![AttributeProto {
            name: "approximate".to_owned(),
            f: None,
            s: Some(model.approximation.name().as_bytes().to_vec()),
            r#type: ATTRIBUTE_STRING,
        }],
        Op::RmsNorm => vec![AttributeProto {
            name: "epsilon".to_owned(),
            f: Some(model.epsilon),
            s: None,
            r#type: ATTRIBUTE_FLOAT,
        }],
        Op::Modulo | Op::SelectAbove => Vec::new(),
    }
}

/// Open axes get a name each: the axis number behind `batch` for the first and `axis` for the
/// others; that of a data-dependent output has its own name.
fn value_info(spec: &TensorSpec) -> ValueInfoProto {
    let dim = spec
        .dims
        .iter()
        .enumerate()
        .map(|(axis, &dim)| DimensionProto {
            value: Some(match (u64::try_from(dim), axis) {
                (Ok(_), _) => Dimension::Value(dim),
                (Err(_), 0) if spec.dims.len() > 1 => Dimension::Parameter("batch".to_owned()),
                (Err(_), _) => Dimension::Parameter(format!("{}_axis_{axis}", spec.name)),
            }),
        })
        .collect();
    ValueInfoProto {
        name: spec.name.clone(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: element_type(spec.data_type),
                shape: Some(TensorShapeProto { dim }),
            }),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_model_decodes_to_its_description() {
        let model = Model::new(
            Op::RmsNorm,
            DataType::Fp16,
            &[-1, 8],
            ParameterSource::Constant,
        )
        .with_domains(&["a", "b", "a"])
        .with_epsilon(0.25);
        let decoded = ModelProto::decode(model.to_onnx().as_slice()).expect("what was encoded");
        let domains: Vec<_> = decoded
            .opset_import
            .iter()
            .map(|opset| opset.domain.clone().unwrap())
            .collect();
        assert_eq!(domains, ["", "a", "b"]);
        let graph = decoded.graph.expect("a graph");
        assert_eq!(graph.node.len(), 3);
        assert_eq!(graph.node[1].domain, "b");
        assert_eq!(graph.node[0].attribute[0].f, Some(0.25));
        assert_eq!(graph.input.len(), 1);
        assert_eq!(
            graph.initializer[0].raw_data.as_ref().map(Vec::len),
            Some(16)
        );
    }

    #[test]
    fn an_operator_of_the_standard_keeps_its_version() {
        let model = Model::new(
            Op::Modulo,
            DataType::Int64,
            &[-1, 8],
            ParameterSource::Input,
        )
        .with_domains(&[""])
        .with_operator_name("Mod");
        let decoded = ModelProto::decode(model.to_onnx().as_slice()).expect("what was encoded");
        let [opset] = decoded.opset_import.as_slice() else {
            panic!("one domain: {:?}", decoded.opset_import);
        };
        assert_eq!(opset.version, STANDARD_OPSET);
        assert_eq!(decoded.graph.expect("a graph").node[0].op_type, "Mod");
    }

    #[test]
    fn a_model_without_bias_has_one_input() {
        let model = Model::new(
            Op::BiasGelu,
            DataType::Fp32,
            &[-1, 8],
            ParameterSource::Constant,
        )
        .without_bias();
        let decoded = ModelProto::decode(model.to_onnx().as_slice()).expect("what was encoded");
        let graph = decoded.graph.expect("a graph");
        assert_eq!(graph.node[0].input, ["x"]);
        assert!(graph.initializer.is_empty() && graph.input.len() == 1);
    }
}
