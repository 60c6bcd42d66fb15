//! The ONNX file format, as far as the sample models need it. Field numbers are those of the
//! published `onnx.proto`.

use prost::Message;
use runtimes::Framework;

use super::{Model, Node, ParameterSource, TensorSpec};
use crate::{DataType, Op, Tensor};

/// Version of the file format: 10 came with ONNX 1.16, which every catalogued runtime reads.
const IR_VERSION: i64 = 10;
/// Version of the standard operators, which only compositions use.
const STANDARD_OPSET: i64 = 21;
/// `AttributeProto.AttributeType.FLOAT`
const ATTRIBUTE_FLOAT: i32 = 1;
/// `AttributeProto.AttributeType.INT`
const ATTRIBUTE_INTEGER: i32 = 2;
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
    #[prost(int64, optional, tag = "3")]
    i: Option<i64>,
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
    if model.composed {
        return encode_composition(model);
    }
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
    let graph = GraphProto {
        node,
        name: model.name.clone(),
        initializer: constants(model),
        input: model.inputs().iter().map(value_info).collect(),
        output: outputs.iter().map(value_info).collect(),
    };
    encode_graph(graph, opset_import)
}

/// The second operand where it is no input.
fn constants(model: &Model) -> Vec<TensorProto> {
    match model.parameter_source {
        ParameterSource::Input => Vec::new(),
        ParameterSource::Constant => {
            vec![initializer(
                model.parameter_name(),
                &model.constant_parameter(),
            )]
        }
    }
}

fn initializer(name: &str, tensor: &Tensor) -> TensorProto {
    TensorProto {
        dims: tensor.shape.iter().map(|&extent| extent as i64).collect(),
        data_type: element_type(tensor.data_type),
        name: name.to_owned(),
        raw_data: Some(tensor.to_bytes()),
    }
}

/// The function by ONNX's own operators. Their standard defines the remainder of a floored division
/// for integers alone, and a norm of this kind in later versions than every catalogued runtime has; ONNX
/// Runtime knows this form of it and runs it as one operator of its own.
fn encode_composition(model: &Model) -> Vec<u8> {
    let parameter = model.parameter_name();
    let scalar = |name: &str, value: f64| {
        initializer(name, &Tensor::new(model.data_type, &[1], vec![value]))
    };
    let indices = |name: &str, value: f64| {
        initializer(name, &Tensor::new(DataType::Int64, &[1], vec![value]))
    };
    let mut initializer = constants(model);
    let node = match model.op {
        Op::BiasGelu => vec![
            standard("Add", &["x", parameter], "sum", Vec::new()),
            standard("Gelu", &["sum"], "y", attributes(model)),
        ],
        Op::RmsNorm => {
            initializer.extend([
                scalar("two", 2.0),
                scalar("epsilon", f64::from(model.epsilon)),
                indices("last_axis", -1.0),
            ]);
            vec![
                standard("Pow", &["x", "two"], "squares", Vec::new()),
                standard("ReduceMean", &["squares", "last_axis"], "mean", Vec::new()),
                standard("Add", &["mean", "epsilon"], "above_zero", Vec::new()),
                standard("Sqrt", &["above_zero"], "root", Vec::new()),
                standard("Div", &["x", "root"], "normal", Vec::new()),
                standard("Mul", &["normal", parameter], "y", Vec::new()),
            ]
        }
        Op::Modulo if !model.data_type.is_float() => {
            vec![standard("Mod", &["x", parameter], "y", Vec::new())]
        }
        Op::Modulo => {
            initializer.push(scalar("zero", 0.0));
            let truncated = AttributeProto {
                name: "fmod".to_owned(),
                f: None,
                i: Some(1),
                s: None,
                r#type: ATTRIBUTE_INTEGER,
            };
            vec![
                standard("Mod", &["x", parameter], "remainder", vec![truncated]),
                standard("Mul", &["remainder", parameter], "product", Vec::new()),
                standard("Less", &["product", "zero"], "differs", Vec::new()),
                standard("Add", &["remainder", parameter], "moved", Vec::new()),
                standard("Where", &["differs", "moved", "remainder"], "y", Vec::new()),
            ]
        }
        Op::SelectAbove => {
            initializer.push(indices("flat", -1.0));
            vec![
                standard("Greater", &["x", parameter], "above", Vec::new()),
                standard("Reshape", &["above", "flat"], "chosen", Vec::new()),
                standard("Compress", &["x", "chosen"], "y", Vec::new()),
            ]
        }
    };
    let graph = GraphProto {
        node,
        name: model.name.clone(),
        initializer,
        input: model.inputs().iter().map(value_info).collect(),
        output: model.outputs().iter().map(value_info).collect(),
    };
    encode_graph(graph, vec![standard_opset()])
}

/// A node of one of ONNX's own operators, named after its output.
fn standard(
    operator: &str,
    input: &[&str],
    output: &str,
    attribute: Vec<AttributeProto>,
) -> NodeProto {
    NodeProto {
        input: input.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: format!("make_{output}"),
        op_type: operator.to_owned(),
        attribute,
        domain: String::new(),
    }
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
            i: None,
            s: Some(model.approximation.name().as_bytes().to_vec()),
            r#type: ATTRIBUTE_STRING,
        }],
        Op::RmsNorm => vec![AttributeProto {
            name: "epsilon".to_owned(),
            f: Some(model.epsilon),
            i: None,
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
