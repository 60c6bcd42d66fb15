use prost::Message as _;

use super::{TensorSpec, graph_def, onnx};
use crate::DataType;

/// A model of one operator that is none of the samples', such as one of a published op library. Its
/// inputs and outputs are those of the model, in the operator's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Operator domain; empty where the framework has none.
    pub domain: &'static str,
    /// The operator's name.
    pub op: &'static str,
    /// TensorFlow: attributes that are element types.
    pub types: Vec<(&'static str, DataType)>,
    /// Inputs of the model and of the operator.
    pub inputs: Vec<TensorSpec>,
    /// Outputs of the model and of the operator.
    pub outputs: Vec<TensorSpec>,
}

impl Node {
    /// The model as the bytes of a `model.onnx`.
    pub fn to_onnx(&self) -> Vec<u8> {
        onnx::encode_node(self)
    }

    /// The model as the bytes of a `model.graphdef`. Each output is a node of its own, which has the
    /// output's name.
    pub fn to_graph_def(&self) -> Vec<u8> {
        graph_def::node(self).encode_to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, data_type: DataType) -> TensorSpec {
        TensorSpec {
            name: name.to_owned(),
            data_type,
            dims: vec![-1],
        }
    }

    fn node() -> Node {
        Node {
            domain: "vendor.ops",
            op: "Split",
            types: vec![("T", DataType::Fp32)],
            inputs: vec![spec("x", DataType::Fp32)],
            outputs: vec![spec("low", DataType::Fp32), spec("count", DataType::Int32)],
        }
    }

    /// The bytes of every name stand in the file as they are: a look at them needs no decoder.
    fn assert_names(file: &[u8], names: &[&str]) {
        for name in names {
            let found = file
                .windows(name.len())
                .any(|window| window == name.as_bytes());
            assert!(found, "{name}");
        }
    }

    #[test]
    fn both_files_name_the_operator_and_its_tensors() {
        assert_names(
            &node().to_onnx(),
            &["vendor.ops", "Split", "x", "low", "count"],
        );
        assert_names(
            &node().to_graph_def(),
            &["Split", "Placeholder", "low", "Split:0", "count", "Split:1"],
        );
    }
}
